"""What in a message may tell whose ticket it is: gathered here, weighed in `router/thread.py`."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.desk import Agent, Desk
from router.correlate import Alarm
from tickets.message import InboundMessage, thread_key
from tickets.reply_address import claims, proven

STRENGTH: Final = ("reply_address", "signed_id", "correlation", "message_id", "thread_index", "subject")
"""The kinds of evidence, the strongest first; a platform's `conversation` stands alone."""
SIGNED: Final = frozenset({"reply_address", "signed_id"})
MAIL: Final = "mid:"
TOPIC: Final = "tix:"
FOLLOWS: Final = "follows:"
"""The key that leads to the ticket which was begun because the ticket of that number is over."""

_MOST_TOKENS = 20
_IN_SUBJECT = re.compile(r"\[#([0-9]{1,18})\]")
_PREFIXES = re.compile(r"(?:\s*+(?:\[#[0-9]{1,18}\]|[^\W\d_]{1,5}+(?:\[\d{1,3}\])?\s?[:\uff1a]))*+\s*+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence and what came of it, as `why` tells it.

    `value` never shows a proof: who reads it could write into the ticket. `verdict` is `joined`, `agrees`, `weaker`, `over`
    (the ticket's state asks for a new one), `expired`, `elsewhere` (another mailbox), `stranger`, `forged` or `unknown`.
    """

    kind: str
    value: str
    ticket: int | None
    verdict: str
    words: str

    def as_json(self, who: str) -> dict[str, Any]:
        """Return it for the decision's trace; `who` wrote the message."""
        said = {"kind": self.kind, "value": self.value, "ticket": self.ticket}
        return {**said, "who": who, "verdict": self.verdict, "words": self.words}


@dataclass(frozen=True, slots=True)
class Token:
    """A ticket (`t`) or a notice (`n`) that a message names by its number; `genuine` is false when the proof is wrong."""

    kind: str
    letter: str
    number: int
    genuine: bool = True

    @property
    def value(self) -> str:
        """What people are shown of it."""
        return f"[#{self.number}]" if self.kind == "subject" else f"{self.letter}.{self.number}"


@dataclass(frozen=True, slots=True)
class Keys:
    """The key a message goes by itself, the keys of what it answers, the nearest first, and what else it names.

    `topic` is the key of its Outlook conversation.
    """

    own: str
    answers: tuple[str, ...] = ()
    topic: str | None = None
    tokens: tuple[Token, ...] = ()

    @property
    def mail(self) -> bool:
        """Whether these are Message-IDs, which a stranger may know."""
        return self.own.startswith(MAIL)

    @property
    def all(self) -> tuple[str, ...]:
        """Every key, the nearest first."""
        return (*self.answers, self.own, *((self.topic,) if self.topic else ()))

    @property
    def looked_up(self) -> tuple[str, ...]:
        """Every key that may lead to a ticket, those of tickets that follow a named one among them."""
        named = (f"{FOLLOWS}{token.number}" for token in self.tokens if token.genuine and token.letter == "t")
        return (*self.all, *dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote a message: `agent` only when it is to be trusted that it is theirs, `forged` when the sender's domain disowns it."""

    address: str
    agent: Agent | None = None
    forged: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """A message before it has a ticket: who wrote it, the departments it is addressed to, the alarm it is of, if any.

    `received_at` is in UTC seconds; `channel` is a platform's or chat's name.
    """

    message: InboundMessage
    writer: Writer
    departments: frozenset[str] = frozenset()
    alarm: Alarm | None = None
    received_at: float = 0.0
    channel: str = ""

    @property
    def locks(self) -> tuple[str, ...]:
        """The names to lock besides the message's keys."""
        return (self.alarm.lock,) if self.alarm else ()


def keys_of(own: str, message: InboundMessage, tokens: Sequence[Token] = (), domain: str = "", space: str = "") -> Keys:
    """Return a message's keys; `own` is what the inbox keeps it under, `space` a platform's, `domain` the desk's.

    A Message-ID of the form only we make is a token or nothing: an altered one must not lead to what else names it.
    """
    if not own.startswith(MAIL):
        return Keys(own, tuple(thread_key(space, name) for name in message.aliases))
    named = dict.fromkeys(name for name in (message.in_reply_to, *reversed(message.references)) if name)
    answers = dict.fromkeys(thread_key("mid", name) for name in named if claims(name, domain) is None)
    answers.pop(own, None)
    topic = thread_key("tix", message.thread_index) if message.thread_index else None
    return Keys(own, tuple(answers), topic, tuple(tokens))


def tokens_of(message: InboundMessage, recipients: Iterable[str], key: bytes, domain: str) -> list[Token]:
    """Return what a mail names by number, at most 20, in the order of strength.

    Looked at are the addresses it was sent to (`recipients` are the envelope's), the ids it answers or reports on and its
    subject; never a display name or the text, which quotes and forwards carry along.
    """
    found: dict[Token, None] = {}
    for token in _tokens(message, recipients, key, domain):
        found.setdefault(token)
        if len(found) >= _MOST_TOKENS:
            break
    return list(found)


def _tokens(message: InboundMessage, recipients: Iterable[str], key: bytes, domain: str) -> Iterator[Token]:
    for address in (*recipients, *message.delivered_to, *message.to, *message.cc):
        if "+t." in address.lower() and (token := _token("reply_address", address, key, domain)):
            yield token
    reported = message.report.original if message.report else None
    for name in (message.in_reply_to, *reversed(message.references), reported):
        if name and (token := _token("signed_id", name, key, domain)):
            yield token
    for number in _IN_SUBJECT.findall(message.subject):
        yield Token("subject", "t", int(number))


def _token(kind: str, value: str, key: bytes, domain: str) -> Token | None:
    claimed = claims(value, domain)
    if claimed is None:
        return None
    letter, _, number = claimed.partition(".")
    return Token(kind, letter, int(number), genuine=proven(key, value, domain) is not None)


def departments_of(desk: Desk, message: InboundMessage, recipients: Iterable[str]) -> frozenset[str]:
    """Return the departments a mail is addressed to, by its envelope, the way it took, To and Cc."""
    addresses = dict.fromkeys((*recipients, *message.delivered_to, *message.to, *message.cc))
    return frozenset(found.id for address in addresses if (found := desk.department_of(address)))


def addressed_to(ticket: Any | None, departments: frozenset[str]) -> str:
    """Return the departments that mails of the ticket are addressed to, one more mail among them, as the ticket keeps them."""
    known = json.loads(ticket.addressed_to) if ticket is not None and ticket.addressed_to else ()
    return json.dumps(sorted(departments.union(known)))


def same_subject(one: str, other: str) -> bool:
    """Tell whether two subjects are the same but for `Re:`, `AW:` and the like, ticket numbers and blanks."""
    return _bare(one) == _bare(other)


def _bare(subject: str) -> str:
    return " ".join(_IN_SUBJECT.sub(" ", subject[_begin(subject) :]).casefold().split())


def _begin(subject: str) -> int:
    found = _PREFIXES.match(subject)
    return found.end() if found else 0
