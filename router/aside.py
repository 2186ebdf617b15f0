"""Mails that belong to no customer: they wait in quarantine, where a person reads what to do."""

from config.desk import Desk
from tickets.message import Confirmation, InboundMessage
from tickets.trust import Trust


def set_aside(desk: Desk, message: InboundMessage, trust: Trust | None, own_notice: int | None) -> str | None:
    """Return why a mail is put aside, or nothing: a notice of this desk that came back, a provider's question.

    The question goes to the administrators' department where the desk has one. `own_notice` is the outbox row whose Message-ID the mail itself carries, proven; a header anybody can write is no proof.
    """
    if own_notice is not None:
        return "a notice of this desk came back; somebody forwards an agent's mailbox to it"
    if message.confirmation is None or desk.desk.administrators is not None or (trust and trust.authentic is False):
        return None
    return asked(message.confirmation)


def asked(question: Confirmation) -> str:
    """Return in words what a provider wants before it forwards mail here."""
    whose = f"the mail of {question.address}" if question.address else "a mailbox"
    ways = [f"open {question.link}"] if question.link else []
    ways += [f"enter the code {question.code} there"] if question.code else []
    return f"{question.provider} asks whether {whose} may be forwarded here; to allow it, {' or '.join(ways)}"
