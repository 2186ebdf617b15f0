"""What keeps automatic answers from doing harm (RFC 3834): to whom none goes, how many go at most, and what looks like a circle.

Two programs that answer each other come to an end whatever they write: the caps see to that. What they say is looked at so that
it ends sooner. Only asked when an automatic answer is about to go.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sqlalchemy import Connection, func, select

from config.desk import Desk
from router.way import Way
from tickets.message import SPEAKS
from tickets.reply_address import host
from tickets.schema import automatic, entries, outbox, tickets

MOST_OF_TICKET: Final = 3
MOST_OF_ADDRESS: Final = 10
"""Automatic answers that one address gets within a day: about one ticket, and in all."""
MOST_OF_DESK: Final = 1_000
"""Automatic answers of the whole desk within an hour: who forges senders must not make it write to strangers."""
A_DAY: Final = 86_400
AN_HOUR: Final = 3_600
SAME_TEXT: Final = 3
"""How often a sender may have written the same within an hour: the last time is not answered any more."""
TURNS: Final = 4
TURNS_SECONDS: Final = 600
"""So many turns between a sender and our automatic answers within so many seconds are no conversation of a person."""

_NEWEST_TICKETS: Final = 50
_NEWEST_ENTRIES: Final = 100
_SHORTEST_OWN: Final = 20
_LOOKED_AT: Final = 20_000
_ROBOT: Final = re.compile(
    r"(?:(?:.*[-_.+])?(?:no|not|donot|do[-_.]not)[-_.]?reply(?:[-_.+].*)?|mailer[-_.]?daemon.*|postmaster.*|bounces?(?:[-_.+=].*)?"
    r"|.*[-_.+]bounces?(?:[-_.+=].*)?|listserv|majordomo|owner-.*|.*-(?:owner|request)|.*-(?:un)?subscribe|null|devnull|nobody)",
    re.DOTALL,
)
_MARKS: Final = re.compile(r"[\W\d_]+")


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said, for finding circles: when (UTC seconds), by our automatic answers or by the sender, and what."""

    at: float
    ours: bool
    text: str


def why_not(connection: Connection, desk: Desk, ticket: int, contact: int | None, way: Way, now: float) -> str | None:
    """Return in words why no automatic answer goes that way now (UTC seconds), or nothing."""
    if (to := way.mail_to) is not None:
        if is_ours(desk, to):
            return "it would go to an address of this desk"
        if is_robot(to):
            return "nobody reads what is sent to that address"
    return _too_often(connection, ticket, way, now) or circle(_said(connection, ticket, contact, now))


def is_robot(address: str) -> bool:
    """Tell whether an address is one that programs use and nobody reads: noreply, a mail server's, a list's."""
    local, at, _ = address[:320].lower().rpartition("@")
    return not at or not local or _ROBOT.fullmatch(local) is not None


def is_ours(desk: Desk, address: str) -> bool:
    """Tell whether mail to an address comes back to this desk."""
    to = address.lower()
    notices_from = getattr(desk.notifiers.get("email"), "sender", None)
    if desk.department_of(to) or to.rpartition("@")[2] == host(desk.desk.domain) or to == notices_from:
        return True
    known = ((*getattr(channel, "addresses", ()), str(getattr(channel, "user", ""))) for channel in desk.channels)
    return any(to == one.lower() for channel in known for one in channel)


def circle(said: Sequence[Said]) -> str | None:
    """Return what looks like two programs that answer each other, or nothing; the last is what would be answered.

    A pure function of what was said since a person of ours answered, the oldest first.
    """
    if not said or said[-1].ours:
        return None
    last = said[-1]
    newest = plain(last.text)
    hour = [one for one in said if one.at > last.at - AN_HOUR]
    if sum(not one.ours and plain(one.text) == newest for one in hour) >= SAME_TEXT:
        return f"the sender wrote the same {SAME_TEXT} times within an hour"
    for own in {plain(one.text) for one in said if one.ours}:
        if len(own) >= _SHORTEST_OWN and own in newest and len(newest) < 1.5 * len(own) + _SHORTEST_OWN:
            return "our own automatic answer came back"
    lately = [one.ours for one in said if one.at > last.at - TURNS_SECONDS]
    if sum(one != other for one, other in pairwise(lately)) >= TURNS:
        return f"two programs seem to answer each other: {TURNS} turns within {TURNS_SECONDS // 60} minutes"
    return None


def plain(text: str) -> str:
    """Return the letters of a text: what differs in numbers, blanks and marks only is the same."""
    return _MARKS.sub("", text[:_LOOKED_AT].casefold())


def _too_often(connection: Connection, ticket: int, way: Way, now: float) -> str | None:
    for address in {each.address for each in way.deliveries}:
        lately = select(func.count(), func.count().filter(outbox.c.ticket_id == ticket)).where(
            automatic, outbox.c.address == address, outbox.c.created_at > now - A_DAY
        )  # `automatic` as it stands in the partial index, or SQLite reads the whole outbox
        all_in_all, here = connection.execute(lately).one()
        if here >= MOST_OF_TICKET:
            return f"{MOST_OF_TICKET} automatic answers about this ticket went there within a day"
        if all_in_all >= MOST_OF_ADDRESS:
            return f"{MOST_OF_ADDRESS} automatic answers went there within a day"
    of_desk = select(func.count()).where(automatic, outbox.c.created_at > now - AN_HOUR)
    if (connection.scalar(of_desk) or 0) >= MOST_OF_DESK:
        return f"this desk has sent {MOST_OF_DESK} automatic answers within an hour"
    return None


def _said(connection: Connection, ticket: int, contact: int | None, now: float) -> list[Said]:
    """Return what was said in the contact's newest tickets and this one within the hour, since one of us answered."""
    newest = select(tickets.c.id).where(tickets.c.contact_id == contact).order_by(tickets.c.id.desc())
    theirs = connection.scalars(newest.limit(_NEWEST_TICKETS))
    rows = connection.execute(
        select(entries.c.author, entries.c.inbox_id, entries.c.reply_text, entries.c.text, entries.c.created_at)
        .where(
            entries.c.ticket_id.in_({ticket, *theirs}),
            entries.c.kind.in_((*SPEAKS, "answer")),
            entries.c.created_at > now - AN_HOUR,
        )
        .order_by((entries.c.id + 0).desc())  # by its index alone, all entries of the desk would be looked at
        .limit(_NEWEST_ENTRIES)
    )
    found: list[Said] = []
    for row in rows:
        if row.author.startswith("agent:"):
            break
        found.append(Said(row.created_at, row.inbox_id is None, row.reply_text or row.text))
    return found[::-1]
