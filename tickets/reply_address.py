"""Addresses and Message-IDs that only this desk can make: they name a ticket and carry a proof (HMAC-SHA-256, RFC 2104).

`reply+t.17.k3v…@support.acme.example` leads an answer to ticket 17 whatever the mail program did to its headers. Everything is
lower case, because mail systems lower it; a proof is 16 characters of base32, 80 bits.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

_OURS = re.compile(r"(?:reply\+[a-z]|bounce\+b)\.[0-9]{1,18}\.[a-z2-7]{16}")
_ACT = re.compile(r"reply\+a\.([0-9]{1,18})\.([a-z2-7]{16})")
_BOUNCE = re.compile(r"bounce\+b\.([0-9]{1,18})\.([a-z2-7]{16})")
_LINK = re.compile(r"u\.([0-9]{1,18})\.([a-z2-7]{16})")
_SIGNED = re.compile(r"[^@<>]*?\b([a-z]\.[0-9]{1,18})\.([a-z2-7]{16})")
_MAX = 320


def proof(key: bytes, what: str) -> str:
    """Return the proof for `what` (`t.17` for ticket 17, `n.4` for the outbox row 4)."""
    return base64.b32encode(hmac.digest(key, what.encode(), hashlib.sha256)[:10]).decode().lower()


def signed(key: bytes, what: str) -> str:
    """Return `what` with its proof: the end of the local part of an address or Message-ID."""
    return f"{what}.{proof(key, what)}"


def reply_address(key: bytes, ticket: int, domain: str) -> str:
    """Return the address an answer to the ticket is sent to."""
    return f"reply+{signed(key, f't.{ticket}')}@{host(domain)}"


def act_address(key: bytes, notice: int, told: Iterable[object], domain: str) -> str:
    """Return the address an agent replies to a notice at: it names the outbox row and proves all it stands for.

    `told` is that: the ticket, the agent, the event, the epoch of the agent's addresses. None of it can be exchanged.
    """
    return f"reply+a.{notice}.{proof(key, _act(notice, told))}@{host(domain)}"


def act_claimed(address: str, domain: str) -> tuple[int, str] | None:
    """Return the notice and the proof in an address of that form, genuine or not, or nothing."""
    local, _, at = address[:_MAX].lower().rpartition("@")
    found = _ACT.fullmatch(local)
    return (int(found[1]), found[2]) if found and host(at) == host(domain) else None


def looks_like_act(address: str, domain: str) -> bool:
    """Tell whether the address was one of those once, whatever became of it: cut short, altered, made up."""
    local, _, at = address[:_MAX].lower().rpartition("@")
    return local.startswith("reply+a.") and host(at) == host(domain)


def act_proven(key: bytes, claimed: tuple[int, str], told: Iterable[object]) -> bool:
    """Tell whether the proof is that of the notice, whose row says what it was `told` for."""
    return hmac.compare_digest(claimed[1], proof(key, _act(claimed[0], told)))


def bounce_address(key: bytes, notice: int, domain: str) -> str:
    """Return the envelope sender of a notice: what mail servers say about it comes back there, and names the outbox row.

    Its proof is no other's: the Message-ID of a notice, which a reader may hand on, must not do to make a bounce of it.
    """
    return f"bounce+{signed(key, f'b.{notice}')}@{host(domain)}"


def bounce_claimed(address: str, domain: str) -> tuple[int, str] | None:
    """Return the notice and the proof in an address of that form, genuine or not, or nothing."""
    local, _, at = address[:_MAX].lower().rpartition("@")
    found = _BOUNCE.fullmatch(local)
    return (int(found[1]), found[2]) if found and host(at) == host(domain) else None


def bounce_proven(key: bytes, claimed: tuple[int, str]) -> bool:
    """Tell whether the proof is that of the notice."""
    return hmac.compare_digest(claimed[1], proof(key, f"b.{claimed[0]}"))


def _act(notice: int, told: Iterable[object]) -> str:
    return "\n".join(("act", str(notice), *map(str, told)))


def looks_signed(address: str, domain: str) -> bool:
    """Tell whether the address has the form of those this domain makes, for replies and bounces; `proven` says whether it is genuine."""
    local, _, at = address[:_MAX].lower().rpartition("@")
    return _OURS.fullmatch(local) is not None and host(at) == host(domain)


def claims(value: str, domain: str) -> str | None:
    """Return what an address or Message-ID of this domain says it is (`t.17`), genuine or not, or nothing."""
    claimed = _claimed(value, domain)
    return claimed[1] if claimed else None


def proven(key: bytes, value: str, domain: str) -> tuple[str, int] | None:
    """Return the letter and the number a signed address or Message-ID names, or nothing when it is not one of ours."""
    claimed = _claimed(value, domain)
    if claimed is None or not hmac.compare_digest(claimed[2], proof(key, claimed[1])):
        return None
    letter, _, number = claimed[1].partition(".")
    return letter, int(number)


def link_token(key: bytes, notice: int) -> str:
    """Return what stands in the link by which whoever got a notice stops others like it."""
    return signed(key, f"u.{notice}")


def linked(key: bytes, token: str) -> int | None:
    """Return the notice a link's token names, or nothing when it is not one of ours."""
    found = _LINK.fullmatch(token[:_MAX].lower())
    return int(found[1]) if found and hmac.compare_digest(found[2], proof(key, f"u.{found[1]}")) else None


def host(domain: str) -> str:
    """Return a domain as it stands in a header: lower-case ASCII letters, digits, dots and hyphens (IDNA, RFC 5890)."""
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        domain = ""
    return re.sub(r"\.{2,}", ".", re.sub(r"[^a-z0-9.-]", "", domain.lower())).strip(".-") or "localhost"


def _claimed(value: str, domain: str) -> re.Match[str] | None:
    local, _, at = value[:_MAX].lower().rpartition("@")
    found = _SIGNED.fullmatch(local)
    return found if found and host(at) == host(domain) else None
