"""The pieces of a mail that is written by hand: headers and texts whose every line is ASCII and short.

Texts are quoted-printable UTF-8 (RFC 2045), names and subjects encoded words (RFC 2047).
"""

import base64
import binascii
import re
from urllib.parse import quote

from notify.note import one_line
from tickets.reply import Upload
from tickets.trouble import Permanent

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_BARE = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}", re.ASCII)
_PLAIN = re.compile(r"[ -~]*")
MAX_NAME = 120  # characters of a name or subject in a header
MAX_SUBJECT = 250
_WORD_BYTES = 45  # 60 characters in base64: an encoded word may have 75 (RFC 2047, 2)


def bare(address: str) -> str:
    """Return a bare address in ASCII, an international domain in its IDNA form; raises `Permanent` for any other text."""
    local, _, domain = address.rpartition("@")
    try:
        found = f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
    except UnicodeError:
        found = ""
    if not _BARE.fullmatch(found):
        raise Permanent(f"{one_line(address)[:100]!r} is not an address mail can be sent to")
    return found


def encoded(text: str) -> bytes:
    """Return a text as the body of a quoted-printable part, lines ended by CRLF."""
    lines = "".join(f"{line}\r\n" for line in text.splitlines()).encode("utf-8", "replace")
    return binascii.b2a_qp(lines, istext=True)  # its soft breaks end like the first line: with CRLF


def named(name: str, address: str) -> str:
    """Return `name <address>`: the name as a quoted string where it is short ASCII, else as encoded words."""
    if not name:
        return f"<{address}>"
    if len(name) <= 60 and _PLAIN.fullmatch(name) and "=?" not in name:
        name = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{name}" <{address}>'
    return f"{_words(name)}\n <{address}>"


def unstructured(value: str) -> str:
    """Return a subject as it stands in its header."""
    if len(value) <= 64 and _PLAIN.fullmatch(value) and "=?" not in value:
        return value
    return _words(value)


def _words(value: str) -> str:
    """Return encoded words, one on each line, never cut inside a character."""
    chunks = [b""]
    for character in value:
        octets = character.encode("utf-8", "replace")
        if len(chunks[-1]) + len(octets) > _WORD_BYTES:
            chunks.append(b"")
        chunks[-1] += octets
    return "\n ".join(f"=?utf-8?b?{binascii.b2a_base64(chunk, newline=False).decode()}?=" for chunk in chunks)


def attached(file: Upload) -> bytes:
    """Return a file as a part of a mail, in base64 with lines of 76 (RFC 2045, 6.8), its name as RFC 2231 says."""
    kind = file.content_type if _TYPE.fullmatch(file.content_type) else "application/octet-stream"
    name = quote(one_line(file.filename)[:MAX_NAME].encode("utf-8", "replace"), safe="") or "file"
    head = (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment; filename*=utf-8''{name}\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(file.data).replace(b"\n", b"\r\n")
