"""An agent's reply to a notice: done as a whole, or refused with words. It never becomes what a customer said."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from ingest.quarantine import RELEASED
from router import hand as hands
from router.absent import gone
from router.book import Book
from router.by_mail.checks import Mail, automatic, headers_of, refusal
from router.by_mail.commands import Asked, Refused, asked
from router.by_mail.files import hand_in, keep
from router.by_mail.telling import tell
from router.by_mail.tokens import Claim, Told, genuine
from router.hand import CannotActError
from router.opened import Acted, Opened, opened
from router.reading import Reading
from router.staff import staff_of
from router.state import WORKING
from router.ticket import Pen
from router.waiting import claimed, finish
from tickets.blobs import Blobs
from tickets.keys import signing_key
from tickets.message import thread_key
from tickets.once import first
from tickets.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ended:
    """How the row ended: `routed`, `ignored` or `quarantined`; its ticket, the outbox rows to ring for, what changed in a chat."""

    state: str
    ticket: int | None = None
    notices: tuple[int, ...] = ()
    conversation: str | None = None


GOES_ON: Final = Ended("received")
"""It is no agent's mail, and a person has sent it on from quarantine: it is routed as anybody's."""


class Twice(Exception):  # noqa: N818  # a duplicate is success
    """The same mail was done already; it came by another channel."""


@dataclass(frozen=True, slots=True)
class ByMail:
    """Does what agents' replies to notices ask for, in one store. `clock` gives UTC seconds."""

    store: Store
    clock: Callable[[], float]
    blobs: Blobs | None

    def act(
        self, row: Any, reading: Reading, claims: frozenset[Claim], book: Book, away: Mapping[str, float | None]
    ) -> Ended | None:
        """Do or refuse a mail that names reply addresses of notices, in one transaction; nothing when its row does not wait.

        Raises `Temporary`.
        """
        key = signing_key(self.store)
        with self.store.read() as connection:
            mail = self._mail(connection, row, reading, claims, key, book)
        replies = book.choices(mail.agent.id).replies if mail.agent else None
        wanted = self._wanted(mail, replies or "answer")
        with self.store.write() as connection:
            if not claimed(connection, row.id):
                return None
            mail = self._mail(connection, row, reading, claims, key, book)
            why = refusal(mail) or (wanted if isinstance(wanted, str) else None)
            if reading.archived:
                return self._end(connection, row, Ended("ignored"), "history: what a reply asked for is not done again")
            if why is not None and row.cause == RELEASED and mail.writer not in book.desk.agents_by_address:
                return GOES_ON
            pen = Pen(connection, row.id, mail.now)
            if why is None and isinstance(wanted, Wanted):
                try:
                    with connection.begin_nested():
                        return self._done(pen, mail, wanted, book, away)
                except Twice:
                    return self._end(connection, row, Ended("ignored"), "the same mail was done already")
                except CannotActError as error:
                    why = str(error)
            return self._refused(pen, mail, why or "")

    def _mail(
        self, connection: Connection, row: Any, reading: Reading, claims: frozenset[Claim], key: bytes, book: Book
    ) -> Mail:
        told = genuine(connection, key, claims)
        return Mail(row, reading, headers_of(row.raw), told, len(claims), book.desk, self.clock())

    def _wanted(self, mail: Mail, replies: str) -> "Wanted | str":
        """Return what a mail that passes every check asks for, its files kept, or why it is refused."""
        if (why := refusal(mail)) is not None:
            return why
        try:
            what = asked(mail.reading.message.reply_text)
            what = replace(what, says=what.says or ("note" if replies == "note" else "answer"))
            files = keep(self.blobs, mail.row.raw, mail.reading.message, mail.desk)
        except Refused as refused:
            return str(refused)
        if files and not (what.text and what.says == "answer"):
            return "Files go along with the text of an answer only. Send them with one"
        return Wanted(what, files)

    def _done(self, pen: Pen, mail: Mail, wanted: "Wanted", book: Book, away: Mapping[str, float | None]) -> Ended:
        """Say the text, then do the commands; raises `CannotActError` and `Twice`, and then all of it is undone."""
        [told], row = mail.told, mail.row
        _never_before(pen, mail)
        staff = staff_of(pen.connection, mail.desk, pen.now, away)
        ticket = opened(pen, book, staff, told.ticket, told.agent)
        done = _say(pen, ticket, told, wanted)
        done += [act(ticket) for _, act in wanted.asked.acts]
        number = ticket.row.id
        notices = tuple(one for acted in done for one in acted.notices)
        where = next((acted.conversation for acted in done if acted.conversation), None)
        finish(pen.connection, row.id, pen.now, "routed", ticket_id=number)
        words = [f"#{word}" for word, _ in wanted.asked.acts]
        log.info("done by mail", inbox=row.id, ticket=number, agent=told.agent, commands=words)
        return Ended("routed", number, notices, where)

    def _refused(self, pen: Pen, mail: Mail, why: str) -> Ended:
        notices: list[int] = []
        if (agent := mail.agent) is not None and automatic(mail) is None:
            message = mail.reading.message
            said, theirs = message.reply_text or message.text, refusal(mail) is None
            notices = tell(pen, agent, mail.told[0].ticket, why, said, theirs=theirs)
        log.warning("a mail to a notice's reply address is refused", inbox=mail.row.id, cause=why)
        return self._end(pen.connection, mail.row, Ended("quarantined", notices=tuple(notices)), why)

    def _end(self, connection: Connection, row: Any, ended: Ended, cause: str) -> Ended:
        finish(connection, row.id, self.clock(), ended.state, cause=f"a reply to a notice: {cause}"[:2000])
        return ended


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a mail asks for, and the files that go along, kept already."""

    asked: Asked
    files: Sequence[dict[str, Any]]


def _never_before(pen: Pen, mail: Mail) -> None:
    """Note the mail as done; raises `Twice` for the same one, `CannotActError` for another one with its Message-ID."""
    new = first(pen.connection, thread_key("mail", mail.reading.message.external_id), pen.now)
    if not first(pen.connection, thread_key("same", mail.row.external_id), pen.now):
        raise Twice
    if not new:
        raise CannotActError("Another mail with the same Message-ID was done already. Write a new one")


def _say(pen: Pen, ticket: Opened, told: Told, wanted: Wanted) -> list[Acted]:
    """Answer or note the text; whoever writes into a ticket nobody has takes it, unless a command gives it to somebody."""
    what = wanted.asked
    if not what.text:
        return []
    if what.says == "answer":
        return [ticket.answer(what.text, hand_in(pen.connection, wanted.files, told.agent, pen.now))]
    done = [ticket.note(what.text)]
    now, staff = ticket.turn.before, ticket.hand.staff
    free = now.agent is None and now.status in WORKING and gone(staff, now.department, told.agent) is None
    return done + ([ticket.do(hands.take)] if free and not what.gives else [])
