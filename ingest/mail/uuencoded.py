"""uuencode: files written into the text of a mail, as programs did before MIME and some still do (POSIX, uuencode)."""

import binascii
import re

MAX_FILES = 100

_BEGIN = re.compile(rb"^begin(-base64)? [0-7]{3,4} ([^\r\n]{1,300}?)[ \t]*\r*\n", re.MULTILINE)
_LINE = re.compile(rb"[^\n]*+(?:\n|\Z)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{1,76}={0,2}\r*\n?\Z")


def uudecoded(data: bytes) -> bytes:
    """Return the content of the first file in uuencoded data; data without any as it came."""
    begin = _BEGIN.search(data)
    content, _ = _file(data, begin.end() if begin else 0, base64=bool(begin and begin[1]))
    return data if content is None else content


def first_name(data: bytes) -> str:
    """Return the name of the first file, "" if there is none."""
    begin = _BEGIN.search(data)
    return begin[2].decode("utf-8", "replace") if begin else ""


def taken_out(data: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return a text without the files written into it, and the files with their names; linear in the length."""
    files: list[tuple[str, bytes]] = []
    left: list[bytes] = []
    at = 0
    while len(files) < MAX_FILES and (begin := _BEGIN.search(data, at)):
        content, end = _file(data, begin.end(), base64=bool(begin[1]))
        if content is None:
            left.append(data[at : begin.end()])
        else:
            left.append(data[at : begin.start()])
            files.append((begin[2].decode("utf-8", "replace"), content))
        at = end
    return (b"".join([*left, data[at:]]), files) if files else (data, [])


def _file(data: bytes, at: int, *, base64: bool) -> tuple[bytes | None, int]:
    """Return the content that begins at `at` and where it ends; None and `at` when there is none.

    A file without its end, cut off on the way, ends with its last good line.
    """
    out: list[bytes] = []
    begun, ended = at, False
    while at < len(data) and (match := _LINE.match(data, at)):
        line = match[0].rstrip(b"\r\n")
        if line.rstrip() == (b"====" if base64 else b"end"):
            at, ended = match.end(), True
            break
        decoded = _base64_line(line) if base64 else _line(line)
        if decoded is None:
            break
        out.append(decoded)
        at = match.end()
    return (b"".join(out), at) if ended or any(out) else (None, begun)


def _base64_line(line: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(line) if _BASE64.match(line) else None
    except binascii.Error:
        return None


def _line(line: bytes) -> bytes | None:
    """Return what a line stands for, None when it is none: its first letter tells how much it must hold."""
    size = (line[0] - 32) & 63 if line else 0
    letters = (size * 4 + 2) // 3  # some encoders leave out what pads the last three bytes
    if not line or not 32 <= line[0] <= 96 or (size and not line[1:]) or not letters - 2 <= len(line) - 1 <= 90:
        return b"" if not line.strip() else None
    try:
        return binascii.a2b_uu(line[: 1 + (size + 2) // 3 * 4])
    except binascii.Error:
        return None
