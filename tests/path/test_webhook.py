"""Signed calls to programs: what they are sent, how they know us, and what becomes of a program that does not answer."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from standardwebhooks import Webhook

from commands.ways import open_outbox
from ingest.outbound import Outbound, origin
from notify.outbox import Outbox
from notify.webhook import Config, Hook, Webhooks
from tests.outside import Server, World, page
from tests.path.ruled import RULED, Ruled
from tickets.schema import outbox
from tickets.store import Store

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RULES = r"""
  - name: Tell the CRM
    on: [message.received]
    when: [{subject: {matches: 'order (?P<order>\d+)'}}]
    then: [{tag: vip}, {webhook: {hook: crm, values: {order: "No. {{ order }}"}}}]
  - name: Short
    when: [{subject: short}]
    then: [{webhook: crm}]
"""


class Hooked(Ruled):
    """A front desk whose rules call a program."""

    def __init__(self, store: Store, folder: Path, url: str, more: str = ", private: true") -> None:
        hook = f'  webhook: {{hooks: {{crm: {{url: "{url}", secret: "env:CRM"{more}}}}}}}'
        super().__init__(store, folder, RULES, RULED.replace("\nnotifiers:", f"\nnotifiers:\n{hook}"))
        self.client: Outbound | None = None
        self.real: Callable[[], float] = time.time

    @property
    def out(self) -> Outbox:
        """The outbox at this moment, with the program."""
        base, hooks = super().out, self.at.notifiers["webhook"]
        assert isinstance(hooks, Config)
        client = self.client or Outbound(own=[origin(hooks.hooks["crm"].url)])
        return replace(base, notifiers={**base.notifiers, "webhook": Webhooks(hooks, client.call, self.real)})

    def calls(self) -> list[Any]:
        """Return the rows that owe a call."""
        with self.store.read() as connection:
            mine = select(outbox).where(outbox.c.notifier == "webhook").order_by(outbox.c.id)
            return list(connection.execute(mine).all())


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM", SECRET)


def headers(server: Server, which: int = -1) -> dict[str, str]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {name: server.header(name, which) or "" for name in names}


def test_a_program_is_called_and_knows_who_calls(store: Store, tmp_path: Path, world: World) -> None:
    server = world.serve(page())
    front = Hooked(store, tmp_path, server.url("/in?x=1"))
    number = front.hears("About order 17", text="secret words")
    front.deliver()
    Webhook(SECRET).verify(server.bodies[0], headers(server))
    assert server.heads[0].startswith("POST /in?x=1 ")
    assert server.header("content-type") == "application/json"
    said = json.loads(server.bodies[0])
    assert said["type"] == "ticket.created"
    assert said["timestamp"].endswith("Z")
    data = said["data"]
    assert (data["rule"], data["values"], data["variables"]) == ("Tell the CRM", {"order": "No. 17"}, {"order": "17"})
    ticket = data["ticket"]
    assert (ticket["number"], ticket["department"], ticket["tags"]) == (number, "billing", ["vip"])
    assert ticket["contact"] == {"name": "", "address": "ann@example.com"}
    [row] = front.calls()
    assert (row.state, row.recipient, row.address) == ("sent", "webhook:crm", "crm")
    assert row.provider_id == headers(server)["webhook-id"]
    assert ("webhook.called", {"hook": "crm"}) in [
        (line["event"], line["data"]) for line in front.ticket(number)["history"]
    ]
    assert front.effects(number)[-1]["did"] == "calls crm"


def test_the_id_and_the_body_are_the_same_for_every_attempt_and_the_time_is_not(
    store: Store, tmp_path: Path, world: World
) -> None:
    server = world.serve(page(status="500 Oops"), page(status="429 Slow", Retry_After="120"), page())
    front = Hooked(store, tmp_path, server.url())
    front.hears("short")
    began = time.time()
    for attempt, wait in enumerate((0.0, 10.0, 121.0)):
        front.now += wait
        front.real = partial(float, began + attempt)
        [done] = [one for one in front.deliver() if one.notifier == "webhook"]
        assert done.outcome == ("sent" if attempt == 2 else "again")
    sent = [headers(server, each) for each in range(3)]
    assert len({one["webhook-id"] for one in sent}) == 1
    assert len({one["webhook-timestamp"] for one in sent}) == 3
    assert len(set(server.bodies)) == 1
    for each in range(3):
        Webhook(SECRET).verify(server.bodies[each], sent[each])


def test_another_secret_and_a_changed_body_are_told_apart(store: Store, tmp_path: Path, world: World) -> None:
    from standardwebhooks import WebhookVerificationError

    server = world.serve(page())
    front = Hooked(store, tmp_path, server.url())
    front.hears("short")
    front.deliver()
    for secret, body in ((SECRET, server.bodies[0] + b" "), ("whsec_" + "A" * 32, server.bodies[0])):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers(server))


@pytest.mark.parametrize("status", ["410 Gone", "404 Not Found"])
def test_a_program_that_wants_no_more_is_called_no_more(
    store: Store, tmp_path: Path, world: World, status: str
) -> None:
    server = world.serve(page(status=status))
    front = Hooked(store, tmp_path, server.url())
    front.hears("short")
    front.deliver()
    [row] = front.calls()
    assert (row.state, row.attempts) == ("failed", 1)
    assert row.last_error == f"the webhook crm is not there any more (HTTP {status[:3]})"


def test_a_program_that_hangs_or_hangs_up_is_called_again(
    store: Store, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.outbound.CALL_SECONDS", 0.5)
    server = world.serve(lambda connection: connection.close(), _hang)
    front = Hooked(store, tmp_path, server.url())
    front.hears("short")
    for _ in range(2):
        front.deliver()
        [row] = front.calls()
        assert row.state == "pending"
        assert "cannot be asked" in row.last_error
        front.now += 3600


def _hang(connection: Any) -> None:
    connection.settimeout(None)
    connection.recv(1)  # until the other side goes away


def test_a_redirect_is_not_followed(store: Store, tmp_path: Path, world: World) -> None:
    elsewhere = world.serve(page())
    server = world.serve(page(status="302 Found", Location=elsewhere.url()))
    front = Hooked(store, tmp_path, server.url())
    front.hears("short")
    front.deliver()
    assert front.calls()[0].last_error == "the webhook crm answers with HTTP 302"
    assert elsewhere.heads == []


def test_a_private_address_is_not_called_unless_the_desk_file_says_so(
    store: Store, tmp_path: Path, world: World
) -> None:
    server = world.serve(page(), names=["crm.acme.example"])
    front = Hooked(store, tmp_path, server.url(), more="")
    front.client = world.out()
    front.hears("short")
    front.deliver()
    [row] = front.calls()
    assert row.state == "failed"
    assert "has no public address" in row.last_error
    assert server.heads == []


@pytest.mark.usefixtures("loopback_is_outside")
def test_a_public_host_is_called_over_tls(store: Store, tmp_path: Path, world: World) -> None:
    server = world.serve(page(), names=["crm.acme.example"])
    front = Hooked(store, tmp_path, server.url(), more="")
    front.client = world.out()
    front.hears("short")
    front.deliver()
    assert front.calls()[0].state == "sent"
    assert server.hellos == ["crm.acme.example"]


@pytest.mark.parametrize("secret", [None, "whsec_!", "whsec_c2hvcnQ="], ids=["none", "no base64", "short"])
def test_without_a_secret_the_call_waits_and_tells_no_secret(
    store: Store, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    monkeypatch.delenv("CRM") if secret is None else monkeypatch.setenv("CRM", secret)
    server = world.serve(page())
    front = Hooked(store, tmp_path, server.url())
    front.hears("short")
    front.deliver()
    [row] = front.calls()
    assert row.state == "pending"
    assert "env:CRM" in row.last_error
    assert secret is None or secret not in row.last_error
    assert server.heads == []


def test_a_process_that_dies_while_calling_calls_again_with_the_same_id(
    store: Store, tmp_path: Path, world: World
) -> None:
    server = world.serve(page())
    front = Hooked(store, tmp_path, server.url())
    front.hears("short")
    note = front.out.claim(front.calls()[0].id)
    assert note is not None
    front.out.notifiers["webhook"].send(note)  # and dies before it is marked
    front.now += 61
    front.deliver()
    assert headers(server, 0)["webhook-id"] == headers(server, 1)["webhook-id"]
    assert front.calls()[0].state == "sent"


def test_the_desk_starts_it_with_a_client_that_may_go_where_the_file_says(
    store: Store, tmp_path: Path, world: World
) -> None:
    server = world.serve(page())
    front = Hooked(store, tmp_path, server.url())
    front.hears("short")
    out = open_outbox(store, front.at, front.blobs, front.folder)
    assert out.notifiers["webhook"].describe() == "webhooks → crm"
    [row] = front.calls()
    done = replace(out, clock=lambda: front.now).deliver(row.id)
    assert done is not None
    assert done.outcome == "sent"


HOOKS: list[tuple[Mapping[str, Any], str]] = [
    ({"url": "http://crm.acme.example"}, "must begin with https://; http:// is for this machine only"),
    ({"url": "http://127.0.0.1/"}, "http:// to this machine goes with private: true"),
    ({"url": "ftp://127.0.0.1/"}, "must begin with https://"),
    ({"url": "https://"}, "write it as https://host/path"),
    ({"url": "https://user:word@crm.acme.example"}, "without a user in it"),
    ({"url": "https://crm.acme.example:99999"}, "not a URL"),
]


@pytest.mark.parametrize(("said", "words"), HOOKS, ids=[str(said["url"]) for said, _ in HOOKS])
def test_a_url_that_would_not_be_called_is_a_mistake(said: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Hook.model_validate({"secret": "env:CRM", **said})
