"""What an agent is told: everything a notifier needs, already looked up, and the words every notifier shares."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tickets.message import clean
from tickets.reply import REFUSED

QUOTE = 4_000
"""How many characters of the customer's text a note carries; the whole of it stands in the ticket."""

_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")
# Marks that reorder or hide what stands beside them: in a name they could fake another name.
_REORDERING = dict.fromkeys((0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "")
_ONE_LINE = _CONTROLS | _REORDERING
_TEXT = _CONTROLS | _REORDERING | dict.fromkeys((0x0A, 0x0D, 0x85, 0x2028, 0x2029), "\n") | {0x09: "\t"}

_RULE = re.compile(r"(?:the )?rule:? (?P<name>.+?)(?: ask(?:s|ed) to tell you)?", re.IGNORECASE)

_HEADLINES = {
    "message.received": "Customer replied",
    "ticket.created": "New ticket in {department}",
    "ticket.reopened": "Reopened in {department}",
    "ticket.status_changed": "Status changed",
    "ticket.tagged": "Tags changed",
    "ticket.priority_changed": "Priority is now {priority}",
    "ticket.transferred": "Transferred to {department}",
    "ticket.assigned": "Assigned to {agent}",
    "ticket.unassigned": "Nobody is assigned any more",
    "ticket.answered": "Answered",
    "ticket.noted": "Note added",
    "ticket.merged": "Merged",
    "ticket.linked": "Linked to another ticket",
    "ticket.rated": "Customer rated the ticket",
    REFUSED: "A reply to your notice was refused",
    "delivery.failed": "An answer could not be delivered",
    "notices.paused": "Notices are paused",
    "sla.warning": "An answer is due soon",
    "sla.breached": "An answer is overdue",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One outbox row, ready to be told. Names and texts are as the customer wrote them: data, never markup.

    `signed` and `root` are what only this desk can write (tickets/reply_address.py): the note's own number and its ticket's,
    each with its proof. `key` is the same for every attempt at the row, `attempt` counts them from 1; `recipient` is the row's own word for
    who gets it, `notifier` how; `mine` is true when the recipient is the ticket's agent; `agent` is nothing when nobody is assigned;
    `department` is its name and `department_id` its id; `text` is at most `QUOTE` characters of what `author` wrote,
    or empty, `entry_id` the entry it stands in and `conversation` the key of that one's conversation, `by_agent` true when that was not the customer; `created_at` is in seconds since 1970, UTC; `timezone` is the recipient's, an IANA name. `payload` is what a webhook is sent.

    For an agent: `word` and `whose` are what it is of (config/notices.py); `together` are the other notes that are told with this
    one, oldest first: of the same ticket, or with a `bundle` of several; a reply goes to `act_address`, and is an answer or a
    note as `replies` says. What mail servers say about the mail goes to `bounce_address`. `url` is where the desk's HTTP side is
    reached, if that is known, and at `stop_url` the agent stops notices like this one.
    """

    id: int
    key: str
    attempt: int
    notifier: str
    event: str
    reason: str
    address: str
    recipient: str
    recipient_name: str
    mine: bool
    number: int
    subject: str
    department: str
    department_id: str
    agent: str | None
    customer: str
    customer_address: str
    channel: str
    priority: str
    tags: tuple[str, ...]
    author: str
    by_agent: bool
    text: str
    desk: str
    domain: str
    created_at: float
    signed: str
    root: str
    timezone: str = "UTC"
    entry_id: int | None = None
    conversation: str | None = None
    payload: str | None = None
    word: str | None = None
    whose: str | None = None
    bundle: str | None = None
    together: tuple["Note", ...] = ()
    act_address: str | None = None
    replies: str = "answer"
    url: str | None = None
    bounce_address: str | None = None
    stop_url: str | None = None

    @property
    def all(self) -> tuple["Note", ...]:
        """The note and those told with it, oldest first."""
        return tuple(sorted((self, *self.together), key=lambda one: (one.created_at, one.id)))

    @property
    def link(self) -> str | None:
        """Where the ticket is seen in a browser, if that is known."""
        return f"{self.url}/tickets/{self.number}" if self.url else None

    @property
    def tickets(self) -> tuple[tuple["Note", ...], ...]:
        """The notes of this notice by their tickets, oldest first: of one ticket, or in a digest of several."""
        found: dict[int, list[Note]] = {}
        for one in self.all:
            found.setdefault(one.number, []).append(one)
        return tuple(map(tuple, found.values()))

    @property
    def headline(self) -> str:
        """What happened, in one short line."""
        rule = rule_of(self.reason)
        if rule is not None:
            return f"Rule {rule} asked to tell you"
        if self.event == "ticket.assigned" and self.mine:
            return "Assigned to you"
        if self.event == "message.received" and self.by_agent:
            return f"{one_line(self.author) or 'A colleague'} wrote"
        words = _HEADLINES.get(self.event)
        if words is None:
            return one_line(self.event).replace(".", " ").replace("_", " ").capitalize() or "Notice"
        agent = one_line(self.agent or "nobody")
        return words.format(department=one_line(self.department), agent=agent, priority=one_line(self.priority))

    @property
    def title(self) -> str:
        """The ticket's number and subject in one line; the same for every note of the ticket.

        Whose mail was refused may not see the ticket any more, and reads its number only.
        """
        if self.event == REFUSED:
            return f"[#{self.number}] {_HEADLINES[REFUSED]}"
        return f"[#{self.number}] {one_line(self.subject) or '(no subject)'}"

    @property
    def who(self) -> str:
        """The customer's name, or the address where there is no name."""
        return one_line(self.customer) or one_line(self.customer_address) or "a customer"

    @property
    def customer_line(self) -> str:
        """The customer's name and address or phone number in one line; a platform's id tells people nothing beside a name."""
        address = one_line(self.customer_address)
        tells = "@" in address or address.startswith("+")
        return f"{self.who} <{address}>" if tells and address != self.who else self.who

    @property
    def command(self) -> str:
        """The command that shows the whole ticket."""
        return f"frontdesk ticket {self.number}"

    @property
    def when(self) -> str:
        """The time of the event where the recipient is, to the minute."""
        return f"{datetime.fromtimestamp(self.created_at, ZoneInfo(self.timezone)):%Y-%m-%d %H:%M} {self.timezone}"

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What stands beside the text, as (label, value), each in one line."""
        facts = (
            ("Customer", self.customer_line),
            ("Channel", self.channel),
            ("Department", self.department),
            ("Agent", self.agent or "nobody yet"),
            ("Priority", self.priority),
            ("Tags", ", ".join(self.tags)),
            ("When", self.when),
        )
        return tuple((label, one_line(value)) for label, value in facts if value)


def key_of(event_id: int, recipient: str, notifier: str, created_at: float) -> str:
    """Return the idempotency key of one intent: the same for every attempt, safe in a file name and a Message-ID.

    `created_at` (the row's) keeps two databases of one desk apart, whose event ids both begin at 1: mail clients drop
    a second mail with a Message-ID they have seen.
    """
    digest = hashlib.sha256(f"{recipient}\n{created_at!r}".encode("utf-8", "replace")).hexdigest()
    return f"{event_id}.{notifier}.{digest[:16]}"


def rule_of(reason: str) -> str | None:
    """Return the name of the rule that asked for the note, from a reason like `the rule 'X' asks to tell you`, or nothing."""
    asked = _RULE.fullmatch(one_line(reason))
    return (asked["name"].strip("\"' ") or None) if asked else None


def one_line(value: str) -> str:
    """Return the value as one line: no line breaks, control or reordering characters, no lone surrogates."""
    if not value.isprintable():  # translating is slow, and hardly ever needed
        value = clean(value).translate(_ONE_LINE)
    return " ".join(value.split())


def quotable(text: str) -> str:
    """Return a text ready to be quoted: lines ended by LF, at most `QUOTE` characters, with an ellipsis when cut."""
    text = text[: 2 * QUOTE]
    if not text.replace("\n", "").isprintable():
        text = clean(text).replace("\r\n", "\n").translate(_TEXT)
    text = text.strip("\n ")
    return text if len(text) <= QUOTE else f"{text[: QUOTE - 1]}…"
