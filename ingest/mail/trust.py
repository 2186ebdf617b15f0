"""Is a mail from the domain its From names? Told by our own mail server's header, or found out here.

Authentication-Results (RFC 8601) are believed of one configured server only: everybody can write such a header. What this
module finds out itself is SPF (RFC 7208), DKIM (RFC 6376), ARC (RFC 8617) and, from them, DMARC (RFC 7489).
"""

from collections.abc import Mapping
from typing import Any

from config.desk import TrustConfig
from ingest.mail.address import mailboxes
from ingest.mail.headers import Headers, split, start
from ingest.mail.results import results
from ingest.mail.verify import OURS, Verifier
from tickets.trust import Trust

_MAX_HEADERS = 20


def judge(raw: bytes, meta: Mapping[str, Any], config: TrustConfig | None, verifier: Verifier) -> Trust | None:
    """Return what is known of a mail's origin, nothing when its channel has no `trust`.

    `meta` has the envelope and the peer. Never raises; trouble with DNS is a verdict too (temperror).
    """
    if config is None:
        return None
    headers, _ = split(raw, start(raw), len(raw))
    domain, why_not = sender_domain(headers)
    by = config.authserv_id or OURS
    if not domain:
        return Trust(by=by, authentic=False, because=why_not)
    if config.authserv_id:
        return reported(headers, config.authserv_id, domain)
    return verifier.judge(raw, headers, meta, config, domain)


def sender_domain(headers: Headers) -> tuple[str, str]:
    """Return the domain of the one From address, or "" and why there is none: two of them could be shown as either."""
    every = headers.every("from")
    if len(every) != 1:
        return "", f"the mail has {len(every)} From headers"
    found = mailboxes(every[0], limit=2)
    if len(found) != 1:
        return "", "its From names no address" if not found else "its From names several addresses"
    return found[0].address.rpartition("@")[2], ""


def reported(headers: Headers, authserv_id: str, domain: str) -> Trust:
    """Return what the configured server wrote into its Authentication-Results: of each method the topmost result."""
    methods: dict[str, str] = {}
    about: dict[str, list[str]] = {}
    for value in headers.every("authentication-results")[:_MAX_HEADERS]:
        for method, result, said in results(value.decode("utf-8", "replace"), of=authserv_id):
            if methods.setdefault(method, result) == result == "pass" or method not in about:
                about.setdefault(method, []).extend(said)
    if not methods:
        return Trust(by=authserv_id, domain=domain, because=f"{authserv_id} wrote no Authentication-Results into it")
    found = {name: methods.get(name, "") for name in ("spf", "dkim", "dmarc", "arc")}
    dmarc = found["dmarc"]
    if dmarc == "pass" and domain in about["dmarc"]:
        authentic, because = True, f"{authserv_id} says that DMARC passed for {domain}"
    elif dmarc == "fail":
        authentic, because = False, f"{authserv_id} says that DMARC failed for {domain}"
    elif found["dkim"] == "pass" and domain in about["dkim"]:
        authentic, because = True, f"{authserv_id} says that {domain} signed it"
    elif found["spf"] == "pass" and domain in about["spf"]:
        authentic, because = True, f"{authserv_id} says that a server of {domain} sent it"
    else:
        authentic, because = None, f"nothing {authserv_id} found stands for {domain}"
    return Trust(by=authserv_id, domain=domain, authentic=authentic, because=because, **found)
