"""SPF, DKIM, ARC and DMARC of one mail, found out here: dkimpy and pyspf do the work, this bounds it and judges.

The libraries raise on much and take quadratic time on runs of blanks, so every call is fenced, and a body is brought into
the canonical form the signature asks for (RFC 6376, 3.4.4) before they see it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import Any

import dkim
import publicsuffixlist
import spf

from config.desk import TrustConfig
from ingest.mail.headers import Headers
from ingest.mail.names import Names, NoAnswerNow
from ingest.mail.results import results
from tickets.trust import Trust

OURS = "frontdesk"
MAX_SIGNATURES = 5
MAX_SEALS = 10
MAX_HEADER_BYTES = 200_000
_LONGEST_SIGNATURE = 8_192
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_WHITE = re.compile(rb"[\t ]+")
_RELAXED_BODY = re.compile(rb"[;\s]c\s*=\s*[a-z]+/relaxed", re.IGNORECASE)
_PART_ONLY = re.compile(rb"[;\s]l\s*=", re.IGNORECASE)


class Verifier:
    """Judges mails by what DNS says of their domains. Thread-safe."""

    def __init__(self, names: Names | None = None) -> None:
        self._names = names or Names()

    @cached_property
    def _suffixes(self) -> publicsuffixlist.PublicSuffixList:
        return publicsuffixlist.PublicSuffixList()  # reading it takes half a second, and many desks never ask

    def judge(self, raw: bytes, headers: Headers, meta: Mapping[str, Any], config: TrustConfig, domain: str) -> Trust:
        """Return the verdict on a mail whose one From is of `domain`; never raises."""
        methods: dict[str, str] = {}
        signers: list[str] = []
        if "dkim" in config.verify:
            methods["dkim"], signers = self._dkim(raw, headers)
        mailer = ""
        if "spf" in config.verify:
            methods["spf"], mailer = self._spf(meta)
        methods["dmarc"], aligned = self._dmarc(domain, signers, mailer)
        authentic, because = _judged(methods, aligned, domain)
        if authentic is not True and config.sealers:
            methods["arc"], vouched = self._arc(raw, headers, config.sealers, domain)
            if vouched:
                authentic, because = True, f"{vouched} vouches that it was genuine when it came there (ARC)"
        return Trust(by=OURS, domain=domain, authentic=authentic, because=because, **methods)

    def _dkim(self, raw: bytes, headers: Headers) -> tuple[str, list[str]]:
        """Return one result for all signatures, and the domains whose signature over the whole mail holds."""
        signatures = headers.every("dkim-signature")
        if not signatures:
            return "none", []
        signers, result = [], "fail"
        for number, signature in enumerate(signatures[:MAX_SIGNATURES]):
            relaxed = _RELAXED_BODY.search(signature) is not None
            found = _fenced(partial(self._signed, raw, number, relaxed))
            if found in ("temperror", "permerror"):
                result = found if result == "fail" else result
            elif found:
                result = "pass"
                if not _PART_ONLY.search(signature):  # a signature over a part says nothing about what stands below it
                    signers.append(found)
        return result, signers

    def _signed(self, raw: bytes, number: int, relaxed: bool) -> str:
        """Return the domain whose signature holds, "" when it does not."""
        signed = dkim.DKIM(_canonical(raw, relaxed=relaxed))
        if _long(signed.headers, b"dkim-signature"):
            return "permerror"
        try:
            holds = signed.verify(number, dnsfunc=self._key)
        except dkim.ValidationError:  # another body than the one that was signed, or expired
            holds = False
        return signed.domain.decode("ascii").lower() if holds else ""

    def _key(self, name: bytes, timeout: float = 5) -> bytes | None:  # noqa: ARG002  # dkimpy's signature
        found = self._names.texts(name.decode("ascii"))
        return found[0].encode() if found else None

    def _spf(self, meta: Mapping[str, Any]) -> tuple[str, str]:
        peer, sender, helo = (str(meta.get(name) or "") for name in ("peer", "mail_from", "helo"))
        if not peer or meta.get("user") or meta.get("protocol") == "lmtp":
            return "none", ""  # it came through a server of ours, which says nothing about the sender's
        result = _fenced(partial(_sent_by_its_servers, self._names, peer, sender, helo or "unknown"))
        return result, (sender or helo).rpartition("@")[2].lower() if result == "pass" else ""

    def _dmarc(self, domain: str, signers: Iterable[str], mailer: str) -> tuple[str, bool]:
        """Return DMARC's result (RFC 7489, 6.6.2) and whether a signature or the envelope is aligned with From at all."""
        try:
            policy = self._policy(domain)
        except NoAnswerNow:
            return "temperror", False
        mine = self._organisation(domain)

        def aligned(other: str, mode: str) -> bool:
            return bool(other) and (other == domain if mode == "s" else self._organisation(other) == mine)

        holds = any(aligned(signer, policy.get("adkim", "r")) for signer in signers)
        holds = holds or aligned(mailer, policy.get("aspf", "r"))
        if not policy:
            return "none", holds
        return ("pass" if holds else "fail"), holds

    def _policy(self, domain: str) -> dict[str, str]:
        for at in dict.fromkeys((domain, self._organisation(domain))):
            found = [tags for text in self._names.texts(f"_dmarc.{at}") if (tags := _tags(text))]
            if found:
                return found[0] if len(found) == 1 else {}
        return {}

    def _organisation(self, domain: str) -> str:
        found: str | None = self._suffixes.privatesuffix(domain)
        return found or domain

    def _arc(self, raw: bytes, headers: Headers, sealers: Iterable[str], domain: str) -> tuple[str, str]:
        """Return the chain's result, and the trusted sealer at its end that says the mail was genuine."""
        seals = headers.every("arc-seal")
        if not seals:
            return "none", ""
        if len(seals) > MAX_SEALS:
            return "permerror", ""
        chain: list[dict[str, Any]] = []
        result = _fenced(partial(self._sealed, raw, chain))
        last = chain[0] if result == "pass" and chain else {}
        sealer = bytes(last.get("as-domain", b"")).decode("ascii", "replace").lower()
        if sealer not in sealers:
            return result, ""
        words = bytes(last.get("aar-value", b"")).decode("utf-8", "replace")
        return result, sealer if _vouches(words, domain, self._organisation) else ""

    def _sealed(self, raw: bytes, chain: list[dict[str, Any]]) -> str:
        sealed = dkim.ARC(_canonical(raw, relaxed=True))
        if any(_long(sealed.headers, name) for name in dkim.ARC.ARC_HEADERS):
            return "permerror"
        state, found, _ = sealed.verify(dnsfunc=self._key)
        chain.extend(found)
        return (state or b"fail").decode("ascii")


def _sent_by_its_servers(names: Names, peer: str, sender: str, helo: str) -> str:
    return str(_Query(names, peer, sender, helo).check()[0])


def _judged(methods: Mapping[str, str], aligned: bool, domain: str) -> tuple[bool | None, str]:
    if methods["dmarc"] == "pass":
        return True, f"DMARC passed for {domain}"
    if methods["dmarc"] == "none" and aligned:
        return True, f"{domain} signed it or a server of it sent it; the domain has no DMARC policy"
    if "temperror" in methods.values():
        return None, f"DNS does not answer for {domain}"
    if methods["dmarc"] == "fail":
        return False, f"DMARC failed: neither signature nor envelope stands for {domain}"
    return None, f"nothing stands for {domain}, and it has no DMARC policy"


def _fenced(attempt: Callable[[], str]) -> str:
    """Return what the attempt found; DNS trouble and whatever the libraries raise on hostile input as a result word."""
    try:
        return attempt()
    except (NoAnswerNow, spf.TempError, dkim.DnsTimeoutError):
        return "temperror"
    except Exception:  # noqa: BLE001  # libraries that raise IndexError on a stranger's header
        return "permerror"


def _canonical(raw: bytes, *, relaxed: bool) -> bytes:
    """Return the mail with CRLF line ends, its body in the relaxed form if asked: linear, what the library does is not."""
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    found = _BLANK_LINE.search(raw)
    head, body = (raw[: found.end()], raw[found.end() :]) if found else (raw, b"")
    if len(head) > MAX_HEADER_BYTES:
        raise ValueError("a header block that large is not looked at")
    if relaxed:
        return head + _WHITE.sub(b" ", body).replace(b" \r\n", b"\r\n")
    return head + body


def _long(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bool:
    return any(len(value) > _LONGEST_SIGNATURE for name, value in headers if name.lower() == wanted)


def _tags(text: str) -> dict[str, str]:
    """Return the tags of a DMARC record, nothing for another text (RFC 7489, 6.3 and 6.4)."""
    pairs = [piece.partition("=") for piece in text[:2_000].split(";")]
    tags = {name.strip().lower(): value.strip().lower() for name, equals, value in pairs if equals}
    first = pairs[0]
    is_record = (first[0].strip(), first[2].strip()) == ("v", "DMARC1")
    return tags if is_record and tags.get("p") in ("none", "quarantine", "reject") else {}


def _vouches(words: str, domain: str, organisation: Callable[[str], str]) -> bool:
    """Tell whether a sealer's ARC-Authentication-Results say that the mail was genuine when it came there."""
    for method, result, about in results(words):
        if result == "pass" and method == "dmarc" and domain in about:
            return True
        if result == "pass" and method == "dkim" and any(organisation(one) == organisation(domain) for one in about):
            return True
    return False


class _Query(spf.query):  # type: ignore[misc]  # untyped
    """pyspf's evaluation, asking our resolver."""

    def __init__(self, names: Names, peer: str, sender: str, helo: str) -> None:
        super().__init__(i=peer, s=sender, h=helo, querytime=20)
        self._names = names

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:  # noqa: ARG002
        """Return the records of a name as pyspf wants them; raises its own errors."""
        labels = str(name).rstrip(".").split(".")
        if not name or any(not 0 < len(label) < 64 for label in labels):
            return []
        found = [_for_spf(fields, qtype) for fields in self._names.ask(".".join(labels).lower(), qtype)]
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"more than {spf.MAX_VOID_LOOKUPS} look-ups found nothing")
        return found


def _for_spf(fields: tuple[str, ...], kind: str) -> Any:
    if kind == "MX":
        return int(fields[0]), fields[1]
    return (fields[0].encode(),) if kind in ("TXT", "SPF") else fields[0]
