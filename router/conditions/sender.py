"""Conditions about who sent a message, and how sure that is."""

from router.conditions.condition import View, condition
from router.conditions.kinds import CHOICE, TEXT


@condition(TEXT)
def from_(view: View) -> str:
    """Sender's address, or the platform's id of the sender."""
    return view.event.message.sender.id if view.event.message else view.event.ticket.contact


@condition(TEXT)
def from_domain(view: View) -> str:
    """Domain of the sender's address, after the @; empty for a platform's id."""
    sender = from_(view)
    return sender.rpartition("@")[2] if "@" in sender else ""


@condition(CHOICE, lambda _desk: ("yes", "no", "unknown"))
def authentic(view: View) -> str:
    """Whether the mail is from the domain its From names: yes, no, unknown."""
    known = view.event.trust.authentic if view.event.trust else None
    return "unknown" if known is None else "yes" if known else "no"


@condition(TEXT)
def spf(view: View) -> str:
    """Word for what SPF came to (RFC 8601): pass, fail, softfail, none …; empty when nobody looked."""
    return view.event.trust.spf if view.event.trust else ""


@condition(TEXT)
def dkim(view: View) -> str:
    """Word for what DKIM came to: pass, fail, none …; empty when nobody looked."""
    return view.event.trust.dkim if view.event.trust else ""


@condition(TEXT)
def dmarc(view: View) -> str:
    """Word for what DMARC came to: pass, fail, none …; empty when nobody looked."""
    return view.event.trust.dmarc if view.event.trust else ""
