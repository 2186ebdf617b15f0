"""A mail taken apart into its leaves, in document order (RFC 2045, 2046), with every cost bounded beforehand.

Parts are offsets into the mail, so nothing is copied or decoded until somebody wants it. More tolerant than the standard
in what real mail needs: a boundary that is not declared or declared wrong, parts after the closing line, no closing line.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ingest.mail.charset import decode
from ingest.mail.headers import Headers, base64, parameters, split, start, words

MAX_PARTS = 500
MAX_DEPTH = 30
MAX_LOOKS = 20_000

_TYPE = re.compile(r"\s*+([a-z0-9!#$&^_.+-]++)\s*+/\s*+([a-z0-9!#$&^_.+-]++)", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[\s\"]*+([a-z0-9-]*+)", re.IGNORECASE)
_GUESS = re.compile(rb"(?:^|\n)--([^\s][^\r\n]{0,200}?)[ \t\r]*\nContent-", re.IGNORECASE)
_UU_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]*)\r*\n", re.MULTILINE)


@dataclass(frozen=True)
class Leaf:
    """A part that holds no further parts. `alternative` tells the alternatives of one content from those of another."""

    raw: bytes
    begin: int
    end: int
    headers: Headers
    default_type: str
    alternative: int = 0
    related: bool = False

    @cached_property
    def content_type(self) -> str:
        """The media type in lower case, text/plain if the header cannot be read."""
        return media_type(self.headers, self.default_type)

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The parameters of the Content-Type."""
        return parameters(self.headers.plain("content-type"))

    @cached_property
    def _disposition(self) -> tuple[str, Mapping[str, str]]:
        if "content-disposition" not in self.headers:
            return "", {}
        value = self.headers.plain("content-disposition")
        return _word(value), parameters(f";{value}" if "=" in value.partition(";")[0] else value)

    @property
    def disposition(self) -> str:
        """The first word of Content-Disposition in lower case, "" if there is none (RFC 2183)."""
        return self._disposition[0]

    @cached_property
    def filename(self) -> str:
        """The name the sender gave it, decoded, "" if none; never a path of ours: it is only a word to show."""
        name = self._disposition[1].get("filename") or self.parameters.get("name") or ""
        if "=?" in name:
            name = words(name.encode("utf-8", "replace"))
        return " ".join(name.split())

    def content(self) -> bytes:
        """Return the bytes with the transfer encoding undone (RFC 2045, 6); whatever cannot be undone is as it came."""
        data = self.raw[self.begin : self.end]
        encoding = _word(self.headers.plain("content-transfer-encoding"))
        if encoding in ("base64", "b"):
            return base64(data)
        if encoding in ("quoted-printable", "quotedprintable", "q"):
            return binascii.a2b_qp(data)
        if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
            return _uudecoded(data)
        return data

    def text(self) -> str:
        """Return the content as text with line feeds as line ends."""
        text = decode(self.content(), self.parameters.get("charset", ""))
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _word(value: str) -> str:
    match = _FIRST_WORD.match(value)
    return match[1].lower() if match else ""


def media_type(headers: Headers, default: str = "text/plain") -> str:
    """Return the media type in lower case; what is no type (`text`, `html`, "") is text/plain or text/html."""
    if "content-type" not in headers:
        return default
    value = headers.plain("content-type")
    match = _TYPE.match(value)
    if match:
        return f"{match[1]}/{match[2]}".lower()
    return "text/html" if _word(value) == "html" else "text/plain"


def _uudecoded(data: bytes) -> bytes:
    begin = _UU_BEGIN.search(data)
    out: list[bytes] = []
    for line in data[begin.end() if begin else 0 :].splitlines():
        if line.strip() == b"end":
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:  # some encoders pad lines wrongly; the length byte tells how much counts
            size = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                out.append(binascii.a2b_uu(line[:size]))
            except binascii.Error:
                return data
    return b"".join(out)


@dataclass(slots=True)
class _Budget:
    """How much may still be done for this mail."""

    parts: int = MAX_PARTS
    looks: int = MAX_LOOKS
    alternatives: int = 0


@dataclass(frozen=True, slots=True)
class _Todo:
    begin: int
    end: int
    default_type: str = "text/plain"
    alternative: int = 0
    related: bool = False
    depth: int = 0


def leaves(raw: bytes) -> tuple[Headers, list[Leaf]]:
    """Return the mail's own headers and its leaves; never raises.

    At most `MAX_PARTS` leaves, `MAX_DEPTH` deep: what is beyond stays undivided in the last leaf. An attached mail
    (message/rfc822) is a leaf.
    """
    headers, body = split(raw, start(raw), len(raw))
    found: list[Leaf] = []
    budget = _Budget()
    todo = [_Todo(0, len(raw))]
    while todo:
        job = todo.pop()
        own, begin = (headers, body) if not job.depth else split(raw, job.begin, job.end)
        kind = media_type(own, job.default_type)
        inside = _inside(raw, begin, job, own, kind, budget) if kind.startswith("multipart/") else []
        if inside:
            todo.extend(reversed(inside))
            continue
        found.append(Leaf(raw, begin, job.end, own, job.default_type, job.alternative, job.related))
    return headers, found


def _inside(raw: bytes, begin: int, job: _Todo, own: Headers, kind: str, budget: _Budget) -> list[_Todo]:
    if job.depth >= MAX_DEPTH:
        return []
    boundary = parameters(own.plain("content-type")).get("boundary", "").encode("utf-8", "replace").rstrip()
    spans = list(_spans(raw, begin, job.end, boundary, budget)) if boundary else []
    if not spans and (guess := _GUESS.search(raw, begin, min(job.end, begin + 20_000))):
        spans = list(_spans(raw, begin, job.end, guess[1], budget))
    alternative, related = job.alternative, job.related or kind == "multipart/related"
    if kind == "multipart/alternative" and not alternative:
        budget.alternatives += 1
        alternative = budget.alternatives
    default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
    return [_Todo(first, last, default, alternative, related, job.depth + 1) for first, last in spans]


def _spans(raw: bytes, begin: int, end: int, boundary: bytes, budget: _Budget) -> Iterator[tuple[int, int]]:
    """Yield the offsets of the parts between the boundary's lines, the last one up to `end`."""
    needle = b"--" + boundary
    opened = -1
    at = raw.find(needle, begin, end)
    while at >= 0 and budget.looks > 0 and (budget.parts > 0 or opened < 0):
        budget.looks -= 1
        after = at + len(needle)
        closing = raw.startswith(b"--", after)
        line_end = raw.find(b"\n", after, end)
        line_end = end if line_end < 0 else line_end
        rest_of_line = raw[after + 2 * closing : min(line_end, after + 200)]
        if (at == begin or raw[at - 1 : at] == b"\n") and not rest_of_line.strip():
            if opened >= 0:
                budget.parts -= 1
                yield opened, _without_line_end(raw, opened, at)
            opened = -1 if closing else min(line_end + 1, end)
            at = line_end
        at = raw.find(needle, max(at, after), end)
    if 0 <= opened < end:
        budget.parts -= 1
        yield opened, end


def _without_line_end(raw: bytes, begin: int, end: int) -> int:
    """Return where a part ends: the line end before a boundary belongs to the boundary."""
    if end > begin and raw[end - 1 : end] == b"\n":
        end -= 1
        if end > begin and raw[end - 1 : end] == b"\r":
            end -= 1
    return end
