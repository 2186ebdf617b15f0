"""The outside of a Cryptographic Message Syntax file (RFC 5652): what it is, and what a signed one holds.

Only as much of BER (X.690) as that takes. Nothing is verified: a signature says who signed, not what there is to read.
"""

from collections.abc import Iterator
from typing import Literal

MAX_PIECES = 100_000
MAX_DEPTH = 12

_SIGNED = bytes.fromhex("2a864886f70d010702")
_ENVELOPED = frozenset((bytes.fromhex("2a864886f70d010703"), bytes.fromhex("2a864886f70d0109100117")))
_SEQUENCE, _OCTETS, _OCTETS_IN_PIECES, _EXPLICIT = 0x30, 0x04, 0x24, 0xA0

_Element = tuple[int, int, int, int]  # the tag, where the content begins and ends, where the next element begins


def what(data: bytes) -> Literal["signed", "enveloped"] | None:
    """Return what a CMS file is, None when it is nothing that can be told; never raises."""
    outer = _element(data, 0, len(data))
    kind = _element(data, outer[1], outer[2]) if outer and outer[0] == _SEQUENCE else None
    oid = data[kind[1] : kind[2]] if kind and kind[0] == 0x06 else b""
    return "signed" if oid == _SIGNED else "enveloped" if oid in _ENVELOPED else None


def signed_content(data: bytes) -> bytes:
    """Return what was signed (RFC 5652, 5.2), b"" when it stands elsewhere or cannot be read; never raises."""
    if what(data) != "signed":
        return b""
    spans = [(0, len(data))]
    # ContentInfo > [0] > SignedData > EncapsulatedContentInfo (behind the version and the algorithms) > [0] > OCTET STRING
    for tag, place in ((_SEQUENCE, 0), (_EXPLICIT, 1), (_SEQUENCE, 0), (_SEQUENCE, 2), (_EXPLICIT, 1)):
        found = next((one for number, one in enumerate(_elements(data, *spans[0])) if number == place), None)
        if found is None or found[0] != tag:
            return b""
        spans = [(found[1], found[2])]
    return b"".join(_octets(data, *spans[0]))


def _octets(data: bytes, begin: int, end: int, depth: int = 0) -> Iterator[bytes]:
    for tag, first, last, _ in _elements(data, begin, end):
        if tag == _OCTETS:
            yield data[first:last]
        elif tag == _OCTETS_IN_PIECES and depth < MAX_DEPTH:
            yield from _octets(data, first, last, depth + 1)


def _elements(data: bytes, begin: int, end: int) -> Iterator[_Element]:
    for _ in range(MAX_PIECES):
        element = _element(data, begin, end)
        if element is None or element[:1] == (0,):
            return
        yield element
        begin = element[3]


def _element(data: bytes, at: int, end: int) -> _Element | None:
    """Return the element at a place; one of indefinite length ends, for us, where what it stands in ends."""
    if at + 2 > end or data[at] & 31 == 31:
        return None
    size = data[at + 1]
    first = at + 2
    if size == 0x80:
        return data[at], first, end, _past(data, first, end)
    if size > 0x80:
        first += size & 127
        size = int.from_bytes(data[at + 2 : first][:8], "big") if size & 127 <= 8 else len(data)
    last = min(first + size, end)
    return data[at], first, last, last


def _past(data: bytes, at: int, end: int) -> int:
    """Return where an element of indefinite length is over: behind the two zeros that match its beginning."""
    open_ = 1
    for _ in range(MAX_PIECES):
        if at + 2 > end:
            return end
        if data[at : at + 2] == b"\0\0":
            open_, at = open_ - 1, at + 2
            if not open_:
                return at
        elif data[at + 1] == 0x80:
            open_, at = open_ + 1, at + 2
        else:
            element = _element(data, at, end)
            if element is None:
                return end
            at = element[3]
    return end
