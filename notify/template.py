"""Templates of mails to customers: Jinja2 in its sandbox. What customers and agents wrote is data and never a template."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.desk import Department, Desk
from config.problems import Place, Problem
from tickets.trouble import Temporary

if TYPE_CHECKING:
    from jinja2 import Template  # it costs a tenth of a second to import, and most commands fill no template

ANSWER: Final = """\
{{ text }}
{% if signature %}

--\x20
{{ signature }}
{% endif %}
{% if quote %}

{{ quote }}
{% endif %}
"""
FILE: Final = "answer.txt"
LONGEST: Final = 300_000
"""Characters of a mail's text: a template of the desk may be wrong, and must not fill the memory."""

_SAMPLE: Final = {
    "text": "text", "agent": "agent", "department": "department", "desk": "desk", "customer": "customer",
    "number": 1, "subject": "subject", "signature": "signature", "quote": "> quote",
}  # fmt: skip


@lru_cache(maxsize=64)
def _compiled(source: str) -> "Template":
    from jinja2 import StrictUndefined  # noqa: PLC0415  # see above
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415  # see above

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True  # it makes plain text
    )  # fmt: skip
    return environment.from_string(source)


def fill(source: str, values: Mapping[str, Any]) -> str:
    """Return a template with its values; raises `ValueError` with words about what is wrong in it."""
    from jinja2 import TemplateError, TemplateSyntaxError  # noqa: PLC0415  # see above

    made, size = [], 0
    try:
        for piece in _compiled(source).generate(**values):
            made.append(piece)
            size += len(piece)
            if size > LONGEST:
                raise ValueError(f"it makes more than {LONGEST} characters")
    except TemplateError as error:
        line = f" in line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
        raise ValueError(f"{error.message or type(error).__name__}{line}") from error
    except (ArithmeticError, TypeError, MemoryError, AttributeError, LookupError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return "".join(made)


def source_of(desk: Desk, department: Department | None) -> str:
    """Return the template of a department's answers: `answer.txt` in its folder, else the usual one. Raises `Temporary`."""
    if department is None or department.templates is None:
        return ANSWER
    try:
        return _path(desk, department.templates).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Temporary(f"the template of {department.name} cannot be read: {error}") from error


def replies(desk: Desk, department: Department) -> tuple[str, ...]:
    """Return the names of a department's templates for automatic answers: the other files of its folder, without `.txt`."""
    if department.templates is None:
        return ()
    folder = _path(desk, department.templates).parent
    return tuple(sorted(one.stem for one in folder.glob("*.txt") if one.name != FILE))


def reply_source(desk: Desk, department: Department, name: str) -> str:
    """Return one of these templates; raises `OSError`, and `ValueError` when it is no text or there is none called so."""
    if name not in replies(desk, department):
        raise ValueError(f"{department.id} has no template {name}")
    return _path(desk, department.templates or "").with_name(f"{name}.txt").read_text(encoding="utf-8")


def check_templates(desk: Desk) -> Iterable[Problem]:
    """Return what is wrong with the departments' templates."""
    place = Place()
    for i, department in enumerate(desk.departments):
        if department.templates is None:
            continue
        here = place.at("departments", i, "templates")
        path = _path(desk, department.templates)
        if desk.folder is not None and not path.resolve().is_relative_to(desk.folder.resolve()):
            here.note("the folder of templates must lie in the folder of the desk file, or below it")
            continue
        try:
            fill(path.read_text(encoding="utf-8"), _SAMPLE)
        except OSError as error:
            here.note(f"{FILE} cannot be read there: {error.strerror}")
        except ValueError as error:
            here.note(f"{FILE} is not a template: {error}")
    return place.found


def _path(desk: Desk, folder: str) -> Path:
    return (desk.folder or Path()) / folder / FILE
