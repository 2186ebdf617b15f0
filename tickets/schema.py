"""The tables, one schema for SQLite and PostgreSQL. Times are UTC seconds since 1970 as float; JSON is text.

Rows move by state, see docs/flow.md. Changes to this file need a migration in tickets/migrations/versions.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

HEAD = "0005"
"""The migration this schema stands at (a test compares it with the newest file)."""

Id = BigInteger().with_variant(Integer(), "sqlite")
metadata = MetaData()

inbox = Table(
    "inbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("channel", String, nullable=False),
    Column("account", String, nullable=False),
    Column("external_id", String, nullable=False),
    Column("conversation", String, nullable=False),  # the key this message itself goes by; replies look for it
    Column("state", String, nullable=False),  # received, routed, ignored, quarantined, discarded
    Column("cause", Text),
    Column("part", Integer, nullable=False),  # which of the messages in `raw`
    Column("meta", Text, nullable=False),  # JSON: envelope, peer
    Column("received_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),  # the sweep rings for it then
    Column("routed_at", Float),
    Column("ticket_id", Id),
    Column("topic", String),  # the key of its Outlook conversation (Thread-Index)
    Column("stored", String),  # where the bytes lie when they are too large for the row: the SHA-256 of the blob
    Column("raw", LargeBinary, nullable=False),  # last: SQLite reads a row from the left; empty when they are stored
    UniqueConstraint("channel", "account", "external_id", name="inbox_once"),
)
waiting = text("state = 'received'")
Index("inbox_due", inbox.c.due_at, sqlite_where=waiting, postgresql_where=waiting)
waiting_outlook = text("state = 'received' AND topic IS NOT NULL")
Index("inbox_waiting_topic", inbox.c.topic, sqlite_where=waiting_outlook, postgresql_where=waiting_outlook)
Index("inbox_waiting", inbox.c.conversation, sqlite_where=waiting, postgresql_where=waiting)
blob = text("stored IS NOT NULL")
Index("inbox_stored", inbox.c.stored, sqlite_where=blob, postgresql_where=blob)
suspect = text("state = 'quarantined'")
Index("inbox_quarantined", inbox.c.id, sqlite_where=suspect, postgresql_where=suspect)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("tags", Text),  # JSON list
)

identities = Table(
    "identities",
    metadata,
    Column("space", String, primary_key=True),  # "email", or "<channel name>/<account>" for a platform's own ids
    Column("value", String, primary_key=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),  # the ticket's number
    Column("subject", Text, nullable=False),
    Column("channel", String, nullable=False),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False),
    Column("contact_name", Text, nullable=False),
    Column("contact_address", Text, nullable=False),
    Column("department", String, nullable=False),
    Column("agent", String),
    Column("unassigned_reason", String),
    Column("status", String, nullable=False),
    Column("priority", String, nullable=False),
    Column("tags", Text, nullable=False),  # JSON list
    Column("messages", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("merged_into", Id),  # the ticket that took this one in
    Column("addressed_to", Text),  # JSON list: the departments its mails were addressed to
    Column("fields", Text),  # JSON object, from a form, a program, a rule; null: none
    Column("skills", Text),  # JSON object: what an agent must have for it, and until when (null: always)
    Column("sla", String),  # the level somebody or a rule gave it; null: its contact's or its department's
    Column("postponed_until", Float),
    Column("status_since", Float, nullable=False),
    Column("agent_since", Float, nullable=False),  # since when this agent has it, or nobody
    Column("waiting_since", Float),  # of the customer's oldest message nobody has answered; null: none waits
    Column("heard_at", Float),  # when the customer wrote last
    Column("answered_at", Float),  # when a person answered last, and first
    Column("first_answered_at", Float),
    Column("resolved_at", Float),
    Column("clocks", Text),  # JSON object: what runs, see router/clocks; null: nothing does
    Column("due_at", Float),  # when the clock has to look at it next; null: never
    Column("sla_due_at", Float),  # when the nearest promise of those that run is broken
    Column("timed_by", String),  # the desk version whose clocks those are
    Index("tickets_updated", "updated_at"),
)
ticking = text("due_at IS NOT NULL")
Index("tickets_due", tickets.c.due_at, sqlite_where=ticking, postgresql_where=ticking)
working = text("status IN ('new', 'open')")
Index(  # by how urgent they are, see router/to_solve.py
    "tickets_working",
    tickets.c.agent,
    tickets.c.department,
    tickets.c.sla_due_at,
    tickets.c.priority,
    tickets.c.waiting_since,
    tickets.c.id,
    sqlite_where=working,
    postgresql_where=working,
)
Index("tickets_contact", tickets.c.contact_id, tickets.c.id)
Index("tickets_timed", tickets.c.timed_by, tickets.c.status)

entries = Table(
    "entries",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", Id, ForeignKey("tickets.id"), nullable=False),
    Column("inbox_id", Id, ForeignKey("inbox.id"), unique=True),
    Column("kind", String, nullable=False),
    Column("author", Text, nullable=False),  # "agent:sona", or the customer's address or id
    Column("author_name", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reply_text", Text, nullable=False),
    Column("attachments", Text, nullable=False),  # JSON list
    Column(
        "facts", Text
    ),  # JSON object: trust, report, spam, forwarded, invitation, sealed; what is not there is not known
    Column("sent_at", Float),
    Column("created_at", Float, nullable=False),
    Column("conversation", String),  # the key of its conversation on a platform or in a chat
    Column("seq", Integer),  # its place there, from 1 without a gap
    Column("state", String),  # of what goes out: pending, sent, delivered, read, failed
    Column("trouble", Text),  # why it failed, in words
    Column("deleted_at", Float),  # the customer took it back; the text stays for those who may see it
    Index("entries_ticket", "ticket_id", "inbox_id"),
)
placed = text("seq IS NOT NULL")
Index(
    "entries_conversation",
    entries.c.conversation,
    entries.c.seq,
    unique=True,
    sqlite_where=placed,
    postgresql_where=placed,
)
Index("entries_said", entries.c.conversation, entries.c.external_id, sqlite_where=placed, postgresql_where=placed)

conversations = Table(
    "conversations",
    metadata,
    Column("key", String, primary_key=True),  # like the inbox's `conversation` and the thread key
    Column("channel", String, nullable=False),
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),  # what the channel calls it
    Column("customer", Text, nullable=False),  # the platform's id of who wrote last
    Column("ticket_id", Id, ForeignKey("tickets.id"), nullable=False),  # the one its messages go to now
    Column("answers", Text),  # the external id of the customer's newest message
    Column("handle", Text, nullable=False),  # JSON object: what an answer needs besides
    Column("heard_at", Float, nullable=False),  # when the customer wrote last
    Column("answer_until", Float),  # until when the platform lets us answer; null: for ever
    Column("seq", Integer, nullable=False),  # of its newest entry
    Column("seen", Integer, nullable=False),  # the customer has seen up to here
    Column("mail_address", Text),  # where answers go when it cannot be reached; typed by whoever wrote, proves nothing
    Column("mail_only", Integer, nullable=False),  # 1: answers only ever go there
    Column("waits_until", Float),  # when nobody has taken it by then, it is missed
    Index("conversations_ticket", "ticket_id"),
)
ending = text("answer_until IS NOT NULL")
Index("conversations_ending", conversations.c.answer_until, sqlite_where=ending, postgresql_where=ending)
calling = text("waits_until IS NOT NULL")
Index("conversations_waiting", conversations.c.waits_until, sqlite_where=calling, postgresql_where=calling)

pieces = Table(
    "pieces",
    metadata,
    Column("space", String, primary_key=True),  # "<channel>/<account>"
    Column("external_id", String, primary_key=True),  # the provider's id of a message of ours
    Column("outbox_id", Id, nullable=False),
    Column("entry_id", Id, ForeignKey("entries.id"), nullable=False),
    Column("place", Integer, nullable=False),  # an answer may go out in several pieces
    Column("state", String, nullable=False),  # sent, delivered, read, failed
    Column("trouble", Text),
    Column("sent_at", Float, nullable=False),
    Index("pieces_outbox", "outbox_id", "place"),
    Index("pieces_entry", "entry_id"),
)

files = Table(
    "files",
    metadata,
    Column("id", String, primary_key=True),  # random
    Column("stored", String, nullable=False),  # the SHA-256 of the blob
    Column("filename", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),  # the key of a conversation, or "agent:sona"
    Column("entry_id", Id, ForeignKey("entries.id")),  # null until it is said with something
    Column("created_at", Float, nullable=False),
    Index("files_stored", "stored"),
    Index("files_entry", "entry_id"),
)

errands = Table(
    "errands",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("entry_id", Id, ForeignKey("entries.id"), nullable=False),
    Column("kind", String, nullable=False),  # file or name
    Column("place", Integer, nullable=False),  # which attachment of the entry
    Column("channel", String, nullable=False),
    Column("account", Text, nullable=False),
    Column("url", Text, nullable=False),  # of the file, or the platform's id of who is to be named
    Column("state", String, nullable=False),  # pending, done, failed
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),  # the sweep rings for it then
    Column("not_before", Float, nullable=False),  # nobody may take it earlier
    Column("last_error", Text),
    Column("created_at", Float, nullable=False),
    Index("errands_entry", "entry_id"),
)
asked = text("state = 'pending'")
Index("errands_due", errands.c.due_at, sqlite_where=asked, postgresql_where=asked)

presence = Table(
    "presence",
    metadata,
    Column("agent", String, primary_key=True),
    Column("away", Integer, nullable=False),
    Column("since", Float, nullable=False),
    Column("noted", Float),  # the `since` of what the rules have been asked about
)

thread_keys = Table(
    "thread_keys",
    metadata,
    Column("key", String, primary_key=True),  # "mid:<Message-ID>" or "<channel>/<account>/<conversation>"
    Column("ticket_id", Id, ForeignKey("tickets.id"), primary_key=True),
)

participants = Table(
    "participants",
    metadata,
    Column("ticket_id", Id, ForeignKey("tickets.id"), primary_key=True),
    Column("address", String, primary_key=True),
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", Id, ForeignKey("tickets.id"), nullable=False),
    Column("inbox_id", Id),
    Column("name", String, nullable=False),
    Column("actor", Text, nullable=False),  # "agent:sona", "rule:<name>", "customer", "desk"
    Column("data", Text, nullable=False),  # JSON object
    Column("at", Float, nullable=False),
    Index("events_ticket", "ticket_id", "id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", Id, ForeignKey("tickets.id"), nullable=False),
    Column("inbox_id", Id),  # null: nothing came in; somebody acted, or time went by
    Column("desk_version", String, nullable=False),
    Column("trace", Text, nullable=False),  # JSON object, see router/decide.py
    Column("at", Float, nullable=False),
    Column("events_from", Id),  # the first and last of the ticket's events that were written with it
    Column("events_to", Id),
    Index("decisions_ticket", "ticket_id", "id"),
)

desk_versions = Table(
    "desk_versions",
    metadata,
    Column("version", String, primary_key=True),
    Column("rules", Text, nullable=False),  # JSON list: what `why` needs to tell of rules that were not asked
    Column("at", Float, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("department", String, primary_key=True),
    Column("agent", String, primary_key=True),
    Column("at", Float, nullable=False),  # when a strategy gave them a ticket of the department last
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", Id, ForeignKey("tickets.id"), nullable=False),
    Column("event_id", Id, ForeignKey("events.id"), nullable=False),
    Column("event", String, nullable=False),
    Column("recipient", String, nullable=False),  # agent id, "#slack-channel" or an email address
    Column("notifier", String, nullable=False),  # email, slack or webhook; for the customer mail or channel
    Column("address", Text, nullable=False),  # where that notifier sends it; empty when suppressed for want of one
    Column("reason", Text, nullable=False),  # why the recipient gets it, or why not
    Column("entry_id", Id, ForeignKey("entries.id")),
    Column("state", String, nullable=False),  # pending, sent, failed, suppressed
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),  # the sweep rings for it then
    Column("not_before", Float, nullable=False),  # nobody may take it earlier: the end of a lease, or the next attempt
    Column("last_error", Text),
    Column("provider_id", Text),
    Column("created_at", Float, nullable=False),
    Column("sent_at", Float),
    Column("payload", Text),  # what a webhook is sent
    Column("word", String),  # for an agent: what it is of, and whose ticket that was, see config/notices.py
    Column("whose", String),
    Column(
        "bundle", String
    ),  # told together with the others of this name; null: by itself, or with those of its ticket
    Column("held", Text),  # why it waits, in words
    Column("seen_at", Float),  # when the agent saw the ticket after it, by whatever way
    Column("look_at", Float),  # when it is not seen by then, the next way is used
    UniqueConstraint("event_id", "recipient", "notifier", name="outbox_once"),
    Index("outbox_ticket", "ticket_id", "id"),
)
unread = text("notifier = 'in_app' AND state = 'sent' AND seen_at IS NULL")
Index(  # with columns that are the same in all of it: else SQLite takes outbox_told and reads all that an agent was ever told
    "outbox_unread",
    outbox.c.recipient,
    outbox.c.notifier,
    outbox.c.seen_at,
    outbox.c.id,
    sqlite_where=unread,
    postgresql_where=unread,
)
told = text("state = 'sent'")
Index("outbox_told", outbox.c.recipient, outbox.c.notifier, outbox.c.sent_at, sqlite_where=told, postgresql_where=told)
unseen = text("look_at IS NOT NULL")
Index("outbox_unseen", outbox.c.look_at, sqlite_where=unseen, postgresql_where=unseen)
bundled = text("state = 'pending' AND bundle IS NOT NULL")
Index("outbox_bundled", outbox.c.bundle, sqlite_where=bundled, postgresql_where=bundled)
owed = text("state = 'pending'")
Index("outbox_due", outbox.c.due_at, sqlite_where=owed, postgresql_where=owed)
automatic = text("event = 'ticket.auto_answered'")
Index("outbox_automatic", outbox.c.address, outbox.c.created_at, sqlite_where=automatic, postgresql_where=automatic)
Index("outbox_automatic_at", outbox.c.created_at, sqlite_where=automatic, postgresql_where=automatic)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("channel", String, primary_key=True),
    Column("folder", String, primary_key=True),
    Column(
        "uidvalidity", BigInteger, nullable=False
    ),  # when it changes, every UID is a new one (RFC 9051, 2.3.1.1); 0: never read
    Column("uid", BigInteger, nullable=False),  # every mail up to here is kept, gone, or a hole
    Column(
        "history_to", BigInteger
    ),  # mails up to here were there before the first run; null: those older than began_at
    Column("began_at", Float),  # the first run
    Column("seen_at", Float),  # when the server was last asked and answered
    Column("trouble", Text),  # why it cannot be asked now
    Column("checked_at", Float),  # the last reconciliation, and the UIDs it found nowhere here
    Column("holes", Integer, nullable=False),
    Column("holder", String),  # the process that watches it, and until when it may without saying so again
    Column("held_until", Float),
)

mailbox_uids = Table(
    "mailbox_uids",
    metadata,
    Column("channel", String, primary_key=True),
    Column("folder", String, primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inbox.id")),  # null: a hole, and the trouble with it
    Column("trouble", Text),
    Column("owed", String),  # what is still to be done with it on the server: seen, delete, move:FOLDER
)

correlations = Table(
    "correlations",
    metadata,
    Column("name", String, primary_key=True),  # of the correlation in the desk file
    Column("key", String, primary_key=True),  # what its named groups found
    Column("ticket_id", Id, ForeignKey("tickets.id"), nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    Column("last_inbox", Id, nullable=False),  # the newest of its mails; an older one routed after it changes no status
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),  # made at random when it is first wanted; the same for every process
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String, primary_key=True),  # SHA-256 of the token, in hexadecimal
    Column("agent", String, nullable=False),
    Column("made_at", Float, nullable=False),
    Index("tokens_agent", "agent"),
)
