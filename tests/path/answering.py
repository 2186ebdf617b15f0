"""What the stories about answers share: a desk that answers, with its ways out, and what came of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlalchemy import select

from config.desk import ChannelConfig, Desk
from ingest import channel as channels
from ingest.channel import Request
from ingest.inbox import keep
from ingest.outbound import Outbound
from ingest.webhook import read
from notify.answers import Answers
from notify.email import Config, start
from notify.letter import Letters
from notify.outbox import Delivery, Outbox
from router.act import Acted, Acts
from router.book import Shelf
from router.route import Routed, Router
from router.undelivered import settled
from tests.channels.sending import Platform, platform
from tests.desks import HEAD, desk
from tests.path.stories import Front
from tickets import look
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.reply import Reply
from tickets.schema import outbox
from tickets.store import Store
from tickets.trouble import Permanent, Temporary

NOON = 1_795_348_800.0


class Answering(Front):
    """A front desk whose agents answer; mails lie in a folder, and channels do what the story says."""

    def __init__(self, store: Store, at: Desk, folder: Path) -> None:
        super().__init__(store, at)
        self.folder, self.sent = folder, list[tuple[str, Reply]]()
        self.trouble: list[Temporary | Permanent] = []
        self.pieces = 1
        self.blobs = Blobs(FolderShelf(folder / "blobs"))
        self.router = Router(store, lambda: self.at, lambda: self.now)
        self.shelf = Shelf(lambda: self.at)
        self.acts = Acts(store, lambda: self.at, lambda: self.now)

    @property
    def out(self) -> Outbox:
        """The outbox at this moment."""
        post = start(Config(sender="desk@support.acme.example"), self.at.desk, self.folder)
        ways = {
            "email": post,
            "mail": Letters(self.store, self.at, self.blobs, post, lambda: self.now),
            "channel": Answers(self.store, self.at, self.blobs, self._through, lambda: self.now),
        }
        return Outbox(
            self.store,
            self.at,
            ways,
            clock=lambda: self.now,
            jitter=lambda: 0.0,
            settled=lambda connection, note, state, words: settled(
                self.shelf, connection, note, state, words, self.now
            ),
        )

    def _through(self, config: ChannelConfig, reply: Reply) -> Iterator[str]:
        for place in range(len(reply.done), self.pieces):
            if self.trouble:
                raise self.trouble.pop(0)
            self.sent.append((config.name, reply))
            yield f"p{len(self.sent)}.{place}"

    def payload(self, channel: str, raw: bytes) -> Routed:
        """Route a payload of a platform that holds one message, and return what became of it."""
        config = self.at.channels_by_name[channel]
        found = read(channels.find(config.type), channel, config.type, Request(raw, {}))
        with self.store.write() as connection:
            [kept] = keep(connection, found, self.now, self.now)
        return self.router.route(kept.id)[-1]

    def answer(self, number: int, agent: str = "luca", text: str = "It is on its way.", **more: Any) -> Acted:
        """Answer a ticket."""
        self.now += 1
        return self.acts.answer(number, agent, text, **more)

    def deliver(self) -> list[Delivery]:
        """Deliver everything that is due, once."""
        waiting = select(outbox.c.id).where(outbox.c.state == "pending", outbox.c.not_before <= self.now)
        with self.store.read() as connection:
            rows = list(connection.scalars(waiting.order_by(outbox.c.id)))
        return [done for row in rows if (done := self.out.deliver(row)) is not None]

    def mails(self, to: str) -> list[EmailMessage]:
        """Return the mails an address was sent, oldest first."""
        paths = sorted(self.folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
        return [one for one in found if isinstance(one, EmailMessage) and to in str(one["To"])]

    def ticket(self, number: int) -> dict[str, Any]:
        """Return a ticket with its entries and its history."""
        found = look.ticket(self.store, number)
        assert found is not None
        return found

    def last(self, number: int) -> dict[str, Any]:
        """Return the newest entry of a ticket."""
        entry: dict[str, Any] = self.ticket(number)["entries"][-1]
        return entry

    def owed(self, number: int) -> list[tuple[str, str, str]]:
        """Return recipient, notifier and state of the outbox rows of a ticket that go out, or should."""
        columns = (outbox.c.recipient, outbox.c.notifier, outbox.c.state)
        out = (outbox.c.ticket_id == number, outbox.c.notifier != "in_app")
        with self.store.read() as connection:
            rows = connection.execute(select(*columns).where(*out).order_by(outbox.c.id)).all()
        return [(row.recipient, row.notifier, row.state) for row in rows]


class Talking(Answering):
    """A front desk whose channels really send, to a local platform."""

    def _through(self, config: ChannelConfig, reply: Reply) -> Iterator[str]:
        module = channels.answering(channels.find(config.type))
        assert module is not None
        return module.send(config, reply, Outbound(own=(config.base_url,)))  # type: ignore[attr-defined]


@contextmanager
def scripted() -> Iterator[Platform]:
    """Run a platform that takes what a story scripts, all of it and nothing else."""
    with platform([]) as local:
        yield local
        assert local.wrong == []
        assert local.taken == len(local.script)


def talking(store: Store, folder: Path, local: Platform, more: str) -> Talking:
    """Return a front desk at noon, with more channels, whose `<BASE>` is the local platform."""
    made = Talking(store, desk(HEAD.replace("\ntags:", f"{more.replace('<BASE>', local.base)}\ntags:")), folder)
    made.now = NOON
    return made
