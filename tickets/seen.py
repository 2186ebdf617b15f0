"""What an agent has seen: by any way, and then it counts for all of them."""

from sqlalchemy import Connection, update

from tickets.schema import outbox

SEEN = "not sent: the agent has seen it meanwhile"


def seen(connection: Connection, agent: str, ticket: int, now: float) -> int:
    """Note in the open transaction that an agent has seen a ticket, and return how many notices that was news for.

    What still waits to be sent to them about it is not sent any more; what is being sent right now is.
    """
    theirs = (outbox.c.ticket_id == ticket) & (outbox.c.recipient == agent) & outbox.c.seen_at.is_(None)
    needless = update(outbox).where(
        theirs, outbox.c.state == "pending", outbox.c.not_before > now, outbox.c.attempts == 0
    )
    connection.execute(needless.values(state="suppressed", last_error=SEEN, held=None))
    return connection.execute(update(outbox).where(theirs).values(seen_at=now, look_at=None)).rowcount
