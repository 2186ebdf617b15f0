"""What is known of an entry beside its text, told to people."""

from collections.abc import Iterator, Mapping
from typing import Any

_SEALS = {
    "smime_signed": "signed (S/MIME)",
    "smime_encrypted": "encrypted (S/MIME)",
    "pgp_signed": "signed (OpenPGP)",
    "pgp_encrypted": "encrypted (OpenPGP)",
}


def facts(known: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line for each fact of an entry, as `frontdesk ticket N --json` has them."""
    if trust := known.get("trust"):
        proven = {True: "proven", False: "forged"}.get(trust.get("authentic"), "not proven")
        yield f"{proven}: {trust['because']}"
    if who := known.get("forwarded_by"):
        yield f"forwarded by {who}"
    if report := known.get("report"):
        whom = ", ".join(report.get("recipients", ()))
        words = (report.get("action", "failed"), report.get("status", ""), whom and f"for {whom}")
        yield f"delivery {' '.join(word for word in words if word)}: {report.get('diagnostic', 'no reason given')}"
    if spam := known.get("spam"):
        verdict = {True: "spam", False: "not spam"}.get(spam.get("spam"), "no verdict")
        yield f"{spam['by']} says: {verdict}, score {spam.get('score', 'unknown')}"
    if virus := known.get("virus"):
        yield f"the virus scanner says: {virus['verdict']}"
    if asked := known.get("invitation"):
        yield f"invitation: {asked.get('summary', '')}, {asked.get('begins', 'no time')} to {asked.get('ends', 'open end')}"
    for seal in known.get("sealed", ()):
        yield _SEALS[seal]
    yield from _talk(known)


def _talk(known: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known of a message on a platform or in a chat, or of an answer."""
    if address := known.get("mail_address"):
        yield f"says the address is {address}, which proves nothing"
    for name, value in known.get("fields", {}).items():
        yield f"{name}: {value}"
    if answered := known.get("in_reply_to"):
        yield f"about the message {answered}"
    for who, emoji in known.get("reactions", {}).items():
        yield f"{emoji} by {who}"
    if goes := known.get("goes"):
        yield f"goes {goes}"
