"""Templates of what customers are sent: Jinja2 in its sandbox. What customers and agents wrote is data and never a template.

A department's folder has them as `NAME.txt`, and for a language as `NAME.LANGUAGE.txt`. A file may begin with a line
`Subject: …` and a blank line; the subject is a template itself.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.desk import Department, Desk
from config.problems import Place, Problem
from notify.mime import MAX_NAME, MAX_SUBJECT
from notify.note import one_line
from tickets.language import with_bases
from tickets.trouble import Temporary

if TYPE_CHECKING:
    from jinja2 import Template  # it costs a tenth of a second to import, and most commands fill no template

ANSWER: Final = "answer"
"""The template of all that is sent by mail: it stands around the `text`."""
RATING: Final = "rating"
"""The template that asks a customer how it was."""
_USUAL: Final = {
    ANSWER: """\
{{ text }}
{% if signature %}

--\x20
{{ signature }}
{% endif %}
{% if quote %}

{{ quote }}
{% endif %}
""",
    RATING: """\
Hello{% if first_name %} {{ first_name }}{% endif %},

your request "{{ subject }}" was resolved. How did we do?

Good: {{ positive_url }}
Not good: {{ negative_url }}

You can add a few words there. Thank you!
""",
}
LONGEST: Final = 300_000
"""Characters of a mail's text: a template of the desk may be wrong, and must not fill the memory."""

_NAMED: Final = re.compile(r"(?P<name>.+?)(?:\.(?P<language>[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}))?\.txt")
_SUBJECT: Final = re.compile(r"Subject:[ \t]*(?P<subject>[^\r\n]*)(?:\r?\n(?P<rest>.*))?", re.DOTALL)

SAMPLE: Final[Mapping[str, Any]] = {
    "text": "Your parcel is on its way.",
    "agent": "Sona Novak",
    "agent_first_name": "Sona",
    "department": "Billing",
    "desk": "Acme Support",
    "customer": "Ann Smith",
    "first_name": "Ann",
    "number": 17,
    "subject": "My parcel",
    "signature": "The billing team",
    "quote": "On 2026-11-26 09:30 UTC, Ann Smith wrote:\n> Where is my parcel?",
    "language": "en",
}
"""What `check` fills a template with that stands around a mail, and `frontdesk template show` without a ticket."""
LINKS: Final = {
    "positive_url": "https://desk.example/rate/…?score=positive",
    "negative_url": "https://desk.example/rate/…?score=negative",
}
"""The two links of `rating`, as they are shown where nobody may follow them."""


@dataclass(frozen=True, slots=True)
class Words:
    """A template as it was read: where it stands, the source of its subject if it has one, and that of its text.

    `line` is the line of the file in which the text begins; `language` is that of the file's name.
    """

    file: str
    subject: str | None
    text: str
    line: int = 1
    language: str | None = None

    def filled(self, values: Mapping[str, Any]) -> "Letter":
        """Return subject and text with the values; raises `ValueError` with words about what is wrong, and where."""
        subject = None
        if self.subject is not None:
            subject = one_line(_filled(self.subject, values, f"{self.file}:1"))[:MAX_SUBJECT] or None
        return Letter(subject, _filled(self.text, values, self.file, self.line - 1), self.language)


@dataclass(frozen=True, slots=True)
class Letter:
    """A template with its values; without a `subject` it stands under the usual one."""

    subject: str | None
    text: str
    language: str | None = None


@lru_cache(maxsize=128)
def _compiled(source: str) -> "Template":
    from jinja2 import StrictUndefined  # noqa: PLC0415  # see above
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415  # see above

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True  # it makes plain text
    )  # fmt: skip
    return environment.from_string(source)


def fill(source: str, values: Mapping[str, Any]) -> str:
    """Return a template with its values; raises `ValueError` with words about what is wrong in it."""
    return _filled(source, values)


def _filled(source: str, values: Mapping[str, Any], file: str = "", above: int = 0) -> str:
    """Fill a template that begins below so many lines of its file."""
    from jinja2 import TemplateError, TemplateSyntaxError  # noqa: PLC0415  # see above

    made, size = [], 0
    try:
        for piece in _compiled(source).generate(**values):
            made.append(piece)
            size += len(piece)
            if size > LONGEST:
                raise ValueError(f"it makes more than {LONGEST} characters")
    except TemplateError as error:
        words = error.message or type(error).__name__
        at = error.lineno if isinstance(error, TemplateSyntaxError) else _line_of(error, file)
        raise ValueError(_placed(words, file, at, above)) from error
    except (ArithmeticError, TypeError, MemoryError, AttributeError, LookupError) as error:
        raise ValueError(_placed(f"{type(error).__name__}: {error}", file, _line_of(error, file), above)) from error
    return "".join(made)


def _line_of(error: BaseException, file: str) -> int | None:
    """Return the line of a file's template in which it went wrong: Jinja2 puts it into the traceback."""
    found, step = None, error.__traceback__ if file else None
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<template>":
            found = step.tb_lineno
        step = step.tb_next
    return found


def _placed(words: str, file: str, line: int | None, above: int) -> str:
    if not file:
        return f"{words} in line {line}" if line else words
    return f"{file}:{line + above}: {words}" if line and ":" not in file else f"{file}: {words}"


def first_name(name: str) -> str:
    """Return what a person is called in a greeting, or nothing where the name is an address or a number."""
    word = one_line(name).partition(" ")[0].rstrip(",")
    return word[:MAX_NAME] if word and any(one.isalpha() for one in word) and "@" not in word else ""


def words_of(desk: Desk, department: Department | None, name: str, languages: Iterable[str] = ()) -> Words:
    """Return a template of a department in the first of the languages there is (`it-CH`, then `it`), else the one without.

    `answer` and `rating` have usual words where the folder has none. Raises `OSError`, and `ValueError` when it is no text,
    or when there is none called so.
    """
    files = _files(desk, department)
    if not files and department and department.templates and not _folder(desk, department).is_dir():
        raise FileNotFoundError(f"there is no folder {department.templates}")
    for tag in (one.lower() for language in languages for one in with_bases(language)):
        if (path := files.get((name, tag))) is not None:
            return _read(path, _language(path))
    if (path := files.get((name, ""))) is not None:
        return _read(path, None)
    if name not in _USUAL:
        raise ValueError(f"{department.id if department else 'nobody'} has no template {name}")
    return Words(f"{name}.txt", None, _USUAL[name])


def speaks(desk: Desk, department: Department | None, name: str) -> bool:
    """Tell whether a template is there in more than one language, so that the customer's matters."""
    return any(one == name and language for one, language in _files(desk, department))


def replies(desk: Desk, department: Department) -> tuple[str, ...]:
    """Return the names of a department's templates for automatic answers: those of its folder that have no use of their own."""
    return tuple(sorted({name for name, language in _files(desk, department) if not language} - set(_USUAL)))


def versions(desk: Desk, department: Department, name: str) -> tuple[Words, ...]:
    """Return a template in all its languages; raises like `words_of`."""
    found = [(path, _language(path)) for (one, _), path in sorted(_files(desk, department).items()) if one == name]
    return tuple(_read(path, language) for path, language in found)


def _files(desk: Desk, department: Department | None) -> dict[tuple[str, str], Path]:
    """Return the templates of a department: their files by name and language, in lower case."""
    if department is None or department.templates is None:
        return {}
    found = ((_NAMED.fullmatch(path.name), path) for path in _folder(desk, department).glob("*.txt"))
    return {(named["name"], (named["language"] or "").lower()): path for named, path in found if named}


def _folder(desk: Desk, department: Department) -> Path:
    return (desk.folder or Path()) / (department.templates or "")


def _language(path: Path) -> str | None:
    named = _NAMED.fullmatch(path.name)
    return named["language"] if named else None


def _read(path: Path, language: str | None) -> Words:
    source = path.read_text(encoding="utf-8")
    found = _SUBJECT.fullmatch(source)
    if found is None:
        return Words(path.name, None, source, language=language)
    above, _, text = (found["rest"] or "").partition("\n")
    if above.strip():
        raise ValueError(f"{path.name}:2: a blank line belongs between the subject and the text")
    return Words(path.name, found["subject"], text, 3, language)


def readable(desk: Desk, department: Department | None, name: str, languages: Sequence[str] = ()) -> Words:
    """Return a template like `words_of`; raises `Temporary` where it cannot be read now."""
    try:
        return words_of(desk, department, name, languages)
    except (OSError, ValueError) as error:
        called = department.name if department else name
        raise Temporary(f"the template of {called} cannot be read: {error}", 300) from error


def check_templates(desk: Desk) -> Iterable[Problem]:
    """Return what is wrong with the departments' templates."""
    place = Place()
    for i, department in enumerate(desk.departments):
        here = place.at("departments", i, "templates")
        if department.templates is not None:
            _check_folder(desk, department, here)
        if department.ask_for_rating is not None and desk.desk.url is None:
            words = "without desk.url nobody is asked by mail or on a platform, for there is no link; chats ask by themselves"
            place.at("departments", i, "ask_for_rating").warn(words)
    return place.found


def _check_folder(desk: Desk, department: Department, here: Place) -> None:
    folder = _folder(desk, department)
    if desk.folder is not None and not folder.resolve().is_relative_to(desk.folder.resolve()):
        here.note("the folder of templates must lie in the folder of the desk file, or below it")
        return
    if not folder.is_dir():
        here.note("there is no such folder")
        return
    files = _files(desk, department)
    for (name, language), path in sorted(files.items()):
        if language and name not in _USUAL and (name, "") not in files:
            here.note(f"{path.name} stands alone: {name}.txt belongs beside it, for everybody else's language")
        if name in _USUAL:
            _check_one(path, SAMPLE if name == ANSWER else {**SAMPLE, **LINKS, "text": ""}, here)


def _check_one(path: Path, sample: Mapping[str, Any], here: Place) -> None:
    try:
        _read(path, None).filled(sample)
    except OSError as error:
        here.note(f"{path.name} cannot be read there: {error.strerror}")
    except ValueError as error:
        here.note(f"{path.name} is not a template: {error}")
