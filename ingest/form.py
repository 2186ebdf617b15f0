"""The fields of a posted form, from its bytes alone, so that a payload kept for later reads as its delivery did."""

from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ingest.channel import Unreadable

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # it is there for type checkers only

MOST_FIELDS = 200
MOST_HEADERS = 8
LONGEST_HEADER = 4_096


def fields(raw: bytes, names: Collection[str], longest: int | None = None) -> dict[str, bytes]:
    """Return the named fields of a form, as bytes, the first of each name; raises `Unreadable`.

    A body that begins with `--` is multipart/form-data (RFC 7578) with its boundary in the first line, another one is
    application/x-www-form-urlencoded. Linear in the body's size; at most `MOST_FIELDS` fields. A value with more than
    `longest` bytes, as it stands in the body, is left out: a stranger's must not cost much before it is verified.
    """
    if raw.startswith(b"--"):
        return {
            name: value for name, value in _multipart(raw, names).items() if longest is None or len(value) <= longest
        }
    if raw.count(b"&") >= MOST_FIELDS:
        raise Unreadable(f"the form has more than {MOST_FIELDS} fields")
    found: dict[str, bytes] = {}
    for pair in raw.split(b"&"):
        name, _, value = pair.partition(b"=")
        said = _plain(name[:200]).decode("utf-8", "replace")
        if said in names and said not in found and (longest is None or len(value) <= longest):
            found[said] = _plain(value)
    return found


def _plain(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))


def _multipart(raw: bytes, names: Collection[str]) -> dict[str, bytes]:
    reader = _Reader(names)
    boundary = raw[2:].partition(b"\r\n")[0].rstrip(b" \t")
    if raw.count(b"\r\n--" + boundary) > MOST_FIELDS:  # each costs the parser something, also one that is none
        raise Unreadable(f"the form has more than {MOST_FIELDS} fields")
    try:
        MultipartParser(
            boundary, reader.callbacks(), max_header_count=MOST_HEADERS, max_header_size=LONGEST_HEADER
        ).write(raw)
    except FormParserError as error:
        raise Unreadable(f"not a form: {error}") from None
    if not reader.ended:
        raise Unreadable("not a form: it stops before its last boundary")
    return reader.found


class _Reader:
    """What the parser calls back; each piece of data is a slice of the whole body."""

    def __init__(self, names: Collection[str]) -> None:
        self.found: dict[str, bytes] = {}
        self.ended = False
        self._names = names
        self._header = self._value = b""
        self._name: str | None = None
        self._pieces: list[bytes] = []

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._name, self._pieces = None, []

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._name = parse_options_header(self._value)[1].get(b"name", b"").decode("utf-8", "replace")
        self._header = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name in self._names and self._name not in self.found:
            self._pieces.append(data[start:end])

    def _end(self) -> None:
        if self._name is not None and self._name in self._names:
            self.found.setdefault(self._name, b"".join(self._pieces))

    def _finish(self) -> None:
        self.ended = True
