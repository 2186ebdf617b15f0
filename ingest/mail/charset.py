"""Bytes to readable text, whatever the sender said about them: it may be wrong, and nothing may be lost."""

import re
from encodings.aliases import aliases
from functools import lru_cache

from tickets.message import clean

_OTHER_NAMES = {
    "": "",
    "7bit": "",
    "8bit": "",
    "ansi_x3_110_1983": "cp1252",
    "ascii": "",
    "binary": "",
    "cp874": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_8_i": "iso8859_8",
    "koi8_u": "koi8_u",
    "none": "",
    "unicode_1_1_utf_7": "utf_7",
    "unknown": "",
    "unknown_8bit": "",
    "us_ascii": "",
    "utf8mb4": "utf_8",
    "windows_874": "cp874",
    "windows_31j": "cp932",
    "x_cp1252": "cp1252",
    "x_gbk": "gb18030",
    "x_mac_roman": "mac_roman",
    "x_sjis": "cp932",
    "x_unknown": "",
}
# What a name stands for in mail, where that is more than the standard says: Windows code pages are supersets.
_SUPERSETS = {
    "ascii": "",
    "big5": "cp950",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "latin_1": "cp1252",
    "shift_jis": "cp932",
}
# Python calls these encodings too; none of them is a charset of mail, and some cost more than linear time.
_NOT_CHARSETS = {
    "base64_codec", "bz2_codec", "hex_codec", "idna", "mbcs", "oem", "punycode", "quopri_codec", "raw_unicode_escape",
    "rot_13", "undefined", "unicode_escape", "uu_codec", "zlib_codec",
}  # fmt: skip
# Their text is 7-bit on the wire and still not ASCII.
_ESCAPED = frozenset({"hz", "iso2022_kr", "utf_7", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "cp037", "cp500"})
_KNOWN = (set(aliases.values()) | {"utf_8_sig", "utf_8"}) - _NOT_CHARSETS
_JUNK = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=256)
def codec(name: str) -> str:
    """Return Python's name of the codec for a charset label, or "" when the label says nothing usable.

    Only names Python ships are looked up: a search for an invented one would be remembered for ever.
    """
    word = _JUNK.sub("_", name.lower()).strip("_")
    if word in _OTHER_NAMES:
        return _OTHER_NAMES[word]
    found = aliases.get(word, word)
    if found not in _KNOWN:
        squeezed = word.replace("_", "")
        found = aliases.get(squeezed, squeezed)
    return _SUPERSETS.get(found, found) if found in _KNOWN else ""


def _guessed(data: bytes) -> str:
    """Return UTF-8 where it is UTF-8, if need be with a few broken characters, else windows-1252."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken < sum(not char.isascii() for char in text) - broken:
        return text
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decode(data: bytes, label: str = "") -> str:
    """Return the text of the bytes: as labelled if that can be, else UTF-8, else windows-1252.

    Never raises; no NUL and no lone surrogate is in the result.
    """
    name = codec(label[:64])
    if data.isascii() and name not in _ESCAPED and not name.startswith(("iso2022", "utf_16", "utf_32")):
        return data.decode("ascii").replace("\0", "")
    if data.startswith(b"\xef\xbb\xbf"):
        data, name = data[3:], "utf_8"
    if name in ("", "utf_8", "utf_8_sig"):
        return clean(_guessed(data))
    try:
        return clean(data.decode(name))
    except (UnicodeError, ValueError, LookupError, OverflowError):
        pass
    try:
        return clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    if name.startswith(("cp125", "iso8859", "koi8", "mac_")):
        return clean(_guessed(data))
    return clean(data.decode(name, "replace"))
