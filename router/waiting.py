"""A row of the inbox that waits to be routed: read, claimed, and how it ended."""

from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from tickets.prepared import Prepared
from tickets.schema import inbox

_WAITING = Prepared(select(inbox).where(inbox.c.id == bindparam("number"), inbox.c.state == "received"))
_CLAIM = Prepared(
    select(inbox.c.id).where(inbox.c.id == bindparam("number"), inbox.c.state == "received").with_for_update()
)
_FINISH = Prepared(update(inbox).where(inbox.c.id == bindparam("number")), ("state", "ticket_id", "routed_at", "cause"))


def waiting(connection: Connection, inbox_id: int) -> Any:
    """Return the row, or nothing when it does not wait any more."""
    return _WAITING.one(connection, {"number": inbox_id})


def claimed(connection: Connection, inbox_id: int) -> bool:
    """Hold the row until the transaction ends; false when it does not wait any more."""
    return _CLAIM.value(connection, {"number": inbox_id}) is not None


def finish(connection: Connection, inbox_id: int, now: float, state: str, **values: Any) -> None:
    """Write how the row ended."""
    row = {"number": inbox_id, "state": state, "routed_at": now, "ticket_id": None, "cause": None, **values}
    _FINISH.run(connection, row)
