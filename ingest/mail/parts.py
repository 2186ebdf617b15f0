"""A mail taken apart into its leaves, in document order (RFC 2045, 2046), with every cost bounded beforehand.

Parts are offsets into the mail, so nothing is copied or decoded until somebody wants it. More tolerant than the standard
in what real mail needs: a boundary that is not declared or declared wrong, parts after the closing line, no closing line.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ingest.mail.charset import codec, decode, html_charset
from ingest.mail.headers import Headers, base64, parameters, split, start, words
from ingest.mail.uuencoded import first_name, uudecoded

MAX_PARTS = 500
MAX_DEPTH = 30
MAX_LOOKS = 20_000
MAX_DECODED = 3

_TYPE = re.compile(r"[\s\"']*+([a-z0-9!#$&^_.+-]++)\s*+[/\\]\s*+([a-z0-9!#$&^_.+-]++)", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[\s\"]*+(?:\([^()]*+\)\s*+)?([a-z0-9-]*+)", re.IGNORECASE)
_GUESS = re.compile(rb"(?:^|\n)--([^\s][^\r\n]{0,200}?)[ \t\r]*\nContent-", re.IGNORECASE)
_ENCODING = re.compile(
    r"[\s\"']*+(?:\([^()]*+\)\s*+)?((?:quoted[\s_-]*printable|x-uu\w*|uu\w*|base[\s_-]?64|[a-z])(?![a-z]))",
    re.IGNORECASE,
)
_MANY_RETURNS = re.compile(r"\r++\n|\r++\Z")
_SOFT_BREAK = re.compile(rb"=[ \t]++(?=\r?\n)")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]|[^\s][ \t]++[^\s]")
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/=]++\s*+\Z")
_SURELY_BASE64 = re.compile(rb"\s*+(?:[A-Za-z0-9+/]{20}|[A-Za-z0-9+/]{2,}=)")


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
        own, others = self._disposition[1], self.parameters
        name = own.get("filename") or others.get("name") or others.get("filename") or own.get("name") or ""
        if "=?" in name:
            name = words(name.encode("utf-8", "replace"))
        if not name and self.encoding == "uuencode":
            name = first_name(self.raw[self.begin : self.begin + 2000])
        return " ".join(name.split())

    @property
    def shown_name(self) -> str:
        """The filename, else the end of the address it once had (Content-Location, RFC 2557), "" if none."""
        if self.filename or "content-location" not in self.headers:
            return self.filename
        last = self.headers.text("content-location").partition("?")[0].rpartition("/")[2]
        return last if "." in last[1:] and len(last) <= 200 else ""

    @property
    def content_id(self) -> str:
        """What an HTML body calls it by, without angle brackets (RFC 2392), "" if nothing."""
        return " ".join(self.headers.plain("content-id").split()).strip('<> "') if "content-id" in self.headers else ""

    @cached_property
    def encoding(self) -> str:
        """The transfer encoding: base64, quoted-printable or uuencode, "" for anything else (RFC 2045, 6)."""
        if "content-transfer-encoding" not in self.headers:
            return ""
        match = _ENCODING.match(self.headers.plain("content-transfer-encoding"))
        return {"b": "base64", "q": "quoted-printable", "x": "uuencode", "u": "uuencode"}.get(
            match[1][0].lower() if match and (len(match[1]) > 1 or match[1] in "bBqQ") else "", ""
        )

    def content(self) -> bytes:
        """Return the bytes with the transfer encoding undone; whatever cannot be undone is as it came."""
        data = self.raw[self.begin : self.end]
        if self.encoding == "base64":
            return self._of_base64(data)
        if self.encoding == "quoted-printable":
            return binascii.a2b_qp(_SOFT_BREAK.sub(b"=", data) if b"= " in data or b"=\t" in data else data)
        return uudecoded(data) if self.encoding == "uuencode" else data

    def _of_base64(self, data: bytes) -> bytes:
        """Return base64 undone; what was never base64 stays, and so does text that a list server put below it."""
        if not self.content_type.startswith("text/") or not _NOT_BASE64.search(data):
            return base64(data)
        lines = data.splitlines(keepends=True)
        plain = next((n for n, line in enumerate(lines) if line.strip() and not _BASE64_LINE.match(line)), len(lines))
        if not _SURELY_BASE64.match(b"".join(lines[:plain])):
            return data
        return base64(b"".join(lines[:plain])) + b"\n" + b"".join(lines[plain:])

    def text(self) -> str:
        """Return the content as text with line feeds as line ends."""
        data, label = self.content(), self.parameters.get("charset", "")
        if self.content_type == "text/html" and not codec(label[:64]) and not data.isascii():
            label = html_charset(data)
        text = decode(data, label)
        if "\r" not in text:
            return text
        return (_MANY_RETURNS.sub("\n", text) if "\r\r\n" in text else text.replace("\r\n", "\n")).replace("\r", "\n")


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


@dataclass(slots=True)
class _Budget:
    """How much may still be done for this mail."""

    parts: int = MAX_PARTS
    looks: int = MAX_LOOKS
    alternatives: int = 0
    decoded: int = 0


@dataclass(frozen=True, slots=True)
class _Todo:
    raw: bytes
    begin: int
    end: int
    default_type: str = "text/plain"
    alternative: int = 0
    related: bool = False
    depth: int = 0


def leaves(raw: bytes, most: int = MAX_PARTS) -> tuple[Headers, list[Leaf]]:
    """Return the mail's own headers and its leaves; never raises.

    At most `most` leaves, `MAX_DEPTH` deep: what is beyond stays undivided in the last leaf. An attached mail
    (message/rfc822) is a leaf.
    """
    headers, body = split(raw, start(raw), len(raw))
    found: list[Leaf] = []
    budget = _Budget(parts=most)
    todo = [_Todo(raw, 0, len(raw))]
    while todo:
        job = todo.pop()
        own, begin = (headers, body) if not job.depth else split(job.raw, job.begin, job.end)
        kind = media_type(own, job.default_type)
        leaf = Leaf(job.raw, begin, job.end, own, job.default_type, job.alternative, job.related)
        inside = _inside(leaf, job, kind, budget) if kind.startswith("multipart/") and job.depth < MAX_DEPTH else []
        if inside:
            todo.extend(reversed(inside))
        else:
            found.append(leaf)
    if not all(value.isascii() for _, value in headers.fields) and not headers.hint:
        hint = next((leaf.parameters["charset"] for leaf in found if "charset" in leaf.parameters), "")
        headers = Headers(headers.fields, hint)
    return headers, found


def _inside(leaf: Leaf, job: _Todo, kind: str, budget: _Budget) -> list[_Todo]:
    raw, begin, end = job.raw, leaf.begin, job.end
    boundary = leaf.parameters.get("boundary", "").rstrip()
    spans = _parted(raw, begin, end, boundary, budget)
    if not spans and leaf.encoding and budget.decoded < MAX_DECODED:  # forbidden (RFC 2045, 6.4), and done
        budget.decoded += 1
        raw, begin = leaf.content(), 0
        end = len(raw)
        spans = _parted(raw, begin, end, boundary, budget)
    alternative, related = job.alternative, job.related or kind == "multipart/related"
    if kind == "multipart/alternative" and not alternative:
        budget.alternatives += 1
        alternative = budget.alternatives
    default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
    return [_Todo(raw, first, last, default, alternative, related, job.depth + 1) for first, last in spans]


def _parted(raw: bytes, begin: int, end: int, boundary: str, budget: _Budget) -> list[tuple[int, int]]:
    """Return the offsets of the parts, by the declared boundary or else by the first line that looks like one."""
    names = dict.fromkeys(boundary.encode(charset, "replace") for charset in ("utf-8", "cp1252")) if boundary else {}
    for name in names:
        if spans := list(_spans(raw, begin, end, name, budget)):
            return spans
    guess = _GUESS.search(raw, begin, min(end, begin + 20_000))
    return list(_spans(raw, begin, end, guess[1], budget)) if guess else []


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
