"""The desk file: read with its included files, checked as a whole, and turned into one frozen `Desk`.

Every problem is reported at once. A part that cannot be used is replaced by a stand-in while the rest is checked, so that
a wrong address of one agent does not hide a rule that names an unknown department.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from config.calendar import Calendar
from config.check import check_desk
from config.desk import About, Agent, ChannelConfig, Correlation, Department, Desk
from config.model import Model, Name
from config.plain import note
from config.problems import DeskError, Place, Problem, Where, nearest
from config.rule import Rule
from config.sla import ContactGroup, Escalation, Sla
from config.source import Source, Stamp, read

Check = Callable[[Desk], Iterable[Problem]]
"""Looks at the whole desk and returns what is wrong; the position is added by `load`."""

SECTIONS: Final = (
    "desk", "agents", "departments", "calendars", "channels", "notifiers", "tags", "fields", "slas",
    "contact_groups", "escalations", "correlations", "rules", "include",
)  # fmt: skip
INCLUDED: Final = ("departments", "rules")
MAX_INCLUDES: Final = 100

M = TypeVar("M", bound=Model)
_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Kinds:
    """The channel types and notifiers there are: their words, and the model of each one's settings (else `KeyError`)."""

    channel_words: Callable[[], Sequence[str]]
    channel_model: Callable[[str], type[ChannelConfig]]
    notifier_words: Callable[[], Sequence[str]]
    notifier_model: Callable[[str], type[Model]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A desk that may be used, what is odd about it, and the stamps of the files it was read from."""

    desk: Desk
    warnings: tuple[Problem, ...]
    files: Mapping[Path, Stamp | None]


def load(path: Path, kinds: Kinds, checks: Sequence[Check] = ()) -> Loaded:
    """Read and check a desk file; raises `DeskError` with every problem. Nothing but the files is touched."""
    return examine(read_pages(path), kinds, checks)


def examine(pages: "Pages", kinds: Kinds, checks: Sequence[Check] = ()) -> Loaded:
    """Return the desk that stands on the pages; raises `DeskError` with every problem."""
    problems = [problem for source in pages.sources for problem in source.problems]
    problems += map(pages.placed, pages.problems)
    if pages.raw is None:
        raise DeskError(pages.in_order(problems))
    draft = _Draft(pages.raw, kinds)
    desk = draft.desk(pages.version, pages.sources[0].path.parent, sound=not problems)
    found = list(draft.place)
    if draft.readable:
        found += (problem for check in (check_desk, *checks) for problem in check(desk))
    found = [pages.placed(problem) for problem in found]
    problems += (problem for problem in found if problem.severity == "error")
    if problems:
        raise DeskError(pages.in_order(problems))
    return Loaded(desk, tuple(pages.in_order(found)), pages.stamps)


@dataclass(frozen=True, slots=True)
class Pages:
    """The desk file and its included files, and where each department and rule of the whole stands in them."""

    sources: tuple[Source, ...]
    raw: Mapping[str, Any] | None
    origin: Mapping[tuple[str, int], tuple[Source, int]]
    problems: tuple[Problem, ...]

    @property
    def version(self) -> str:
        """The hash of all bytes read: the desk's version."""
        return hashlib.sha256(b"".join(source.raw for source in self.sources)).hexdigest()[:12]

    @property
    def stamps(self) -> Mapping[Path, Stamp | None]:
        """The files that were read or looked for, as they were then."""
        return {source.path: source.stamp for source in self.sources}

    def placed(self, problem: Problem) -> Problem:
        """Return the problem with its file, line and column; its path counts within that file."""
        if problem.file:
            return problem
        source, where = self.sources[0], problem.where
        if len(where) > 1 and isinstance(where[1], int):
            source, index = self.origin.get((str(where[0]), where[1]), (source, where[1]))
            where = (where[0], index, *where[2:])
        line, column = source.position(where, on_key=problem.on_key)
        return replace(problem, where=where, file=source.name, line=line, column=column)

    def in_order(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems in the order of the files and lines."""
        order = {source.name: index for index, source in enumerate(self.sources)}
        return sorted(problems, key=lambda p: (order.get(p.file, 0), p.line, p.column))


def read_pages(path: Path) -> Pages:
    """Read the desk file and the files it includes; what is wrong with them stands in the pages."""
    main = read(path, str(path))
    if main.data is None:
        return Pages((main,), None, {}, ())
    place = Place()
    included = _included(main, place)
    raw: dict[str, Any] = dict(main.data)
    origin: dict[tuple[str, int], tuple[Source, int]] = {}
    for section in INCLUDED:
        if raw.get(section) is not None and not isinstance(raw[section], list):
            continue
        whole: list[Any] = []
        for source in (main, *included):
            items = (source.data or {}).get(section)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                origin[section, len(whole)] = (source, index)
                whole.append(item)
        if whole:
            raw[section] = whole
    return Pages((main, *included), raw, origin, tuple(place))


def _included(main: Source, place: Place) -> list[Source]:
    listed = (main.data or {}).get("include")
    if listed is None:
        return []
    if not isinstance(listed, list) or len(listed) > MAX_INCLUDES:
        place.at("include").note(f"must be a list of at most {MAX_INCLUDES} files: [rules/billing.yaml]")
        return []
    sources: list[Source] = []
    folder = main.path.parent
    taken = {main.path.resolve()}
    for index, name in enumerate(listed):
        here = place.at("include", index)
        if not isinstance(name, str) or not name or "\0" in name:
            here.note("must be the name of a file: rules/billing.yaml")
            continue
        path = folder / name
        real = path.resolve()
        if PurePosixPath(name).is_absolute() or not real.is_relative_to(folder.resolve()):
            here.note("an included file must lie in the folder of the desk file, or below it")
        elif real in taken:
            here.note("this file is already read; name it once")
        else:
            taken.add(real)
            sources.append(_only_parts(read(path, str(path))))
    return sources


def _only_parts(source: Source) -> Source:
    """Return an included file with a problem noted for each section that does not belong there."""
    noted: list[Problem] = []
    for key, items in (source.data or {}).items():
        message, suggestion = "", None
        if key == "include":
            message = "an included file cannot include others; name them in the desk file"
        elif key in SECTIONS and key not in INCLUDED:
            message = f'"{key}" belongs in the desk file; an included file has departments and rules'
        elif key not in INCLUDED:
            place = Place()
            place.unknown("section", key, INCLUDED)
            message, suggestion = place.found[0].message, place.found[0].suggestion
        elif items is not None and not isinstance(items, list):
            message = "must be a list"
        if message:
            line, column = source.position((key,), on_key=True)
            noted.append(Problem((key,), message, suggestion, file=source.name, line=line, column=column))
    return replace(source, problems=(*source.problems, *noted))


class _Draft:
    """The sections of a desk file, each made as far as it can be."""

    def __init__(self, raw: Mapping[str, Any], kinds: Kinds) -> None:
        self.raw = raw
        self.kinds = kinds
        self.place = Place()
        self.readable = True  # False when a whole section is missing: then every reference to it would look wrong
        self.suspects = {nearest(key, SECTIONS) for key in raw if key not in SECTIONS}

    def desk(self, version: str, folder: Path, *, sound: bool) -> Desk:
        """Return the desk; a checked one when it is sound, else one with stand-ins for what cannot be used."""
        for key in self.raw:
            if key not in SECTIONS:
                self.place.at(key).unknown("section", key, SECTIONS, on_key=True)
        if self.raw.get("desk") is None:
            self.place.note('the section "desk" is missing; add it with name and domain')
        about = self.raw.get("desk") or {"name": "?", "domain": "?"}
        parts: dict[str, Any] = {
            "version": version,
            "folder": folder,
            "desk": self.one(About, about, ("desk",), {"name": "?", "domain": "?"}),
            "agents": tuple(self.agent(i, one) for i, one in self.items("agents", needed=True)),
            "departments": tuple(self.department(i, one) for i, one in self.items("departments", needed=True)),
            "calendars": tuple(self.calendar(i, one) for i, one in self.items("calendars")),
            "channels": tuple(self.channel(i, one) for i, one in self.items("channels")),
            "notifiers": self.notifiers(),
            "tags": tuple(self.names("tags")),
            "fields": tuple(self.names("fields")),
            "slas": tuple(self.sla(i, one) for i, one in self.items("slas")),
            "contact_groups": tuple(self.contact_group(i, one) for i, one in self.items("contact_groups")),
            "escalations": tuple(self.escalation(i, one) for i, one in self.items("escalations")),
            "correlations": tuple(self.correlation(i, one) for i, one in self.items("correlations")),
            "rules": tuple(self.rule(i, one) for i, one in self.items("rules")),
        }
        if sound and not self.place.found:
            return Desk(**parts)
        return Desk.model_construct(**parts)

    def items(self, section: str, *, needed: bool = False) -> list[tuple[int, Any]]:
        said = self.raw.get(section)
        if said is None:
            self.readable &= section not in self.suspects
            said = []
        if not isinstance(said, list):
            self.place.at(section).note("must be a list; begin each entry with a dash")
            self.readable = False
            return []
        if needed and not said:
            self.readable = False
            if section in self.raw:
                self.place.at(section).note("must have at least one entry")
            else:
                self.place.note(f'the section "{section}" is missing; add it with at least one entry')
        return list(enumerate(said))

    def agent(self, index: int, said: Any) -> Agent:
        name = f"unreadable-{index}"
        stand_in = {"id": name, "name": name, "email": f"{name}@frontdesk.invalid"}
        return self.one(Agent, said, ("agents", index), stand_in)

    def department(self, index: int, said: Any) -> Department:
        name = f"unreadable-{index}"
        return self.one(Department, said, ("departments", index), {"id": name, "name": name, "agents": "all"})

    def calendar(self, index: int, said: Any) -> Calendar:
        return self.one(Calendar, said, ("calendars", index), {"id": f"unreadable-{index}"})

    def rule(self, index: int, said: Any) -> Rule:
        stand_in = {"name": f"rule {index}", "then": [{"stop": True}]}
        return self.one(Rule, said, ("rules", index), stand_in)

    def sla(self, index: int, said: Any) -> Sla:
        return self.one(Sla, said, ("slas", index), {"id": f"unreadable-{index}"})

    def contact_group(self, index: int, said: Any) -> ContactGroup:
        stand_in = {"id": f"unreadable-{index}", "members": ["@frontdesk.invalid"]}
        return self.one(ContactGroup, said, ("contact_groups", index), stand_in)

    def escalation(self, index: int, said: Any) -> Escalation:
        stand_in = {"id": f"unreadable-{index}", "steps": [{"wait": "1m"}]}
        return self.one(Escalation, said, ("escalations", index), stand_in)

    def correlation(self, index: int, said: Any) -> Correlation:
        stand_in = {"name": f"unreadable-{index}", "subject": "(?P<unreadable>.)"}
        return self.one(Correlation, said, ("correlations", index), stand_in)

    def channel(self, index: int, said: Any) -> ChannelConfig:
        where, stand_in = ("channels", index), {"name": f"unreadable-{index}", "type": "unreadable"}
        kind = said.get("type") if isinstance(said, dict) else None
        if not isinstance(kind, str):
            return self.one(ChannelConfig, said, where, stand_in)
        if kind not in self.kinds.channel_words():
            self.place.at(*where, "type").unknown("channel type", kind, self.kinds.channel_words())
            known = {key: value for key, value in said.items() if key in ChannelConfig.model_fields}
            return self.one(ChannelConfig, known, where, stand_in)
        return self.one(self.kinds.channel_model(kind), said, where, stand_in | {"type": kind}, ChannelConfig)

    def notifiers(self) -> dict[str, Model]:
        said = self.raw.get("notifiers")
        if said is None:
            said = {}
        if not isinstance(said, dict):
            self.place.at("notifiers").note("must be keys with values: a notifier's name and its settings")
            return {}
        made: dict[str, Model] = {}
        for word, settings in said.items():
            if word in self.kinds.notifier_words():
                model = self.kinds.notifier_model(word)
                made[word] = self.one(model, {} if settings is None else settings, ("notifiers", word), {}, Model)
            else:
                self.place.at("notifiers", word).unknown("notifier", word, self.kinds.notifier_words(), on_key=True)
        return made

    def names(self, section: str) -> Iterable[str]:
        for index, said in self.items(section):
            try:
                yield _NAME.validate_python(said)
            except ValidationError as error:
                note(error, said, Model, self.place.at(section, index))

    def one(
        self, model: type[M], said: Any, where: Where, stand_in: Mapping[str, Any], base: type[M] | None = None
    ) -> M:
        """Return the model of what is said, noting what is wrong; then with stand-ins, or as `base`, at worst empty."""
        try:
            return model.model_validate(said)
        except ValidationError as error:
            here = Place(where)
            note(error, said, model, here)
        self.place.found.extend(here)
        wrong = {problem.where[len(where)] for problem in here if len(problem.where) > len(where)}
        kept = {key: value for key, value in said.items() if key not in wrong} if isinstance(said, dict) else {}
        kinds: list[type[M]] = [model, base or model]
        for kind in kinds:
            fields = kept if kind is model else {key: kept[key] for key in kept if key in kind.model_fields}
            try:
                return kind.model_validate({**stand_in, **fields})
            except ValidationError:
                continue
        return kinds[-1].model_validate(stand_in)
