"""Bytes to readable text, whatever the sender said about them: it may be wrong, and nothing may be lost."""

import re
from encodings.aliases import aliases
from functools import lru_cache

from tickets.message import clean

# Labels that name a charset Python knows by another word, without punctuation; "" where they say nothing.
_OTHER_NAMES = {
    "7bit": "",
    "8bit": "",
    "al32utf8": "utf_8",
    "ansix31101983": "cp1252",
    "ascii": "",
    "big5eten": "cp950",
    "binary": "",
    "chinesebig5": "cp950",
    "cngb": "gb18030",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "cp50222": "iso2022_jp",
    "cp51932": "euc_jp",
    "cp51936": "gb18030",
    "cp51949": "cp949",
    "cp54936": "gb18030",
    "cp65000": "utf_7",
    "cp20127": "",
    "cp20866": "koi8_r",
    "cp21866": "koi8_u",
    "cp936": "gb18030",
    "eucjpms": "euc_jp",
    "eucjpwin": "euc_jp",
    "gb231280": "gb18030",
    "iso2022jpms": "iso2022_jp",
    "iso88598e": "iso8859_8",
    "iso88598i": "iso8859_8",
    "iso885916": "iso8859_16",
    "koi": "koi8_r",
    "koi8": "koi8_r",
    "koi8ru": "koi8_u",
    "macce": "mac_latin2",
    "maccentraleurroman": "mac_latin2",
    "macjapanese": "cp932",
    "mskanji": "cp932",
    "none": "",
    "sjiswin": "cp932",
    "unicode11utf7": "utf_7",
    "unknown": "",
    "unknown8bit": "",
    "usascii": "",
    "utf8mac": "utf_8",
    "utf8mb4": "utf_8",
    "cesu8": "utf_8",
    "we8iso8859p1": "cp1252",
    "we8mswin1252": "cp1252",
    "windows31j": "cp932",
}
# What a name stands for in mail, where that is more than the standard says: Windows code pages are supersets.
_SUPERSETS = {
    "ascii": "",
    "big5": "cp950",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859_11": "cp874",
    "iso8859_9": "cp1254",
    "latin_1": "cp1252",
    "shift_jis": "cp932",
    "tis_620": "cp874",
}
# What reads the letters that vendors added, where the codec of the name does not.
_NEXT = {
    "cp950": ("big5hkscs",),
    "cp949": ("johab",),
    "euc_jp": ("euc_jis_2004", "cp932"),
    "iso2022_jp": ("iso2022_jp_ext", "iso2022_jp_2004"),
    "cp932": ("shift_jis_2004",),
}
# Python calls these encodings too; none of them is a charset of mail, and some cost more than linear time.
_NOT_CHARSETS = {
    "base64_codec", "bz2_codec", "hex_codec", "idna", "mbcs", "oem", "punycode", "quopri_codec", "raw_unicode_escape",
    "rot_13", "undefined", "unicode_escape", "uu_codec", "zlib_codec",
}  # fmt: skip
# Their text is 7-bit on the wire and still not ASCII.
_ESCAPED = frozenset({"hz", "iso2022_kr", "utf_7", "cp037", "cp500"})
_KNOWN = (set(aliases.values()) | {"cp737", "cp856", "cp874", "koi8_u", "utf_8", "utf_8_sig"}) - _NOT_CHARSETS
_BARE = {
    name.replace("_", ""): known
    for name, known in [*aliases.items(), *zip(_KNOWN, _KNOWN, strict=True)]
    if known in _KNOWN
}
_LABEL = re.compile(r"[\s\"'=]*+(?:charset[\s\"'=]*+)?(?:x-)?([^\s\"';,(]*+)")
_PAGE = re.compile(r"(?:windows|win|cp|ibm|dos|ms|x)?-?_?(\d{3,5})\Z")
_ISO = re.compile(r"iso[-_ ]?8859[-_ ]?(\d{1,2})(?![0-9])|8859[-_](\d{1,2})\Z")
_JUNK = re.compile(r"[^a-z0-9]+")
_META = re.compile(
    rb"<(?:meta|\?xml)\b[^>]{0,300}?(?:charset|encoding)\s*+=\s*+[\"']?\s*+([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE
)
_JIS = re.compile(rb"\x1b\$[@B]([\x21-\x7e]*+)")


@lru_cache(maxsize=256)
def codec(name: str) -> str:
    """Return Python's name of the codec for a charset label, or "" when the label says nothing usable.

    Only names Python ships are looked up: a search for an invented one would be remembered for ever.
    """
    match = _LABEL.match(name.lower().replace("iso ", "iso-"))
    label = (match[1] if match else "").partition("//")[0]
    bare = _JUNK.sub("", label)
    if bare in _OTHER_NAMES:
        return _OTHER_NAMES[bare]
    found = _BARE.get(bare, "")
    if not found and (page := _PAGE.match(label)):
        found = _OTHER_NAMES.get(f"cp{page[1]}") or _BARE.get(page[1]) or f"cp{page[1]}"
        if page[1].startswith("2859"):
            found = _BARE.get(f"iso8859{page[1][4:].lstrip('0')}", "")
    if not found and (iso := _ISO.match(label)):
        found = _BARE.get(f"iso8859{iso[1] or iso[2]}", "")
    if not found and bare.startswith(("x", "cs", "cn")):  # x-x-big5, cn-big5
        bare = bare.lstrip("x").removeprefix("cs").removeprefix("cn")
        found = _BARE.get(bare, "")
    return _SUPERSETS.get(found, found) if found in _KNOWN or found in _SUPERSETS else ""


def html_charset(data: bytes) -> str:
    """Return the charset an HTML page names for itself in its first kilobytes, "" if none."""
    match = _META.search(data, 0, 4096)
    return match[1].decode("ascii") if match else ""


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


def _with_vendor_kanji(data: bytes) -> bytes:
    """Return ISO-2022-JP with its double-byte text as Shift_JIS, in which Windows knows more letters (row 13: ①, ㈱)."""

    def shifted(match: re.Match[bytes]) -> bytes:
        pairs = match[1]
        out = bytearray()
        for high, low in zip(pairs[::2], pairs[1::2], strict=False):
            lead = (high + 1) // 2 + (0x70 if high < 0x5F else 0xB0)
            out += bytes((lead, low + (0x1F + (low > 0x5F) if high % 2 else 0x7E)))
        return bytes(out)

    return re.sub(rb"\x1b\([BJ]", b"", _JIS.sub(shifted, data))


def _utf16(data: bytes, name: str) -> str:
    """Return which UTF-16 it is: without a byte-order mark, the side on which the zeros stand tells."""
    if name != "utf_16" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return name
    return "utf_16_be" if data[::2].count(0) >= data[1::2].count(0) else "utf_16_le"


def decode(data: bytes, label: str = "") -> str:
    """Return the text of the bytes: as labelled if that can be, else UTF-8, else windows-1252.

    What claims to be Latin and is UTF-8 is read as UTF-8: hardly any Latin text happens to be valid UTF-8. Never raises; no
    NUL and no lone surrogate is in the result.
    """
    name = codec(label[:64]) if label else ""
    if data.isascii():
        if b"\x1b$" not in data:
            if (
                not name
                or name == "utf_8"
                or not (name in _ESCAPED or name.startswith(("iso2022", "utf_16", "utf_32")))
            ):
                return data.decode("ascii").replace("\0", "")
        elif name in ("", "utf_8", "cp1252", "cp932", "euc_jp"):
            name = "iso2022_jp"
        if name.startswith(("utf_16", "utf_32")) and b"\0" not in data:
            return data.decode("ascii")
    if data.startswith(b"\xef\xbb\xbf"):
        data, name = data[3:], "utf_8"
    elif name == "" and data[:2] in (b"\xff\xfe", b"\xfe\xff") and b"\0" in data:
        name = "utf_16"
    if name in ("", "utf_8", "utf_8_sig"):
        return clean(_guessed(data))
    return clean(_labelled(data, name))


def _labelled(data: bytes, name: str) -> str:
    if name == "cp1252":
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    for one in (_utf16(data, name), *_NEXT.get(name, ())):
        try:
            return data.decode(one)
        except (UnicodeError, ValueError, OverflowError):
            continue
    if name == "iso2022_jp" and b"\x1b$" in data:
        return _with_vendor_kanji(data).decode("cp932", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if name.startswith(("cp125", "iso8859", "koi8", "mac_", "cp8")):
        return _guessed(data)
    return data.decode(name, "replace")
