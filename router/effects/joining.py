"""Bringing tickets of one contact together: merging one into another, and linking them.

Whoever holds one ticket waits for another only upwards, in the order of their numbers; for a lower one that somebody else
holds nobody waits, everything is undone and tried again. So two merges never wait for each other.
"""

from typing import Any, Final

from sqlalchemy import Connection, delete, exists, insert, literal, select, update

from router.effects.scene import Scene, effect
from router.event import Change, Effect
from router.state import OVER, WORKING, State, state_of
from tickets.schema import conversations, correlations, entries, participants, thread_keys, tickets
from tickets.schema_told import followers
from tickets.trouble import Temporary

AGAIN: Final = "it is tried again"


@effect
def merge(scene: Scene, one: Effect) -> str:
    """Merge the ticket into another one of the contact: all that leads to it leads there, and its entries stand there."""
    actor, target = f"rule:{one.rule}", _held(scene, one.value)
    if target.status in OVER or target.contact_id != scene.ticket.contact_id:
        raise Temporary(f"ticket {target.id} has changed meanwhile; {AGAIN}")
    scene.history(Change("ticket.merged", actor, {"into": target.id}))
    before = state_of(target)
    lines, now = take_in(scene.pen.connection, before, scene.event.ticket._replace(number=scene.number), actor)
    scene.rings += scene.elsewhere(before, lines, now, scene.entry)
    return f"merged into ticket {target.id}"


@effect
def link(scene: Scene, one: Effect) -> str:
    """Link the ticket with another one of the contact, in the history of both."""
    actor, other = f"rule:{one.rule}", _held(scene, one.value)
    because = f'rule "{one.rule}"'
    scene.history(Change("ticket.linked", actor, {"ticket": other.id, "because": because}))
    scene.pen.history(other.id, [Change("ticket.linked", actor, {"ticket": scene.number, "because": because})])
    return f"linked with ticket {other.id}"


def _held(scene: Scene, number: int) -> Any:
    """Return the row of another ticket, held; raises `Temporary` when somebody else holds it and may wait for ours."""
    # A new ticket is nobody's to wait for; but who has asked a strategy holds the assignment.
    nobodys = "ticket.created" in scene.event.names
    waits = (number > scene.number or nobodys) and not scene.decision.picks
    held = select(tickets).where(tickets.c.id == number).with_for_update(skip_locked=not waits)
    row = scene.pen.connection.execute(held).first()
    if row is None:
        raise Temporary(f"ticket {number} is just being written; {AGAIN}")
    return row


def take_in(connection: Connection, target: State, other: State, actor: str) -> tuple[list[Change], State]:
    """Let everything that leads to the other ticket lead to the target; return what happened there, and how it is then.

    The caller holds both rows.
    """
    _move(connection, other.number or 0, target.number or 0)
    now, lines = _taken_in(target, other), [Change("ticket.merged", actor, {"ticket": other.number})]
    if now.status != target.status:
        lines.append(Change("ticket.reopened", actor, {"from": target.status, "to": now.status}))
    return lines, now


def _taken_in(before: State, other: State) -> State:
    """Return the ticket with what it has taken over of the other one; a customer who waits there waits here."""
    waiting = [at for at in (before.waiting_since, other.waiting_since) if at is not None]
    heard = [at for at in (before.heard_at, other.heard_at) if at is not None]
    waits = other.waiting_since is not None and before.status not in WORKING
    return before._replace(
        messages=before.messages + other.messages,
        waiting_since=min(waiting, default=None),
        heard_at=max(heard, default=None),
        status="open" if waits else before.status,
    )


def _move(connection: Connection, number: int, into: int) -> None:
    """Let everything that leads to a ticket lead to another one, with its entries."""
    connection.execute(update(tickets).where(tickets.c.id == number).values(merged_into=into))
    for table in (entries, conversations, correlations):
        connection.execute(update(table).where(table.c.ticket_id == number).values(ticket_id=into))
    for table, column, *kept in (
        (thread_keys, thread_keys.c.key),
        (participants, participants.c.address),
        (followers, followers.c.agent, followers.c.since),
    ):
        there = table.alias()
        known = exists().where(there.c.ticket_id == into, there.c[column.name] == column)
        new = select(column, literal(into), *kept).where(table.c.ticket_id == number, ~known)
        names = [column.name, "ticket_id", *(one.name for one in kept)]
        connection.execute(insert(table).from_select(names, new))
        connection.execute(delete(table).where(table.c.ticket_id == number))
