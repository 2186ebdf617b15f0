"""What mail servers say about a notice: mail to the address its envelope was from. It becomes no ticket and no entry.

A notice that came back is `failed` and goes by the next way; where the agent's mailbox takes nothing any more, the way is paused.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import and_, bindparam, literal_column, select, update

from config.desk import Desk
from notify.note import one_line
from notify.owed import OWED, note_of
from router.book import Book
from router.event import Change
from router.fall_back import failed, refused
from router.hold import hold
from router.reading import NotYet, Reading
from router.ticket import Pen
from tickets.message import Report
from tickets.preferences import chosen_in
from tickets.reply_address import bounce_claimed, bounce_proven
from tickets.schema import outbox
from tickets.trouble import no_mailbox

PATIENCE: Final = 3
"""How often a bounce waits for its notice to be marked as sent: mail servers can be faster than we are."""

_ARRIVED: Final = frozenset({"delivered", "relayed", "expanded"})
_SENT: Final = select(outbox).where(outbox.c.id == bindparam("row"), outbox.c.notifier == "email")
_SAME_MAIL: Final = and_(  # the first three as they stand in an index
    outbox.c.recipient == bindparam("recipient"),
    outbox.c.notifier == "email",
    outbox.c.state == literal_column("'sent'"),
    outbox.c.sent_at == bindparam("at"),
    outbox.c.provider_id == bindparam("mail"),
)
_TICKETS: Final = select(outbox.c.ticket_id).where(_SAME_MAIL).distinct().order_by(outbox.c.ticket_id)
_NOTICES: Final = OWED.where(_SAME_MAIL).order_by(outbox.c.id).with_for_update(of=outbox)


@dataclass(frozen=True, slots=True)
class Bounced:
    """What became of it: `ignored` or `quarantined`, the cause in words, and the outbox rows to ring for."""

    state: str
    cause: str
    rings: tuple[int, ...] = ()


def claim_of(reading: Reading, desk: Desk) -> tuple[int, str] | None:
    """Return the notice a mail is about, with its proof, when it was sent to an address for bounces, genuine or not."""
    if reading.meta.get("format") != "mail":
        return None
    message, domain = reading.message, desk.desk.domain
    addresses = (*reading.meta.get("recipients", ()), *message.delivered_to, *message.to)
    return next((claimed for one in addresses if (claimed := bounce_claimed(one, domain)) is not None), None)


def bounced(pen: Pen, book: Book, reading: Reading, claim: tuple[int, str], key: bytes, attempts: int) -> Bounced:
    """Write what follows from a mail to an address for bounces; `key` is the desk's signing key, `attempts` the row's.

    Raises `NotYet` while the notice is not marked as sent.
    """
    message, number = reading.message, claim[0]
    if not bounce_proven(key, claim):
        return Bounced("quarantined", f"it is addressed like a bounce of notice {number}, but the proof is wrong")
    if message.kind == "message" and reading.meta.get("mail_from"):
        return Bounced("quarantined", f"somebody wrote to the address for bounces of notice {number}")
    if message.kind != "bounce" or message.report is None:
        return Bounced("ignored", f"an automatic mail about notice {number}, and no bounce")
    if message.report.action in _ARRIVED:
        return Bounced("ignored", f"notice {number} was {message.report.action}")
    row = pen.connection.execute(_SENT, {"row": number}).first()
    if row is not None and row.state == "pending" and row.attempts and attempts < PATIENCE:
        raise NotYet(f"notice {number} is being sent, and this is about it")
    return _about(pen, book, key, row, message.report)


def _about(pen: Pen, book: Book, key: bytes, row: Any, report: Report) -> Bounced:
    if row is None or row.state != "sent":
        return Bounced("ignored", "it is about a notice that is not known as sent, or known as failed")
    words = _words(report)
    if report.action == "delayed":
        pen.connection.execute(update(outbox).where(outbox.c.id == row.id).values(last_error=words))
        return Bounced("ignored", f"notice {row.id}: {words}")
    return Bounced("ignored", f"notice {row.id}: {words}", _came_back(pen, book, key, row, report))


def _came_back(pen: Pen, book: Book, key: bytes, row: Any, report: Report) -> tuple[int, ...]:
    """Mark everything that went out in that mail as failed, and let what follows happen; return the rows to ring for."""
    same = {"recipient": row.recipient, "at": row.sent_at, "mail": row.provider_id}
    for number in pen.connection.scalars(_TICKETS, same).all():
        hold(pen.connection, number)
    rows = pen.connection.execute(_NOTICES, same).all()
    words = _words(report)
    lost = update(outbox).where(outbox.c.id.in_([one.id for one in rows]))
    pen.connection.execute(lost.values(state="failed", last_error=words, look_at=None))
    for one in rows:
        said = {"notice": one.id, "recipient": one.recipient, "why": words}
        pen.history(one.ticket_id, [Change("delivery.failed", "desk", said)])
    agent = book.desk.agents_by_id.get(row.recipient)
    if agent is None or not rows:
        return ()
    notes = [note_of(one, book.desk, chosen_in(pen.connection), key) for one in rows]
    note = replace(notes[0], together=tuple(notes[1:]))
    gone = no_mailbox(report.status) or report.status in ("", "5.0.0")  # many servers say no more than that
    rings = refused(pen, book, note, words) if gone and agent.email == row.address else []
    return (*rings, *failed(pen, book, note, words))


def _words(report: Report) -> str:
    status = "" if report.status in report.diagnostic else report.status
    said = " ".join(piece for piece in (status, report.diagnostic) if piece)
    return f"the mail {'is late' if report.action == 'delayed' else 'came back'}: {one_line(said)[:900] or 'no reason said'}"
