"""The header block of a mail or of a part, read as it came: bytes, in whatever order, with garbage between.

RFC 5322 says how it should look, RFC 2047 how words are encoded, RFC 2231 how parameters are; this reads what is sent.
"""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from ingest.mail.charset import codec, decode

MAX_FIELDS = 2000
MAX_WORDS = 1000
MAX_PARAMETERS = 100
MAX_VALUE = 1_000_000
MAX_ID = 500

_BLANK = re.compile(rb"\n\r*\n")
_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:((?:[^\n]*+)(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)", re.MULTILINE)
_FOLD = re.compile(rb"\r*\n(?=[ \t])")
_OURS = re.compile(
    rb"(?:content-|x-|received$|from$|to$|cc$|bcc$|subject$|date$|message-id$|mime-version$|reply-to$|return-path$"
    rb"|references$|in-reply-to$|sender$|delivered-to$|dkim-|list-|precedence$|auto-submitted$|importance$|resent-|arc-"
    rb"|authentication-results$|thread-|user-agent$|feedback-id$|priority$|disposition-)"
)
_WORD = re.compile(rb"=\?([ -<>@-~]{0,60})\?[ \t]?([bBqQ])[ \t]?\?((?:[^?]++|\?(?!=))*+)\?=")
_CUT_WORD = re.compile(rb"=\?([ -<>@-~]{0,60})\?([bBqQ])\?([^?]*+)\??\Z")
# What begins the next parameter where the semicolon was forgotten: only words that are known, for a name may hold blanks.
_KNOWN = r"(?:charset|name|filename|boundary|format|type|report-type|protocol|micalg|x-unix-mode|size)[0-9*]*+\s*+="
_PARAMETER = re.compile(
    rf"(?:[;,]|\s(?={_KNOWN}))\s*+([^\s=;,\"]++)\s*+=\s*+"
    rf"(\"(?:[^\"\\]|\\.?)*+(?:\"|\Z)|(?:[^;\s]++|\s(?!{_KNOWN}))*+)",
    re.DOTALL | re.IGNORECASE,
)
_PLAIN_VALUE_FOLLOWS = re.compile(rf"\s*+(?:;|\Z|\(|{_KNOWN})", re.IGNORECASE)
_ID = re.compile(r"<([^<>]++)>")


@dataclass(frozen=True)
class Headers:
    """The fields of one block: lower-case names and unfolded raw values, in their order; `inner` is the charset of a part."""

    fields: tuple[tuple[str, bytes], ...]
    inner: str = ""

    @cached_property
    def _first(self) -> Mapping[str, bytes]:
        return dict(reversed(self.fields))

    @cached_property
    def hint(self) -> str:
        """The charset the block's own Content-Type names, else that of a part: a guess for raw 8-bit headers."""
        return parameters(self.raw("content-type").decode("latin-1")).get("charset", "") or self.inner

    def __contains__(self, name: str) -> bool:
        return name in self._first

    def raw(self, name: str) -> bytes:
        """Return the first value of that name as it came, unfolded; b"" if there is none."""
        return self._first.get(name, b"")

    def every(self, name: str) -> tuple[bytes, ...]:
        """Return all values of that name."""
        return tuple(value for field, value in self.fields if field == name)

    def plain(self, name: str) -> str:
        """Return the first value as text with encoded words left as they are."""
        return decode(self.raw(name), self._hint_for(name))

    def text(self, name: str) -> str:
        """Return the first value decoded, in one line."""
        return words(self.raw(name), self._hint_for(name))

    def _hint_for(self, name: str) -> str:
        return "" if self.raw(name).isascii() else self.hint


def start(raw: bytes) -> int:
    """Return where the headers begin: after a byte-order mark and blank lines."""
    at = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    while raw[at : at + 1] in (b"\r", b"\n"):
        at += 1
    return at


def block_end(raw: bytes, begin: int, end: int) -> tuple[int, int]:
    """Return where the header block ends and where the body begins, by the first blank line."""
    if raw[begin : begin + 1] == b"\n" or raw[begin : begin + 2] == b"\r\n":
        return begin, raw.index(b"\n", begin) + 1
    blank = _BLANK.search(raw, begin, end)
    return (blank.start() + 1, blank.end()) if blank else (end, end)


def split(raw: bytes, begin: int, end: int) -> tuple[Headers, int]:
    """Return the headers of `raw[begin:end]` and where its body begins.

    A garbage line among headers is skipped; one after which no header of mail follows begins the body. Bytes
    without any header of mail are all body, for a person may begin a text with "Note: …" where a blank line was forgotten.
    """
    stop, body = block_end(raw, begin, end)
    fields: list[tuple[str, bytes]] = []
    known, kept = False, 0
    expected, garbage = begin, -1
    for match in _FIELD.finditer(raw, begin, stop):
        name = match[1].lower()
        gap = raw[expected : match.start()] if match.start() > expected else b""
        if gap and fields and gap.lstrip().startswith(b"=?"):  # folded by a program that forgot the blank in front
            fields[-1] = (fields[-1][0], fields[-1][1] + b" " + b" ".join(gap.split()))
        elif gap.strip() and garbage < 0:
            garbage = expected
        if _OURS.match(name):
            garbage, known = -1, True
        if garbage < 0:
            kept = len(fields) + 1
        expected = match.end()
        if len(fields) < MAX_FIELDS:
            value = match[2][:MAX_VALUE]
            fields.append((name.decode("ascii"), (_FOLD.sub(b"", value) if b"\n" in value else value).strip()))
    if garbage < 0 and raw[expected:stop].strip():
        garbage = expected
    if not known:
        return Headers(()), body if stop == begin else begin
    if garbage >= 0:
        return Headers(tuple(fields[:kept])), garbage
    return Headers(tuple(fields)), body


def base64(data: bytes) -> bytes:
    """Return the bytes of base64 text, with missing padding, pieces padded one by one, or foreign lines in it."""
    if b"=" not in data.rstrip(b"=\r\n \t"):
        return _base64(data)
    return b"".join(_base64(piece) for piece in data.split(b"="))


def _base64(piece: bytes) -> bytes:
    try:
        return binascii.a2b_base64(piece + b"==")
    except binascii.Error:
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", piece)
        return binascii.a2b_base64(letters[: len(letters) // 4 * 4])


def words(raw: bytes, hint: str = "") -> str:
    """Return a header's value with its encoded words decoded (RFC 2047), in one line; never raises.

    Accepted beyond the standard: words without blanks around them or with blanks inside, characters cut in two by the end
    of a word, raw 8-bit bytes (read as `hint`), a last word without its end.
    """
    if b"=?" not in raw:
        return " ".join(decode(raw, hint).split())
    out: list[str] = []
    run = b""
    label, at = "", 0
    last = raw.rfind(b"?=") + 2
    for number, match in enumerate(_WORD.finditer(raw, 0, max(last, 0))):
        if number >= MAX_WORDS:
            break
        between = raw[at : match.start()]
        charset = match[1].split(b"*")[0].decode("ascii")
        joins = number > 0 and not between.strip()
        if not (joins and codec(charset) == codec(label)):
            out.append(decode(run, label))
            run, label = b"", charset
        if not joins:
            out.append(decode(between, hint))
        run += _word(match[2], match[3])
        at = match.end()
    out.append(decode(run, label))
    rest = raw[at:]
    cut = _CUT_WORD.search(rest) if len(rest) < 1000 else None
    if cut and (cut.start() or not out):
        out.append(decode(rest[: cut.start()], hint))
    out.append(decode(_word(cut[2], cut[3]), cut[1].decode("ascii")) if cut else decode(rest, hint))
    return " ".join("".join(out).split())


def _word(encoding: bytes, data: bytes) -> bytes:
    return base64(data) if encoding in b"bB" else binascii.a2b_qp(data.replace(b"_", b" "), header=False)


def parameters(value: str) -> dict[str, str]:
    """Return the parameters of a Content-Type or Content-Disposition value, names in lower case (RFC 2231, RFC 2047).

    Accepted beyond the standard: a comma or nothing instead of the semicolon, quotes inside quotes, a quote at one end only,
    backslashes of Windows paths, pieces in any order or without the first.
    """
    found: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    value, at = value[:20_000], 0
    for _ in range(MAX_PARAMETERS):
        match = _PARAMETER.search(value, at)
        if match is None:
            break
        name, text, at = match[1].lower(), match[2].strip(), match.end()
        if text.startswith('"'):
            if not _PLAIN_VALUE_FOLLOWS.match(value, at):  # name="the "best" one.txt"
                stop = value.find(";", at)
                stop = len(value) if stop < 0 else stop
                tail = value[at:stop].rstrip()
                text, at = (text + tail, stop) if tail.endswith('"') else (text, at)
            text = text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
            text = text.replace("\\\\", "\\").replace('\\"', '"') if "\\" in text else text
        else:
            text = text.rstrip('"')
        if "*" not in name:
            found.setdefault(name, text)
            continue
        base, _, order = name.partition("*")
        digits = order.rstrip("*")
        place = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 5 else 0
        pieces.setdefault(base, []).append((place, name.endswith("*"), text))
    for base, some in pieces.items():
        found[base] = _joined(sorted(some, key=lambda piece: piece[0]))
    return found


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    label, data = "", b""
    some_encoded = any(encoded for _, encoded, _ in pieces)
    for number, (_, encoded, text) in enumerate(pieces):
        value = text
        if some_encoded and number == 0 and text.count("'") >= 2:
            label, _, value = text.split("'", 2)
        data += _unquoted(value) if encoded else value.encode("utf-8", "replace")
    return decode(data, label if codec(label) else "")


def _unquoted(value: str) -> bytes:
    head, *rest = value.encode("utf-8", "replace").split(b"%")
    return head + b"".join(
        bytes((int(piece[:2], 16),)) + piece[2:] if re.match(rb"[0-9a-fA-F]{2}", piece) else b"%" + piece
        for piece in rest
    )


def message_id(value: bytes) -> str:
    """Return a Message-ID without angle brackets and blanks, "" if there is none; a monstrous one is cut and hashed."""
    ids = message_ids(value[:20_000])
    return ids[0] if ids else ""


def message_ids(value: bytes) -> list[str]:
    """Return every id in a Message-ID, In-Reply-To or References value (RFC 5322, 3.6.4), without angle brackets.

    Without brackets every word with an `@` is one, and so is a single word: not "Your message of Monday".
    """
    text = decode(value)
    if found := [_short("".join(one.split())) for one in _ID.findall(text) if one.strip()]:
        return found
    pieces = text.split()
    return [_short(bare) for piece in pieces if (len(pieces) == 1 or "@" in piece) and (bare := piece.strip("<>,;\"'"))]


def _short(found: str) -> str:
    if len(found) <= MAX_ID:
        return found
    return f"{found[: MAX_ID - 65]}~{sha256(found.encode()).hexdigest()}"
