"""What a file is by its bytes, and what its name may be: nobody's word is taken for either.

The patterns are those a browser goes by (https://mimesniff.spec.whatwg.org), the usual archives and documents, and what a
machine would run. Each is exact and looks at the first `LOOKED_AT` bytes only.
"""

import re
import unicodedata
from typing import Final

LOOKED_AT: Final = 4096
LONGEST_NAME: Final = 150
"""In UTF-8 bytes: file systems take 255, and programs put something before or behind it."""

_EXE: Final = "application/vnd.microsoft.portable-executable"
_SVG: Final = "image/svg+xml"
_ZIP: Final = "application/zip"
_OLE: Final = "application/x-ole-storage"
_OOXML: Final = "application/vnd.openxmlformats-officedocument."

_BEGINS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"), (b"%PDF-", "application/pdf"), (b"%!PS-", "application/postscript"),
    (b"{\\rtf", "application/rtf"), (b"OggS\0", "application/ogg"), (b"ID3\x02", "audio/mpeg"), (b"ID3\x03", "audio/mpeg"),
    (b"ID3\x04", "audio/mpeg"), (b"fLaC", "audio/flac"), (b"\x1a\x45\xdf\xa3", "video/webm"), (b"#!AMR", "audio/amr"),
    (b"\x1f\x8b\x08", "application/gzip"), (b"BZh", "application/x-bzip2"), (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"), (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE), (b"BEGIN:VCARD", "text/vcard"), (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"\x7fELF", "application/x-elf"), (b"\xca\xfe\xba\xbe", "application/java-vm"), (b"#!", "text/x-shellscript"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"), (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"), (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"), (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (b"ITSF\x03\0\0\0", "application/vnd.ms-htmlhelp"),
)  # fmt: skip
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Final = {
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"qt  ": "video/quicktime", b"heic": "image/heic", b"heix": "image/heic",
    b"mif1": "image/heif", b"avif": "image/avif", b"3gp4": "video/3gpp", b"3gp5": "video/3gpp",
}  # fmt: skip
_HTML: Final = re.compile(
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|img|meta|form|object|embed)[\s>/]"
    rb"|<!--",
    re.IGNORECASE,
)
_HTML_INSIDE: Final = re.compile(rb"<(?:\w+:)?(?:html|script)[\s>/]", re.IGNORECASE)
_SVG_INSIDE: Final = re.compile(rb"<(?:\w+:)?svg[\s>/]", re.IGNORECASE)

_ALSO: Final = {
    _ZIP: re.compile(r"zip|openxml|opendocument|java-archive|android|kmz|iwork|pkpass|xps"),
    _OLE: re.compile(r"ms-?word|ms-|visio|x-msi|vnd\.wordperfect"),
    "image/jpeg": re.compile(r"image/p?jpe?g|image/jfif"),
    "image/tiff": re.compile(r"image/tiff?"),
    "application/gzip": re.compile(r"gzip|tgz|gtar"),
    "application/vnd.rar": re.compile(r"\brar|x-rar"),
    "application/ogg": re.compile(r"ogg|opus"),
    "audio/mpeg": re.compile(r"audio/(?:mp3|mpe?g)"),
    "audio/wav": re.compile(r"audio/(?:vnd\.)?wave?"),
    "video/webm": re.compile(r"webm|matroska"),
    "video/mp4": re.compile(r"mp4|m4v|m4a|quicktime|3gpp"),
    "application/rtf": re.compile(r"rtf|ms-?word"),
    "text/vcard": re.compile(r"vcard|directory"),
    "text/html": re.compile(r"html"),
    "text/xml": re.compile(r"xml"),
    "application/postscript": re.compile(r"postscript|eps|illustrator"),
}

_DANGEROUS: Final = frozenset({
    _EXE, "application/x-elf", "application/x-mach-binary", "application/java-vm", "application/java-archive",
    "text/x-shellscript", "application/x-ms-shortcut", "application/vnd.ms-htmlhelp", "text/html", _SVG,
    "application/xhtml+xml", "text/javascript", "application/javascript",
    "application/ecmascript", "application/x-javascript", "application/x-sh", "application/x-msdownload",
    "application/x-msdos-program", "application/x-dosexec", "application/x-executable", "application/hta",
    "application/x-httpd-php",
})  # fmt: skip
_EXTENSIONS: Final = """
    ade adp appref-ms appx asp aspx bas bat chm cmd com command cpl csh desktop diagcab dll docm dotm exe fxp gadget hlp hpj hta
    htc htm html img inf ins iso isp its jar jnlp js jse ksh lnk mht mhtml msc msh msi msix msp mst ocx php pif pl potm ppsm
    pptm prf prg ps1 ps2 psc1 psd1 psm1 py pyc pyz reg scf scr sct sh shb shs shtml svg svgz sys url vb vbe vbs vhd vhdx website
    ws wsc wsf wsh xbap xht xhtml xlam xll xlsm xltm xsl
"""
_RUNS: Final = frozenset(_EXTENSIONS.split())
_SHOWN: Final = frozenset({
    "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "audio/mpeg", "audio/mp4", "audio/wav", "audio/flac",
    "video/mp4", "video/webm", "video/quicktime", "application/ogg",
})  # fmt: skip
_RESERVED: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])(?:\..*)?", re.IGNORECASE
)


def sniff(data: bytes) -> str | None:
    """Return the media type the bytes have, nothing when they are of no type known here. Never raises."""
    head = data[:LOOKED_AT]
    known = next((kind for begin, kind in _BEGINS if head.startswith(begin)), None)
    return known or _container(head) or _markup(head)


def _container(head: bytes) -> str | None:
    kind = None
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        kind = _zip(head)
    elif head[:4] == b"RIFF":
        kind = _RIFF.get(head[8:12])
    elif head[4:8] == b"ftyp":
        kind = _BRANDS.get(head[8:12], "video/mp4")
    elif head[:2] == b"MZ" and b"\0" in head[2:64]:
        kind = _EXE
    elif head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        kind = "image/bmp"
    elif head[257:262] == b"ustar":
        kind = "application/x-tar"
    return kind


def _zip(head: bytes) -> str:
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if first == b"mimetype":  # OpenDocument and EPUB begin with it, stored as it is
        said = re.match(rb"application/(?:vnd\.oasis\.opendocument\.[a-z-]{1,40}|epub\+zip)", head[38:])
        return said[0].decode() if said else _ZIP
    if first.startswith(b"META-INF/"):
        return "application/java-archive"
    if first in (b"[Content_Types].xml", b"_rels/.rels", b"docProps/app.xml"):
        for folder, kind in (
            (b"word/", "wordprocessingml.document"),
            (b"xl/", "spreadsheetml.sheet"),
            (b"ppt/", "presentationml.presentation"),
        ):
            if folder in head:
                return _OOXML + kind
    return _ZIP


def _markup(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\t\n\x0b\x0c\r \0")
    if not head.startswith(b"<"):
        return None
    if _SVG_INSIDE.match(head):
        return _SVG
    if _HTML.match(head):
        return _SVG if head.startswith(b"<!--") and _SVG_INSIDE.search(head) else "text/html"
    if head[:5].lower() == b"<?xml" or head[:9].lower() == b"<!doctype":
        if _SVG_INSIDE.search(head):
            return _SVG
        return "text/html" if _HTML_INSIDE.search(head) else "text/xml"
    return None


def other_than(claimed: str, data: bytes) -> str | None:
    """Return what the bytes are where that is not what `claimed` says; nothing where it is, or cannot be told."""
    found = sniff(data)
    if found is None or claimed.replace("/x-", "/") == found.replace("/x-", "/"):
        return None
    group = found.partition("/")[0]
    also = _ALSO.get(_ZIP if found.startswith(_OOXML) and claimed == _ZIP else found)
    if also is not None and also.search(claimed) and not (group == "text" and claimed in ("text/plain", "")):
        return None
    return found


def is_dangerous(filename: str, *kinds: str | None) -> bool:
    """Tell whether a file may do something when it is opened or shown: a program, a script, or markup that can hold one.

    `kinds` are the media types it claims and has.
    """
    _, dot, extension = safe_name(filename).rpartition(".")
    runs = bool(dot) and extension.lower() in _RUNS
    return runs or any(kind is not None and kind.lower() in _DANGEROUS for kind in kinds)


def is_shown(kind: str) -> bool:
    """Tell whether a browser may show bytes of this type in a page: pictures and sound, which run nothing."""
    return kind in _SHOWN


def safe_name(name: str, default: str = "attachment") -> str:
    """Return a name under which a stranger's file may be saved anywhere: one component, with nothing hidden in it.

    Without paths, control, bidirectional and invisible characters, and what Windows reserves; at most `LONGEST_NAME` bytes,
    of which the extension is kept.
    """
    last = re.split(r"[/\\]", name[-1000:])[-1]
    plain = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", last))
    seen = "".join(char for char in plain if char == " " or unicodedata.category(char)[0] not in "CZ")
    made = " ".join(re.sub(r'[<>:"|?*%]', "_", seen).split()).lstrip(" .-~").rstrip(" .")
    stem, dot, extension = made.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = made, "", ""
    room = LONGEST_NAME - len(f"{dot}{extension}".encode()) - 1
    made = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + dot + extension
    if _RESERVED.fullmatch(made):
        made = f"_{made}"
    return made or default
