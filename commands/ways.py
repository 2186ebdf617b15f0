"""The ways out: notifiers to agents, and to customers their channels and the mail. Here the stages meet that do not know each other."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from sqlalchemy import Connection

from config.desk import ChannelConfig, Desk
from ingest import channel as channels
from ingest.outbound import Outbound, origin
from notify import apprise, push, slack, webhook
from notify.answers import Answers
from notify.letter import Letters
from notify.note import Note
from notify.notifier import Notifier, Post, open_notifiers
from notify.outbox import Outbox
from router.book import Shelf
from router.undelivered import settled
from tickets.blobs import Blobs
from tickets.reply import Reply
from tickets.store import Store
from tickets.trouble import Permanent, discreet


def to_agents(store: Store, desk: Desk, folder: Path) -> dict[str, Notifier]:
    """Return the notifiers of a desk that agents are told by; the caller closes them."""
    ways = dict(open_notifiers(desk, folder))
    if isinstance(app := desk.notifiers.get("slack"), slack.Config):
        ways["slack"] = slack.open_slack(app, store, desk, folder, time.time)
    return ways


def open_outbox(store: Store, desk: Desk, blobs: Blobs, folder: Path) -> Outbox:
    """Return the outbox of a desk; what has no relay or token is written into `folder`. The caller closes its notifiers."""
    out, shelf = Outbound(own=channels.origins(desk)), Shelf(lambda: desk, store)

    def through(config: ChannelConfig, reply: Reply) -> Iterator[str]:
        module = channels.answering(channels.find(config.type))
        if module is None:
            raise Permanent(f"channels of type {config.type} take no answers", "invalid")
        with discreet(config):
            yield from module.send(config, reply, out)

    def ended(connection: Connection, note: Note, state: str, words: str) -> None:
        settled(shelf, connection, note, state, words, time.time())

    ways = to_agents(store, desk, folder)
    ways["channel"] = Answers(store, desk, blobs, through)
    if isinstance(hooks := desk.notifiers.get("webhook"), webhook.Config):
        private = [origin(one.url) for one in hooks.hooks.values() if one.private]
        ways["webhook"] = webhook.Webhooks(hooks, Outbound(own=private).call)
    if isinstance(services := desk.notifiers.get("push"), push.Config):
        private = [one.url for one in services.services if one.private]
        ways["push"] = push.Push(services, store, Outbound(own=private).call)
    if urls := apprise.urls_of(desk):
        ways["apprise"] = apprise.Apprise(urls)
    ways["mail"] = Letters(store, desk, blobs, cast(Post, ways["email"]))
    return Outbox(store, desk, ways, settled=ended)
