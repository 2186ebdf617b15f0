"""The tables of telling: what agents chose, by which ways they are reached, Slack's cards, what customers said of a ticket.

They stand on the same metadata as those of tickets/schema.py, which is loaded first.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from tickets.schema import Id, metadata

preferences = Table(
    "preferences",
    metadata,
    Column("agent", String, primary_key=True),
    Column("chosen", Text, nullable=False),  # JSON object, as the agent wrote it, see config/notices.py
    Column("epoch", Integer, nullable=False),  # reply addresses of an earlier one are worth nothing
    Column("changed_at", Float, nullable=False),
)

followers = Table(
    "followers",
    metadata,
    Column("ticket_id", Id, ForeignKey("tickets.id"), primary_key=True),
    Column("agent", String, primary_key=True),
    Column("since", Float, nullable=False),
)

pauses = Table(
    "pauses",
    metadata,
    Column("agent", String, primary_key=True),
    Column("way", String, primary_key=True),
    Column("why", Text, nullable=False),  # in words: what its provider said
    Column("address", Text, nullable=False),  # another one in the desk file ends the pause
    Column("since", Float, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("agent", String, nullable=False),
    Column("endpoint", Text, nullable=False, unique=True),  # of the push service (RFC 8030)
    Column("p256dh", String, nullable=False),  # the device's keys (RFC 8291), base64url
    Column("auth", String, nullable=False),
    Column("label", Text, nullable=False),
    Column("made_at", Float, nullable=False),
    Index("devices_agent", "agent"),
)

cards = Table(
    "cards",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", Id, ForeignKey("tickets.id"), nullable=False),
    Column("place", String, nullable=False),  # as the desk file says it: "#billing", or a member's id
    Column("channel", String, nullable=False),  # Slack's own id of it
    Column("ts", String, nullable=False),  # the card there
    Column("shown", Text, nullable=False),  # a digest of what it shows
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float),  # when it is to be looked at again; null: it shows how things stand
    Column("last_error", Text),
    UniqueConstraint("ticket_id", "place", name="cards_once"),
    Index("cards_message", "channel", "ts"),
)
behind = text("due_at IS NOT NULL")
Index("cards_due", cards.c.due_at, sqlite_where=behind, postgresql_where=behind)

once = Table(
    "once",
    metadata,
    Column("key", String, primary_key=True),  # what was done for it, it is not done again: "slack:<event id>"
    Column("at", Float, nullable=False),
    Index("once_at", "at"),
)

ratings = Table(
    "ratings",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", Id, ForeignKey("tickets.id"), nullable=False),
    Column("resolved_at", Float, nullable=False),  # the episode
    Column("asked_at", Float),
    Column("department", String, nullable=False),  # and who had it then
    Column("agent", String),
    Column("score", String),  # positive or negative
    Column("comment", Text),
    Column("rated_at", Float),  # for the first time
    Column("changed_at", Float),
    UniqueConstraint("ticket_id", "resolved_at", name="ratings_once"),
)
