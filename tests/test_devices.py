"""Push: an agent's devices over the API, and what their push services are sent, opened with the device's own key."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from config.desk import Desk
from config.model import Model
from ingest.front import Front
from notify.note import Note
from notify.push import Config, Push, allowed
from notify.sealed import public_key
from tests.desks import HEAD, desk
from tests.notify.desk import a_note
from tests.outside import Server, World, page
from tests.path.stories import Front as Stories
from tickets import devices
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.devices import Device
from tickets.live import Live
from tickets.preferences import chosen
from tickets.schema import outbox
from tickets.schema_told import pauses
from tickets.store import Store
from tickets.tokens import make
from tickets.trouble import Permanent, Temporary
from web.app import Parts, build

PUSH = HEAD + "  push: {contact: 'mailto:ops@acme.example'}\n"
NOON = 1_795_694_400.0

Ask = Callable[..., Any]


def coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Browser:
    """A browser with keys of its own, which opens what is sent to it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._key, self._auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        public = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.device = Device(endpoint, coded(public), coded(self._auth), "Phone")

    @property
    def given(self) -> dict[str, str]:
        """What it hands in."""
        device = self.device
        return {"endpoint": device.endpoint, "p256dh": device.p256dh, "auth": device.auth, "label": device.label}

    def opened(self, body: bytes) -> Any:
        """Return what it was sent."""
        return json.loads(http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm"))


def google(path: str = "x") -> Browser:
    return Browser(f"https://fcm.googleapis.com/fcm/send/{path}")


@pytest.fixture
def asking(store: Store, tmp_path: Path) -> Iterator[Callable[..., Ask]]:
    """Give what asks the API as an agent of a desk."""

    async def accept(_arrivals: object) -> list[Any]:
        raise NotImplementedError

    opened: list[TestClient] = []

    def as_agent(agent: str = "luca", at: Desk | None = None) -> Ask:
        known = at or desk(PUSH)
        shelf = Blobs(FolderShelf(tmp_path))
        front = Front(lambda: known, accept, lambda: Availability(known, frozenset(), 0.0), store, shelf, Live())
        app = build(Parts(lambda: known, accept, lambda: None, bytes, front=front))
        client = TestClient(app, headers={"Authorization": f"Bearer {make(store, agent, 1.0)}"})
        opened.append(client)

        def asked(method: str, path: str, body: Any = None) -> Any:
            answer = client.request(method, f"/api/v1/me/{path}", json=body)
            return (answer.json() if answer.content else {}) | {"status": answer.status_code}

        return asked

    yield as_agent
    for client in opened:
        client.close()


def test_a_browser_subscribes_with_the_key_of_the_desk_and_hands_in_what_it_got(
    asking: Callable[..., Ask], store: Store
) -> None:
    ask, browser = asking(), google()
    key = ask("GET", "push")["key"]
    assert key == ask("GET", "push")["key"] == public_key(store)
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.urlsafe_b64decode(key + "="))
    made = ask("POST", "devices", browser.given)
    assert made["status"] == 201
    [shown] = ask("GET", "devices")["devices"]
    assert (shown["id"], shown["label"], shown["service"]) == (made["id"], "Phone", "fcm.googleapis.com")
    assert browser.device.auth not in json.dumps(shown)
    assert chosen(store).with_devices == {"luca"}
    again = ask("POST", "devices", browser.given | {"label": "Old phone"})  # a page opened again is no second device
    assert again["id"] == made["id"]
    assert [one["label"] for one in ask("GET", "devices")["devices"]] == ["Old phone"]
    assert asking("sona")("DELETE", f"devices/{made['id']}")["status"] == 404
    assert ask("DELETE", f"devices/{2**70}")["status"] == 404
    assert ask("DELETE", f"devices/{made['id']}")["status"] == 204
    assert ask("GET", "devices")["devices"] == []


def test_a_browser_another_agent_takes_over_is_theirs_but_nobody_takes_it_by_its_address(
    asking: Callable[..., Ask], store: Store
) -> None:
    browser = google()
    asking("luca")("POST", "devices", browser.given)
    stolen = asking("sona")("POST", "devices", google().given)
    assert (stolen["status"], stolen["error"]) == (409, "this endpoint is another agent's")
    assert asking("sona")("POST", "devices", browser.given)["status"] == 201
    assert chosen(store).with_devices == {"sona"}


def test_a_device_ends_the_pause_of_push_and_there_is_an_end_to_devices(
    asking: Callable[..., Ask], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = {"agent": "luca", "why": "no device", "address": "luca", "since": 1.0}
    with store.write() as connection:
        connection.execute(insert(pauses), [paused | {"way": "push"}, paused | {"way": "email"}])
    monkeypatch.setattr(devices, "MOST", 2)
    ask = asking()
    assert [ask("POST", "devices", google(name).given)["status"] for name in "abc"] == [201, 201, 409]
    with store.read() as connection:
        assert list(connection.scalars(select(pauses.c.way))) == ["email"]


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"endpoint": "https://evil.example/x"}, "endpoint"),
        ({"endpoint": "https://fcm.googleapis.com.evil.example/x"}, "endpoint"),
        ({"endpoint": "https://push.apple.com/x"}, "endpoint"),
        ({"endpoint": "http://fcm.googleapis.com/x"}, "endpoint"),
        ({"endpoint": "https://fcm.googleapis.com:22/x"}, "endpoint"),
        ({"endpoint": "https://a@fcm.googleapis.com/x"}, "endpoint"),
        ({"endpoint": "https://fcm.googleapis.com/x\r\nHost: y"}, "endpoint"),
        ({"endpoint": "https://127.0.0.1/x"}, "endpoint"),
        ({"endpoint": "https://[/x"}, "endpoint"),
        ({"p256dh": coded(b"\4" + bytes(64))}, "p256dh"),
        ({"p256dh": "x"}, "p256dh"),
        ({"auth": coded(bytes(15))}, "p256dh"),
        ({"auth": "é"}, "p256dh"),
        ({"keys": {}}, "keys"),
    ],
)
def test_what_no_browser_hands_in_is_refused(asking: Callable[..., Ask], wrong: dict[str, Any], path: str) -> None:
    found = asking()("POST", "devices", google().given | wrong)
    assert (found["status"], [one["path"] for one in found["problems"]]) == (422, [path])


def test_a_desk_without_push_says_how_to_switch_it_on(asking: Callable[..., Ask]) -> None:
    ask = asking("luca", desk(HEAD))
    for found in (ask("GET", "push"), ask("POST", "devices", google().given)):
        assert (found["status"], "notifiers.push" in found["error"]) == (404, True)


@pytest.mark.parametrize(("text", "told"), [(PUSH, {"luca"}), (HEAD, set())])
def test_a_new_ticket_is_owed_by_push_to_who_has_a_device_on_a_desk_that_has_push(
    store: Store, text: str, told: set[str]
) -> None:
    devices.add(store, "luca", google().device, 1.0)
    Stories(store, desk(text)).send("a@customer", to="billing@acme.example")
    with store.read() as connection:
        owed = select(outbox.c.recipient).where(outbox.c.notifier == "push", outbox.c.state == "pending")
        assert set(connection.scalars(owed)) == told


# --- what the devices are sent --------------------------------------------------------------------------------------


def told(of: Note, **said: Any) -> Note:
    return replace(of, recipient="luca", notifier="push", number=17, **said)


@pytest.fixture
def serve(world: World, store: Store) -> Callable[..., tuple[Push, list[tuple[Browser, Server]]]]:
    """Give what registers browsers of Luca, each at a push service that answers so, and the notifier."""

    def served(*answers: bytes) -> tuple[Push, list[tuple[Browser, Server]]]:
        servers = [world.serve(one) for one in answers]
        services = [{"url": server.url("").rstrip("/"), "private": True} for server in servers]
        config = Config.model_validate({"contact": "mailto:ops@acme.example", "services": services})
        browsers = [Browser(server.url(f"/device/{place}")) for place, server in enumerate(servers)]
        for browser in browsers:
            devices.add(store, "luca", browser.device, 1.0)
        call = world.out(*(one.url for one in config.services)).call
        return Push(config, store, call, lambda: NOON), list(zip(browsers, servers, strict=True))

    return served


TAKEN = page(b"", "201 Created")
Serve = Callable[..., tuple[Push, list[tuple[Browser, Server]]]]


def test_the_device_alone_reads_what_it_is_told_and_no_word_is_the_customers(serve: Serve, store: Store) -> None:
    push, [(browser, server)] = serve(TAKEN)
    secret = {"subject": "My secret", "customer": "Ann", "text": "Where is it?", "author": "Ann"}
    sent = told(a_note(), **secret, event="message.received", reason="the ticket is yours", url="https://desk.example")
    assert push.send(sent) == "push:1/1"
    [body] = server.bodies
    shown = browser.opened(body)
    assert shown == {
        "title": "Customer replied",
        "body": "#17: the ticket is yours",
        "ticket": 17,
        "tag": "ticket-17",
        "count": 1,
        "url": "https://desk.example/notices#ticket-17",
    }
    assert b"ticket" not in body
    assert (server.header("ttl"), server.header("urgency"), server.header("topic")) == ("86400", "normal", "t17")
    assert server.header("content-encoding") == "aes128gcm"
    scheme, _, rest = (server.header("authorization") or "").partition(" ")
    said = dict(one.split("=", 1) for one in rest.split(", "))
    assert (scheme, said["k"]) == ("vapid", public_key(store))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.urlsafe_b64decode(said["k"] + "="))
    claims = jwt.decode(said["t"], key, ["ES256"], audience=server.url("").rstrip("/"), options={"verify_exp": False})
    assert (claims["sub"], claims["exp"]) == ("mailto:ops@acme.example", NOON + 12 * 3600)


def test_a_ringing_chat_is_urgent_and_soon_over_and_several_tickets_are_one_notification(serve: Serve) -> None:
    push, [(browser, server)] = serve(TAKEN)
    push.send(told(a_note(), word="chat_ringing"))
    assert (server.header("ttl"), server.header("urgency")) == ("60", "high")
    another = told(a_note(), word="replied")
    push.send(told(a_note(), word="replied", together=(another, replace(another, number=18))))
    assert (server.header("topic"), server.header("urgency")) == ("digest", "normal")
    shown = browser.opened(server.bodies[-1])
    assert (shown["title"], shown["body"], shown["count"]) == ("3 notices", "of 2 tickets", 3)


def test_one_device_that_takes_it_is_enough_and_a_dead_one_is_forgotten(serve: Serve, store: Store) -> None:
    push, [_, (_, slow), (good, server)] = serve(page(b"", "410 Gone"), page(b"", "503 Busy"), TAKEN)
    assert push.send(told(a_note())) == "push:1/3"
    assert good.opened(server.bodies[0])["ticket"] == 17
    left = [urlsplit(one.endpoint).port for one in devices.of(store, "luca")]
    assert left == [slow.port, server.port]


def test_while_no_device_took_it_but_one_may_it_waits_as_long_as_that_one_asks(serve: Serve, store: Store) -> None:
    push, _ = serve(page(b"", "429 Slow down", Retry_After="120"), page(b"", "404 Not found"))
    with pytest.raises(Temporary, match="asks to come later") as again:
        push.send(told(a_note()))
    assert again.value.retry_after == 120
    assert len(devices.of(store, "luca")) == 1


def test_the_last_device_that_is_gone_ends_the_way(serve: Serve, store: Store) -> None:
    push, _ = serve(page(b"", "410 Gone"))
    for words in ("does not know the device", "no device is registered"):
        with pytest.raises(Permanent, match=words) as never:
            push.send(told(a_note()))
        assert never.value.way
    assert devices.of(store, "luca") == []


@pytest.mark.parametrize(("status", "words"), [("403 No", "refuses this desk's key"), ("400 Bad", "does not take it")])
def test_what_a_service_refuses_is_told_in_words_and_the_way_goes_on(
    serve: Serve, store: Store, status: str, words: str
) -> None:
    push, _ = serve(page(b"", status))
    with pytest.raises(Permanent, match=words) as never:
        push.send(told(a_note()))
    assert not never.value.way
    assert len(devices.of(store, "luca")) == 1


def test_a_service_the_desk_file_no_longer_has_is_not_called(serve: Serve, store: Store, world: World) -> None:
    _, [(_, server)] = serve(TAKEN)
    push = Push(Config(contact="mailto:ops@acme.example"), store, world.out().call)
    with pytest.raises(Permanent, match="no push service of this desk"):
        push.send(told(a_note()))
    assert server.heads == []


def test_a_dead_device_that_was_registered_anew_meanwhile_is_kept(store: Store) -> None:
    old, new = google(), google()
    devices.add(store, "luca", old.device, 1.0)
    [known] = devices.of(store, "luca")
    devices.add(store, "luca", new.device, 2.0)
    devices.dead(store, known)
    [left] = devices.of(store, "luca")
    assert left.p256dh == new.device.p256dh


@given(some.text(alphabet="abc.:/@[]\\#?%\r\n 0", max_size=30))
def test_no_endpoint_leads_elsewhere(words: str) -> None:
    config = Config(contact="https://acme.example")
    for endpoint in (
        words,
        f"https://{words}",
        f"https://{words}fcm.googleapis.com",
        f"https://fcm.googleapis.com{words}",
    ):
        if allowed(endpoint, config):
            parts = urlsplit(endpoint)
            assert (parts.scheme, parts.hostname, parts.port or 443) == ("https", "fcm.googleapis.com", 443)
            assert "@" not in parts.netloc


@pytest.mark.parametrize(
    "host", ["evil.example\\.push.apple.com", "evil.example%2f.push.apple.com", "a;b.push.apple.com"]
)
def test_a_host_that_two_readers_may_read_differently_is_none(host: str) -> None:
    assert not allowed(f"https://{host}/x", Config(contact="https://acme.example"))


@pytest.mark.parametrize(
    "said",
    [
        {"contact": "ops@acme.example"},
        {"contact": "http://acme.example"},
        {"contact": "mailto:a@b", "services": [{"url": "http://127.0.0.1:9"}]},
        {"contact": "mailto:a@b", "services": [{"url": "http://push.example", "private": True}]},
        {"contact": "mailto:a@b", "services": [{"url": "https://push.example/x"}]},
        {"contact": "mailto:a@b", "services": [{"url": "https://u@push.example"}]},
    ],
)
def test_a_desk_file_says_whom_to_ask_and_adds_services_with_tls_only(said: dict[str, Any]) -> None:
    model: type[Model] = Config
    with pytest.raises(ValueError, match=r"contact|url|services"):
        model.model_validate(said)
