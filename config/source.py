"""A YAML 1.2 file as plain data, with the line and column of everything in it.

The file's nodes are composed by ruamel.yaml and turned into data here: a desk file needs mappings, lists and plain
values only, and every refusal (two equal keys, a tag, an endless alias) then has its position.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from config.problems import Problem, Where, shown

MAX_BYTES: Final = 1_000_000
MAX_NODES: Final = 250_000  # after aliases are followed: a real file of the largest size stays below it
MAX_DEPTH: Final = 32
MAX_OPEN: Final = 200  # brackets not yet closed, in texts and comments too: the scanner's time grows with their square
TOO_DEEP: Final = f"nested too deeply (more than {MAX_DEPTH} levels)"

TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge", "value")
)
"""What a plain value resolves to; a date stays text and a merge key is an unknown key."""

HINTS: Final = {
    "cannot start any token": "put the text in quotes, and use spaces instead of tabs",
    "mapping values are not allowed": 'check the indentation, or put a text with ": " in it in quotes',
    "expected a single document": 'take out the line "---"',
}

Stamp = tuple[int, int, int]
"""Modification time in nanoseconds, size and inode: what changes when a file does."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was read. `data` is None and `problems` says why when it cannot be used at all."""

    name: str
    path: Path
    stamp: Stamp | None
    raw: bytes
    data: dict[str, Any] | None
    problems: tuple[Problem, ...]
    root: Node | None = None

    def position(self, where: Where, *, on_key: bool = False) -> tuple[int, int]:
        """Return line and column, from 1, of the value (or its key), or of the nearest thing around it."""
        if self.root is None:
            return (0, 0)
        node, mark = self.root, self.root.start_mark
        for index, step in enumerate(where):
            pair = _child(node, step)
            if pair is None:
                break
            key, node = pair
            mark = key.start_mark if on_key and index == len(where) - 1 else node.start_mark
        return mark.line + 1, mark.column + 1


def stamp(path: Path) -> Stamp | None:
    """Return the file's stamp, or None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read(path: Path, name: str) -> Source:
    """Read one file; `name` is what problems call it. Whatever is wrong stands in the source's `problems`."""
    seen = stamp(path)  # before reading: a change in between is noticed at the next look
    raw = b""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        root = _composed(raw)
        reading = _Reading(name)
        data = cast("dict[str, Any]", reading.value(root, ()))
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        problem = Problem((), f"the file cannot be read: {why}", file=name)
    except _UnusableError as error:
        problem = Problem((), str(error), file=name, line=error.line, column=error.column)
    else:
        return Source(name, path, seen, raw, data, tuple(reading.problems), root)
    return Source(name, path, seen, raw, None, (problem,))


class _UnusableError(Exception):
    """The file as a whole cannot be used, and where that shows."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def _composed(raw: bytes) -> MappingNode:
    if len(raw) > MAX_BYTES:
        raise _UnusableError(f"the file is larger than {MAX_BYTES:,} bytes; split it with include:")
    try:
        text = raw.decode("utf-8-sig")
        _refuse_brackets_without_end(text)
        root = YAML(typ="rt", pure=True).compose(text)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        raise _UnusableError("the file is not UTF-8 here; save it as UTF-8", *_counted(before)) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _UnusableError(_yaml_words(error), *((mark.line + 1, mark.column + 1) if mark else ())) from error
    except RecursionError as error:
        raise _UnusableError(TOO_DEEP) from error
    except YAMLError as error:
        before = text[: getattr(error, "position", 0)]
        raise _UnusableError("a character that YAML does not allow; delete it", *_counted(before)) from error
    if root is None:
        raise _UnusableError("the file is empty")
    if not isinstance(root, MappingNode):
        raise _UnusableError("the file must begin with a section, like `agents:`")
    return root


def _refuse_brackets_without_end(text: str) -> None:
    still_open = 0
    for bracket in re.finditer(r"[\[\]{}]", text):
        still_open = still_open + 1 if bracket[0] in "[{" else max(still_open - 1, 0)
        if still_open > MAX_OPEN:
            raise _UnusableError(TOO_DEEP, *_counted(text[: bracket.start()]))


def _counted(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _yaml_words(error: MarkedYAMLError) -> str:
    said = " ".join(str(error.problem or error.context or "it cannot be read").split())
    hint = next((f"; {hint}" for part, hint in HINTS.items() if part in f"{error.context} {said}"), "")
    return f"not valid YAML: {said}{hint}"


def _child(node: Node, step: str | int) -> tuple[Node, Node] | None:
    """Return the key's and the value's node one step down; a list's item is its own key."""
    if isinstance(node, MappingNode):
        return next((pair for pair in node.value if _key(pair[0]) == step), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _start(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _key(node: Node) -> str | None:
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else None


class _Reading:
    """Turns nodes into data, and notes what a desk file may not contain."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes = 0
        self.problems: list[Problem] = []

    def note(self, node: Node, where: Where, message: str) -> None:
        line, column = _start(node)
        self.problems.append(Problem(where, message, file=self.name, line=line, column=column))

    def value(self, node: Node, where: Where) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            message = "the aliases (*name) of this file unfold without end; write the values out"
            raise _UnusableError(message, *_start(node))
        if len(where) > MAX_DEPTH:
            raise _UnusableError(TOO_DEEP, *_start(node))
        if node.tag not in TAGS:
            self.note(node, where, f'YAML tags are not used here; take out "{shown(node.tag)}"')
        if isinstance(node, MappingNode):
            return dict(self._pairs(node, where))
        if isinstance(node, SequenceNode):
            return [self.value(item, (*where, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _pairs(self, node: MappingNode, where: Where) -> Iterator[tuple[str, Any]]:
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = _key(key_node)
            if key is None:
                self.note(key_node, where, "a key must be plain text")
            elif key in first:
                at = f"the first stands in line {first[key]}"
                self.note(key_node, (*where, key), f'the key "{shown(key)}" is written twice; {at}')
            else:
                first[key] = key_node.start_mark.line + 1
                yield key, self.value(value_node, (*where, key))


def _scalar(node: Node) -> str | int | float | bool | None:
    """Return a scalar by YAML 1.2's core schema; a date stays text."""
    text, kind = str(node.value), str(node.tag).rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        if kind == "int":
            return _whole(text.replace("_", ""))
        if kind == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:  # .Inf, or a number of five thousand digits
        return text
    return text


def _whole(text: str) -> int:
    return int(text, 0) if text.lstrip("+-")[:2].lower() in {"0x", "0o", "0b"} else int(text)
