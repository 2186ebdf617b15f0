"""winmail.dat: what Outlook makes of a mail for other Outlooks (MS-OXTNEF), read attribute by attribute.

Own, because the library at hand copies the rest of the file for every attribute and loops over counts that the file names:
a hostile one costs it minutes. Here every count and length is checked against the bytes that are there.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ingest.mail.charset import codec, decode

MAX_ATTRIBUTES = 5000
MAX_PROPERTIES = 5000
MAX_FILES = 200

_SIGNATURE = 0x223E9F78
_BODY, _ATTACH_DATA, _ATTACH_TITLE, _RENDERING, _PROPERTIES, _ATTACHMENT, _CODEPAGE = (
    0x800C, 0x800F, 0x8010, 0x9002, 0x9003, 0x9005, 0x9007,
)  # fmt: skip
# Property ids (MS-OXPROPS).
_TEXT, _RTF, _HTML, _INTERNET_CODEPAGE = 0x1000, 0x1009, 0x1013, 0x3FDE
_DISPLAY_NAME, _DATA, _SHORT_NAME, _LONG_NAME, _MIME_TYPE, _CONTENT_ID = 0x3001, 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
# Types of properties: 8-bit text, UTF-16 text, bytes, object; and the sizes of the others (MS-OXCDATA, 2.11.1).
_STRING8, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
_SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}


@dataclass(frozen=True, slots=True)
class TnefFile:
    """A file in a winmail.dat; `nested` says that its content is an Outlook message, a winmail.dat itself."""

    name: str = ""
    content_type: str = ""
    content_id: str = ""
    content: bytes = b""
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Tnef:
    """What was found: the text or HTML or RTF of the message, "" and b"" where there is none, and its files."""

    text: str = ""
    html: str = ""
    rtf: bytes = b""
    files: tuple[TnefFile, ...] = ()


@dataclass(slots=True)
class _Found:
    codepage: str = ""
    body: bytes = b""
    properties: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    files: list[TnefFile] = field(default_factory=list)


def is_tnef(data: bytes) -> bool:
    """Return whether the bytes begin as a winmail.dat does."""
    return len(data) > 6 and data[:4] == _SIGNATURE.to_bytes(4, "little")


def tnef(data: bytes) -> Tnef:
    """Return what is in a winmail.dat; nothing from bytes that are none; a damaged one as far as it goes; never raises."""
    found = _Found()
    for name, value in _attributes(data):
        _take(found, name, value)
    said = found.properties
    page = _INTERNET_CODEPAGE in said and codec(f"cp{int.from_bytes(said[_INTERNET_CODEPAGE][1][:4], 'little')}")
    charset = page or found.codepage
    return Tnef(
        text=_string(said[_TEXT], charset) if _TEXT in said else decode(found.body.rstrip(b"\0"), found.codepage),
        html=_string(said[_HTML], charset) if _HTML in said else "",
        rtf=said[_RTF][1] if _RTF in said else b"",
        files=tuple(one for one in found.files if one.content or one.name),
    )


def _attributes(data: bytes) -> Iterator[tuple[int, memoryview]]:
    if not is_tnef(data):
        return
    view, at = memoryview(data), 6
    for _ in range(MAX_ATTRIBUTES):
        if at + 11 > len(data):
            return
        name, _, length = struct.unpack_from("<HHI", data, at + 1)
        yield name, view[at + 9 : at + 9 + length]
        at += 11 + length


def _take(found: _Found, name: int, value: memoryview) -> None:
    if name == _CODEPAGE:
        found.codepage = codec(f"cp{int.from_bytes(value[:4], 'little')}")
    elif name == _BODY:
        found.body = bytes(value)
    elif name == _PROPERTIES:
        found.properties.update(_properties(value))
    elif name == _RENDERING and len(found.files) < MAX_FILES:
        found.files.append(TnefFile())
    elif name in (_ATTACH_TITLE, _ATTACH_DATA, _ATTACHMENT) and found.files:
        last = found.files[-1]
        if name == _ATTACH_TITLE:
            last = replace(last, name=last.name or decode(bytes(value).rstrip(b"\0"), found.codepage))
        elif name == _ATTACH_DATA:
            last = replace(last, content=bytes(value))
        else:
            last = _described(last, _properties(value), found.codepage)
        found.files[-1] = last


def _described(file: TnefFile, said: dict[int, tuple[int, bytes]], charset: str) -> TnefFile:
    """Return the file with what its properties say: a long name instead of 8.3, a type, sometimes the content itself."""
    name = next((_string(said[one], charset) for one in (_LONG_NAME, _SHORT_NAME) if one in said), "")
    if not name:
        name = file.name or (_string(said[_DISPLAY_NAME], charset) if _DISPLAY_NAME in said else "")
    kind, content = said.get(_DATA, (0, b""))
    if kind == _OBJECT:
        content = content[16:]  # the interface's id (MS-OXTNEF, 2.1.3.4)
    return TnefFile(
        name=" ".join(name.split()),
        content_type=_string(said[_MIME_TYPE], charset).strip().lower() if _MIME_TYPE in said else "",
        content_id=_string(said[_CONTENT_ID], charset).strip("<> ") if _CONTENT_ID in said else "",
        content=content or file.content,
        nested=kind == _OBJECT and is_tnef(content),
    )


def _string(value: tuple[int, bytes], charset: str) -> str:
    kind, data = value
    if kind == _UNICODE:
        return decode(data[: len(data) // 2 * 2], "utf-16-le").rstrip("\0")
    return decode(data.rstrip(b"\0"), charset)


def _properties(view: memoryview) -> dict[int, tuple[int, bytes]]:
    """Return the properties of a list (MS-OXTNEF, 2.1.3.4): by id the type and the first value, as far as the list goes."""
    found: dict[int, tuple[int, bytes]] = {}
    try:
        (count,) = struct.unpack_from("<I", view, 0)
        at = 4
        for _ in range(min(count, MAX_PROPERTIES)):
            kind, name = struct.unpack_from("<HH", view, at)
            at += 4
            if name >= 0x8000:
                at = _after_name(view, at)
            value, at = _value(view, at, kind)
            found.setdefault(name, (kind & 0xFFF, value))
    except (struct.error, KeyError):  # damaged, or a type nobody documented: what stood before it counts
        pass
    return found


def _after_name(view: memoryview, at: int) -> int:
    """Return where a named property goes on behind its name."""
    (by_text,) = struct.unpack_from("<I", view, at + 16)
    at += 20
    if not by_text:
        return at + 4
    length: int = struct.unpack_from("<I", view, at)[0]
    return at + 4 + (length + 3) // 4 * 4


def _value(view: memoryview, at: int, kind: int) -> tuple[bytes, int]:
    """Return the first value of a property and where the next property begins."""
    bare = kind & 0xFFF
    varies = bare in (_STRING8, _UNICODE, _OBJECT, _BINARY)
    count = 1
    if varies or kind & 0x1000:
        (count,) = struct.unpack_from("<I", view, at)
        at += 4
    first = b""
    for number in range(min(count, MAX_PROPERTIES)):
        if at > len(view):
            break
        if varies:
            (length,) = struct.unpack_from("<I", view, at)
            at += 4
        else:
            length = _SIZES[bare]
        if number == 0:
            first = bytes(view[at : at + length])
        at += (length + 3) // 4 * 4
    return first, at
