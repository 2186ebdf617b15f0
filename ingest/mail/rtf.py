"""RTF as Outlook puts it into winmail.dat: packed (MS-OXRTFCP), often with the mail's own HTML inside (MS-OXRTFEX)."""

import re
import struct

from ingest.mail.charset import codec, decode

MAX_RTF = 1_000_000

_PRESET = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArial"
    rb"Times New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n" + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?"  # a control word with its number
    rb"|\\'([0-9a-fA-F]{2})"  # a byte of the code page
    rb"|\\([^a-zA-Z'])"  # a control symbol
    rb"|([{}])"
    rb"|([^\\{}\r\n]++)",
)
_HIDDEN = frozenset(
    (b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"generator", b"fldinst")
)  # fmt: skip
_SIGNS = {
    b"par": "\n", b"line": "\n", b"row": "\n", b"tab": "\t", b"cell": "\t", b"bullet": "\u2022", b"endash": "\u2013",
    b"emdash": "\u2014", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c", b"rdblquote": "\u201d",
}  # fmt: skip
MAX_GROUPS = 10_000


def unpacked(data: bytes) -> bytes:
    """Return RTF that was packed for MAPI, cut at a million bytes; b"" when it is none of its kind; never raises."""
    if len(data) < 16:
        return b""
    _, size, kind, _ = struct.unpack_from("<IIII", data)
    if kind == 0x414C454D:  # MELA: not packed
        return data[16 : 16 + min(size, MAX_RTF)]
    if kind != 0x75465A4C:  # LZFu
        return b""
    out = bytearray(_PRESET)
    size = min(size, MAX_RTF) + len(_PRESET)
    at = 16
    while at < len(data) and len(out) < size:
        control = data[at]
        at += 1
        for bit in range(8):
            if not control >> bit & 1:
                out += data[at : at + 1]
                at += 1
                continue
            if at + 2 > len(data):
                return bytes(out[len(_PRESET) :])
            pair = data[at] << 8 | data[at + 1]
            at += 2
            begin, length = _place(pair >> 4, len(out)), (pair & 15) + 2
            if begin == len(out):  # the end mark
                return bytes(out[len(_PRESET) : size])
            for offset in range(begin, begin + length):
                out.append(out[offset] if 0 <= offset < len(out) else 0)
    return bytes(out[len(_PRESET) : size])


def _place(offset: int, length: int) -> int:
    """Return where in all that was written a place in the ring of 4096 bytes lies; the length itself for its end."""
    back = (length - offset) % 4096
    return length - back


def from_rtf(source: bytes) -> tuple[str, bool]:
    """Return the text of an RTF document and whether it is HTML, the one that was packed into it; never raises."""
    reader = _Reader()
    for match in _TOKEN.finditer(source[:MAX_RTF]):
        word, number, byte, symbol, brace, text = match.groups()
        if brace:
            reader.group(begins=brace == b"{")
        elif word:
            reader.word(word, number)
        elif byte:
            reader.write(bytes((int(byte, 16),)))
        elif text:
            reader.write(text)
        elif symbol:
            reader.symbol(symbol)
    return reader.text(), rb"\fromhtml" in source[:2000]


class _Reader:
    """What is shown of the tokens so far; a hidden group hides the groups in it."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._bytes = bytearray()  # of the code page: a letter may take two
        self._charset = "cp1252"
        self._hidden = [False]
        self._rtf_only = False
        self._starred = False
        self._skip = 0

    def group(self, *, begins: bool) -> None:
        self._starred = False
        if begins and len(self._hidden) < MAX_GROUPS:
            self._hidden.append(self._hidden[-1])
        elif not begins and len(self._hidden) > 1:
            self._hidden.pop()

    def word(self, word: bytes, number: bytes | None) -> None:
        if word == b"htmlrtf":  # what only a program without HTML is to show
            self._rtf_only = number != b"0"
        elif word == b"ansicpg":
            self._charset = codec(f"cp{int(number or 0)}") or self._charset
        elif word in _HIDDEN or (self._starred and word != b"htmltag"):
            self._hidden[-1] = True
        elif word == b"u" and number:
            self._say(chr(int(number) % 65536))  # a letter beyond the first plane comes as its two surrogates
            self._skip = 1  # the letter for programs that do not know this
        elif word in _SIGNS:
            self._say(_SIGNS[word])
        self._starred = False

    def symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._starred = True
        elif symbol in b"\\{}":
            self.write(symbol)
        elif symbol in b"~\r\n":
            self._say("\xa0" if symbol == b"~" else "\n")

    def write(self, data: bytes) -> None:
        skipped, self._skip = self._skip, 0
        if not (self._hidden[-1] or self._rtf_only):
            self._bytes += data[skipped:]

    def _say(self, text: str) -> None:
        if not (self._hidden[-1] or self._rtf_only):
            self._out += (decode(bytes(self._bytes), self._charset), text)
            self._bytes.clear()

    def text(self) -> str:
        self._out.append(decode(bytes(self._bytes), self._charset))
        return "".join(self._out).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
