"""What a mail holds: which parts are its text, which are files, and what is found inside those files.

Nothing is taken away by opening it: an attached mail, a winmail.dat and a signed p7m stay files themselves, and what is in
them is listed under them. All of one mail shares one allowance, so that mails in mails in mails cost no more than their size.
"""

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ingest.html.show import to_text
from ingest.mail.charset import decode
from ingest.mail.headers import Headers
from ingest.mail.parts import MAX_PARTS, Leaf, leaves
from ingest.mail.rtf import from_rtf, unpacked
from ingest.mail.sealed import KeyRing, opened_pgp, opened_smime, opened_text, seal_of, seals_in
from ingest.mail.tnef import is_tnef, tnef
from ingest.mail.uuencoded import taken_out
from tickets.message import Sealing

MAX_LAYERS = 8
MAX_OPENED = 200
MAX_INSIDE = 500

_WORDS = re.compile(r"\w+")
_OTHER_VIEWS = frozenset({"text/x-amp-html", "text/watch-html"})
_MAILS = frozenset({"message/rfc822", "message/global", "message/news"})
_TNEFS = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_TYPES = mimetypes.MimeTypes(filenames=())  # what Python ships, not what the machine has installed


@dataclass(frozen=True, slots=True)
class File:
    """An attachment, and the files found inside it."""

    leaf: Leaf
    inside: tuple["File", ...] = ()


@dataclass(slots=True)
class Content:
    """The parts of a mail told apart; `sealed` in the order the seals are met."""

    bodies: list[Leaf] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    sealed: dict[Sealing, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Allowance:
    """What may still be opened for this mail, and how many parts and files may still come out."""

    ring: KeyRing | None
    opened: int = MAX_OPENED
    inside: int = MAX_INSIDE


def content_of(parts: Sequence[Leaf], ring: KeyRing | None = None) -> Content:
    """Tell text from files and open what can be opened; nothing is neither, except other views of an alternative."""
    return _content(parts, _Allowance(ring), 0)


def _content(parts: Sequence[Leaf], allowance: _Allowance, layer: int) -> Content:
    bodies, files = _told_apart(parts)
    found = Content()
    for leaf in bodies:
        _take_body(found, leaf, allowance)
    pgp = False
    for leaf in files:
        if seal := seal_of(leaf):
            found.sealed[seal] = None
        inner = _opened(leaf, allowance, layer, pgp=pgp)
        pgp = leaf.content_type == "application/pgp-encrypted"
        found.files.append(File(leaf, tuple(inner.files) if inner else ()))
        if inner and leaf.content_type not in _MAILS and not any(body.text().strip() for body in found.bodies):
            found.bodies = inner.bodies
        if inner and leaf.content_type not in _MAILS:
            found.sealed.update(inner.sealed)
    return found


def _told_apart(parts: Sequence[Leaf]) -> tuple[list[Leaf], list[Leaf]]:
    bodies: list[Leaf] = []
    files: list[Leaf] = []
    for leaf in parts:
        undivided = leaf.content_type.startswith("multipart/")
        readable = leaf.content_type in ("text/plain", "text/html") and leaf.disposition in ("", "inline")
        if undivided or (readable and not leaf.filename):
            bodies.append(leaf)
        elif not (leaf.content_type in _OTHER_VIEWS and leaf.alternative and not leaf.disposition):
            files.append(leaf)
    if not bodies:  # a text that came with a name is still the text when there is no other
        bodies = [
            leaf for leaf in files if leaf.content_type.startswith("text/") and leaf.disposition in ("", "inline")
        ][:1]
        bodies = [leaf for leaf in bodies if leaf.content_type != "text/calendar"]
    return bodies, files


def _take_body(found: Content, leaf: Leaf, allowance: _Allowance) -> None:
    """Take a part as text, after what was written into the text: uuencoded files, OpenPGP messages."""
    raw = leaf.raw
    if leaf.content_type == "text/html" or not (leaf.encoding or _has_marks(raw, leaf.begin, leaf.end)):
        found.bodies.append(leaf)
        return
    data = leaf.content()
    if b"begin" in data:
        data, files = taken_out(data)
        if files:
            found.files += [File(_made(content, name)) for name, content in files]
            leaf = _as_text(leaf, data)
    if b"-----BEGIN PGP " in data:
        text = leaf.text()
        found.sealed.update(dict.fromkeys(seals_in(text)))
        if (clear := opened_text(text, allowance.ring)) != text:
            leaf = _page("text/plain", clear)
    found.bodies.append(leaf)


def _has_marks(raw: bytes, begin: int, end: int) -> bool:
    return raw.find(b"begin", begin, end) >= 0 or raw.find(b"-----BEGIN PGP ", begin, end) >= 0


def _as_text(leaf: Leaf, data: bytes) -> Leaf:
    """Return the part with other content, its transfer encoding undone."""
    fields = tuple(field for field in leaf.headers.fields if field[0] != "content-transfer-encoding")
    return replace(leaf, raw=data, begin=0, end=len(data), headers=Headers(fields))


def _page(content_type: str, text: str) -> Leaf:
    data = text.encode("utf-8", "replace")
    headers = Headers((("content-type", f"{content_type}; charset=utf-8".encode()),))
    return Leaf(data, 0, len(data), headers, "text/plain")


def _made(content: bytes, name: str, content_type: str = "", content_id: str = "") -> Leaf:
    """Return a file that was found inside another as the part it would have been."""
    kind = content_type if "/" in content_type and content_type.isascii() else _TYPES.guess_type(name)[0]
    said = "".join(name.split("\n")).replace("\\", "\\\\").replace('"', '\\"')
    fields = [
        ("content-type", (kind or "application/octet-stream").encode()),
        ("content-disposition", f'attachment; filename="{said}"'.encode("utf-8", "replace") if name else b"attachment"),
    ]
    if content_id:
        fields.append(("content-id", f"<{content_id}>".encode("utf-8", "replace")))
    return Leaf(content, 0, len(content), Headers(tuple(fields)), "application/octet-stream")


def _opened(leaf: Leaf, allowance: _Allowance, layer: int, *, pgp: bool) -> Content | None:
    """Return what is inside a file, None when it is nothing that opens or the allowance is used up."""
    name = leaf.filename.lower()
    kind = leaf.content_type
    is_mail = kind in _MAILS or (kind == "application/octet-stream" and name.endswith(".eml"))
    is_winmail = kind in _TNEFS or name == "winmail.dat"
    seal = seal_of(leaf)
    if not (is_mail or is_winmail or pgp or seal in ("smime_signed", "smime_encrypted")):
        return None
    if layer >= MAX_LAYERS or allowance.opened <= 0 or allowance.inside <= 0:
        return None
    allowance.opened -= 1
    if is_winmail:
        return _of_winmail(leaf.content(), allowance, layer)
    if is_mail:
        inner = leaf.content()
    elif pgp:
        inner = opened_pgp(leaf.content(), allowance.ring)
    else:
        inner = opened_smime(leaf, allowance.ring)
    if not inner:
        return None
    _, parts = leaves(inner, min(MAX_PARTS, allowance.inside))
    allowance.inside -= len(parts)
    return _content(parts, allowance, layer + 1)


def _of_winmail(data: bytes, allowance: _Allowance, layer: int) -> Content | None:
    if not is_tnef(data):
        return None
    said = tnef(data)
    found = Content()
    if said.html.strip():
        found.bodies = [_page("text/html", said.html)]
    elif said.text.strip():
        found.bodies = [_page("text/plain", said.text)]
    elif said.rtf:
        text, is_html = from_rtf(unpacked(said.rtf))
        found.bodies = [_page("text/html" if is_html else "text/plain", text)]
    for file in said.files[: allowance.inside]:
        leaf = _made(
            file.content, file.name, "application/ms-tnef" if file.nested else file.content_type, file.content_id
        )
        inner = _opened(leaf, allowance, layer + 1, pgp=False)
        found.files.append(File(leaf, tuple(inner.files) if inner else ()))
    allowance.inside -= len(found.files)
    return found


def readable(bodies: Sequence[Leaf]) -> tuple[str, str | None]:
    """Return the readable text of the body parts, and the HTML as it came, None if there is none."""
    read = [(leaf, leaf.text()) for leaf in bodies]
    plain = [(leaf, text) for leaf, text in read if leaf.content_type != "text/html" and text.strip()]
    covered = {leaf.alternative for leaf, _ in plain if leaf.alternative}
    texts: list[str] = []
    pages: list[str] = []
    for leaf, text in read:
        if leaf.content_type != "text/html":
            texts.append(text)
            continue
        if text.strip():
            pages.append(text)
        if leaf.alternative in covered or not text.strip():
            continue
        converted = to_text(text)
        if leaf.alternative or not _says_the_same(converted, [words for _, words in plain]):
            texts.append(converted)
    joined = "\n\n".join(stripped for text in texts if (stripped := text.rstrip().lstrip("\n")))
    return joined, "\n".join(pages) if pages else None


def _says_the_same(converted: str, plain: Sequence[str]) -> bool:
    """Tell whether the HTML repeats the plain text: programs that do not know multipart/alternative send both."""
    words = set(_WORDS.findall(converted))
    said = set(_WORDS.findall(" ".join(plain)))
    return bool(plain) and len(words & said) >= 0.9 * len(words)


def undecoded(parts: Sequence[Leaf]) -> str:
    """Return the body as it came over the wire: what a person can still read when nothing else is left."""
    return decode(b"\n".join(leaf.raw[leaf.begin : leaf.end] for leaf in parts)).strip()
