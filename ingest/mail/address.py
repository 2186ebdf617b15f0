"""Addresses out of From, To and Cc values as people and programs write them (RFC 5322, 3.4, and its neighbourhood)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.mail.charset import decode
from ingest.mail.headers import words

MAX_ADDRESSES = 500

_TOKEN = re.compile(
    r"\"(?:[^\"\\]|\\.?)*+(?:\"|\Z)"  # a quoted string, perhaps without its end
    r"|\((?:[^()\\]|\\.?|\((?:[^()\\]|\\.?)*+\))*+\)?"  # a comment, perhaps with one in it
    r"|<++[^<>]*+>*+"  # the address proper
    r"|[,;:]"
    r"|[^\"(<,;:]++",
    re.DOTALL,
)
_COMMENT = re.compile(r"\([^()]*+\)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Mailbox(NamedTuple):
    """One address, lower case, and the name written with it."""

    address: str
    name: str


def mailboxes(raw: bytes, hint: str = "", limit: int = MAX_ADDRESSES) -> list[Mailbox]:
    """Return the mailboxes of a header value, at most `limit`, without doubles; names decoded; never raises.

    Groups are taken apart, entries without `@` are left out, and what stands before a comma without an address counts as
    part of the name that follows (`Doe, John <john@…>`).
    """
    found: dict[str, Mailbox] = {}
    for box in _mailboxes(decode(raw, hint)):
        if "@" in box.address.strip("@") and not box.address.startswith("=?"):
            found.setdefault(box.address, box)
        if len(found) >= limit:
            break
    if not found and b"=?" in raw and raw.count(b"@") < limit:
        found = {box.address: box for box in _mailboxes(words(raw, hint)) if "@" in box.address.strip("@")}
    return list(found.values())[:limit]


def _mailboxes(text: str) -> Iterator[Mailbox]:
    entry: list[str] = []
    at = False  # whether the entry holds an address: without, its pieces are only kept for the next one
    for match in _TOKEN.finditer(text):
        token = match[0]
        first = token[0]
        if first == '"' and (len(token) == 1 or token[-1] != '"'):  # it never ends: read on as if it were not there
            yield from _mailboxes("".join([*entry, token.replace('"', " ")]))
            return
        if first in ",;" and at:
            yield from _entry(entry)
            entry, at = [], False
        elif first == ";" or (first == ":" and not at):  # the end of a group, or its name
            entry = []
        elif first != ":":
            entry.append(token)
            at = at or "@" in token
    if at:
        yield from _entry(entry)


def _entry(entry: list[str]) -> Iterator[Mailbox]:
    """Yield the mailbox between two commas, or the several of an entry whose commas were forgotten or misplaced."""
    name: list[str] = []
    later: list[str] = []  # what stands behind the address: the name of the next one if there is one, else of this one
    comments: list[str] = []
    angle = ""
    for token in entry:
        if token[0] == "(":
            comments.append(token)
        elif token[0] != "<":
            (later if "@" in angle else name).append(token)
        elif "@" in angle and "@" in token:
            yield _mailbox(name, comments, angle)
            name, later, comments, angle = later, [], [], token
        elif "@" in token or not angle:
            angle = token
    inside, phrase = angle.strip("<>"), "".join(name).strip()
    if "," in inside and inside.count("@") > 1 and ":" not in inside:
        yield from (_mailbox([], [], f"<{one}>") for one in inside.split(",") if "@" in one)
    elif (
        not angle and phrase.startswith('"') and phrase.endswith('"') and "<" in phrase
    ):  # "Ann <ann@customer.example>"
        yield from _mailboxes(phrase.replace('"', " "))
    elif not angle and len(pieces := phrase.split()) > 1 and all("@" in piece.strip("@") for piece in pieces):
        yield from (_mailbox([piece], [], "") for piece in pieces)
    else:
        yield _mailbox(name + later, comments, angle)


def _mailbox(name: list[str], comments: list[str], angle: str) -> Mailbox:
    if "@" in angle:
        return Mailbox(_address(angle), _name(name) or _comment(comments))
    phrase = "".join(name).strip()
    if phrase.startswith('"') and '"@' in phrase:  # a quoted local part
        return Mailbox(_address(phrase), _comment(comments))
    pieces = phrase.split()
    for place, piece in enumerate(pieces):
        if "@" in piece.strip("@"):
            rest = " ".join(pieces[:place] + pieces[place + 1 :])
            return Mailbox(_address(piece.strip('"')), _name([rest]) or _comment(comments))
    return Mailbox(_address(phrase or " ".join(comments).strip("()")), "")


def _address(text: str) -> str:
    bare = text.strip(" \t<>,;'")
    if '"' in bare:
        return bare.lower()
    bare = _COMMENT.sub("", "".join(bare.split()).lower()) if "(" in bare else "".join(bare.split()).lower()
    bare = bare.removeprefix("mailto:").rpartition(":")[2].strip("<>'")
    return bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare


def _comment(comments: list[str]) -> str:
    return _name([comment[1:].removesuffix(")") for comment in comments])


def _name(pieces: list[str]) -> str:
    out: list[str] = []
    for piece in pieces:
        quoted = piece.startswith('"')
        text = _ESCAPE.sub(r"\1", piece[1:-1]) if quoted else piece
        out.append(f" {text} " if quoted else text)
    name = " ".join("".join(out).split()).replace(" ,", ",").strip(" ,'\"")
    return words(name.encode("utf-8", "replace")).strip("'\"") if "=?" in name else name
