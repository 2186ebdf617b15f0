"""Mail that providers post: from the HTTP request to the ticket, byte for byte, and what is never taken for genuine."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import select
from starlette.testclient import TestClient

from config.desk import Desk
from config.problems import DeskError
from ingest import quarantine
from ingest.channel import Request
from ingest.channels import mailgun
from ingest.inbox import Inbox
from router.route import Router
from tests.channels import providers
from tests.channels.providers import CERTIFICATE_URL, SUBSCRIBE_URL, TOPIC, Post, received, sns
from tests.desks import HEAD, arrived, desk, mail
from tickets import look
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Temporary
from web import body
from web.app import Parts, build
from web.metrics import Metrics, ready

NOW = time.time()
KEY, NEW_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
SNS_KEY = rsa.generate_private_key(65537, 2048)
CERTIFICATE = providers.certificate(SNS_KEY, datetime.now(UTC) - timedelta(days=1))
SECRETS = {
    "MAILGUN_OLD": "old",
    "MAILGUN_NEW": "new",
    "LOGIN_OLD": "post:old",
    "LOGIN_NEW": "post:new",
    "MIME_SECRET": "sesame",
}
CHANNELS = f"""
  - {{name: mailgun, type: mailgun, signing_keys: ["env:MAILGUN_OLD", "env:MAILGUN_NEW"]}}
  - {{name: sendgrid, type: sendgrid, public_keys: ["{providers.public_key(KEY)}", "{providers.public_key(NEW_KEY)}"]}}
  - {{name: postmark, type: postmark, logins: ["env:LOGIN_OLD", "env:LOGIN_NEW"]}}
  - {{name: ses, type: ses, topics: ["{TOPIC}"]}}
  - {{name: worker, type: mime, secrets: ["env:MIME_SECRET"]}}
"""
MAIL = mail("a@x", text="Gr\u00fc\u00dfe\n\n.\n--xYzZY-\nFrom here on: & = + %41").replace(b"From here", b">From here")
ENVELOPE = {"x-envelope-from": "ann@customer.example", "x-envelope-to": "support@acme.example"}

GENUINE: dict[str, list[Callable[[bytes], Post]]] = {
    "mailgun": [
        lambda mime: providers.mailgun(mime, "new", NOW),
        lambda mime: providers.mailgun(mime, "old", NOW - 8 * 3600, form=providers.multipart),
        lambda mime: providers.mailgun(mime, "old", NOW, signature="parent-signature"),
    ],
    "sendgrid": [
        lambda mime: providers.sendgrid(mime, KEY, NOW - 3 * 86_400),
        lambda mime: providers.sendgrid(mime, NEW_KEY, NOW),
    ],
    "postmark": [
        lambda mime: providers.postmark(mime, "post:old"),
        lambda mime: providers.postmark(mime, "post:new"),
    ],
    "ses": [
        lambda mime: sns(received(mime), SNS_KEY, NOW),
        lambda mime: sns(received(mime, encoding="UTF-8"), SNS_KEY, NOW, version="1"),
    ],
    "worker": [lambda mime: Post(mime, {**ENVELOPE, "authorization": "Bearer sesame"})],
}
STRANGER = rsa.generate_private_key(65537, 2048)
FORGED: dict[str, list[Post]] = {
    "mailgun": [
        providers.mailgun(MAIL, "guessed", NOW),
        providers.mailgun(MAIL, "new", NOW - 13 * 3600),
        providers.mailgun(MAIL, "new", NOW + 13 * 3600),
        Post(providers.urlencoded({"body-mime": MAIL})),
        Post(b"--x\r\n"),
    ],
    "sendgrid": [
        providers.sendgrid(MAIL, ec.generate_private_key(ec.SECP256R1()), NOW),
        providers.sendgrid(MAIL, KEY, NOW - 5 * 86_400),
        Post(providers.sendgrid(MAIL, KEY, NOW).body + b"more", providers.sendgrid(MAIL, KEY, NOW).headers),
        Post(providers.sendgrid(MAIL, KEY, NOW).body),
    ],
    "postmark": [providers.postmark(MAIL, "post:guessed"), providers.postmark(MAIL, "post:"), Post(b"{}")],
    "ses": [
        sns(received(MAIL), STRANGER, NOW),
        Post(sns(received(MAIL), SNS_KEY, NOW).body.replace(b'"Received', b'"received')),
        sns(received(MAIL), SNS_KEY, NOW, version="3"),
        Post(received(MAIL).encode()),
        sns(received(MAIL), SNS_KEY, NOW, TopicArn=TOPIC + "-of-a-stranger"),
    ],
    "worker": [Post(MAIL), Post(MAIL, {"authorization": "Bearer sesam"}), Post(MAIL, providers.login("Bearer:sesame"))],
}
each_way = pytest.mark.parametrize(
    ("name", "post"),
    [(name, made(MAIL)) for name, posts in GENUINE.items() for made in posts],
    ids=[f"{name}-{number}" for name, posts in GENUINE.items() for number in range(len(posts))],
)


@dataclass
class Amazon:
    """Amazon SNS as a delivery asks it: knows one certificate, and notes who came."""

    certificate: bytes = CERTIFICATE
    asked: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    away: bool = False

    async def document(self, url: str, *, anew: bool = False) -> bytes:  # noqa: ARG002  # always as it is
        """Return the certificate."""
        self.asked.append(url)
        if self.away:
            raise Temporary("sns.eu-west-1.amazonaws.com cannot be asked")
        return {CERTIFICATE_URL: self.certificate}[url]

    async def visit(self, url: str) -> None:
        """Note the visit."""
        if self.away:
            raise Temporary("sns.eu-west-1.amazonaws.com cannot be asked")
        self.visited.append(url)


@pytest.fixture
def amazon() -> Amazon:
    return Amazon()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return desk(HEAD.replace("\ntags:", f"{CHANNELS}\ntags:"))


@pytest.fixture
def client(store: Store, at: Desk, amazon: Amazon) -> Iterator[TestClient]:
    keeper = Inbox(store)
    keeper.start()
    parts = Parts(lambda: at, keeper.accepted, lambda: ready(store), Metrics(store, lambda: 100.0).text, amazon)
    with TestClient(build(parts)) as made:
        yield made
    keeper.stop()


def rows(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(inbox).order_by(inbox.c.id)))


def sent(client: TestClient, name: str, post: Post) -> int:
    path = "/in/mailgun/mime" if name == "mailgun" else f"/in/{name}"
    return client.post(path, content=post.body, headers=dict(post.headers)).status_code


@each_way
def test_a_posted_mail_is_kept_byte_for_byte_and_becomes_a_ticket_where_its_envelope_says(
    client: TestClient, store: Store, at: Desk, name: str, post: Post
) -> None:
    assert sent(client, name, post) == 200
    [row] = rows(store)
    assert (row.channel, row.state, row.raw) == (name, "received", MAIL)
    meta = json.loads(row.meta)
    assert (meta["format"], meta["recipients"]) == ("mail", ["support@acme.example"])
    assert meta["mail_from"] == ("" if name == "postmark" else "ann@customer.example")
    [routed] = Router(store, lambda: at).route(row.id)
    [ticket] = look.listing(store)
    assert (routed.outcome, ticket["channel"], ticket["department"]) == ("routed", name, "general")


@each_way
def test_a_repeated_post_is_a_success_and_changes_nothing(
    client: TestClient, store: Store, name: str, post: Post
) -> None:
    assert [sent(client, name, post) for _ in range(2)] == [200, 200]
    assert len(rows(store)) == 1


@pytest.mark.parametrize(
    ("name", "post"),
    [(name, post) for name, posts in FORGED.items() for post in posts],
    ids=[f"{name}-{number}" for name, posts in FORGED.items() for number in range(len(posts))],
)
def test_what_is_forged_changed_or_old_is_refused_and_not_kept(
    client: TestClient, store: Store, name: str, post: Post
) -> None:
    assert sent(client, name, post) in (401, 403)
    assert rows(store) == []


def test_a_mail_is_the_same_mail_and_in_the_same_conversation_whichever_way_it_came(
    client: TestClient, store: Store, at: Desk
) -> None:
    first, reply = mail("1@x"), mail("2@x", answers="1@x")
    for name, mime in (("mailgun", first), ("ses", reply), ("worker", first.replace(b"\r\n", b"\n"))):
        assert sent(client, name, GENUINE[name][0](mime)) == 200
    router = Router(store, lambda: at)
    for row in rows(store):
        router.route(row.id)
    assert [row.ticket_id for row in rows(store)][:2] == [1, 1]
    over_smtp = arrived(first)
    assert {row.external_id for row in rows(store)} >= {over_smtp.external_id}
    assert {row.conversation for row in rows(store)} >= {over_smtp.conversation}
    assert rows(store)[0].external_id == rows(store)[2].external_id


@pytest.mark.parametrize(
    ("name", "post", "says"),
    [
        ("mailgun", Post(providers.mailgun(b"", "new", NOW).body + b"&body-plain=Hello"), "/mime"),
        ("sendgrid", providers.sendgrid(b"", KEY, NOW, text=b"Hello"), "raw, full MIME message"),
        ("postmark", Post(b'{"TextBody": "Hello"}', providers.login("post:old")), "raw email content"),
        ("ses", sns(received(MAIL, action="S3"), SNS_KEY, NOW), "acme-mail/in/d6iitobk75ur44p8"),
        ("worker", Post(b"", {"authorization": "Bearer sesame"}), "--data-binary"),
    ],
    ids=["mailgun", "sendgrid", "postmark", "ses", "worker"],
)
def test_a_genuine_post_without_the_mail_itself_is_kept_with_the_switch_to_set(
    client: TestClient, store: Store, name: str, post: Post, says: str
) -> None:
    assert sent(client, name, post) == 200
    [row] = rows(store)
    assert (row.state, row.raw) == ("quarantined", post.body)
    assert says in row.cause
    assert says in (quarantine.retry(store, row.id, NOW) or "")


def test_a_post_we_failed_to_read_becomes_its_mail_when_it_is_read_again(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mails(_request: Request) -> list[Any]:
        raise RuntimeError("a defect of ours")

    with monkeypatch.context() as broken:
        broken.setattr(mailgun, "mails", mails)
        assert sent(client, "mailgun", GENUINE["mailgun"][1](MAIL)) == 200
    [row] = rows(store)
    assert "a defect of ours" in row.cause
    assert quarantine.retry(store, row.id, NOW) is None
    put_aside, read_again = rows(store)
    assert (put_aside.state, read_again.state, read_again.raw) == ("discarded", "received", MAIL)
    assert json.loads(read_again.meta)["recipients"] == ["support@acme.example"]


def test_what_the_provider_found_out_is_kept_beside_the_mail(client: TestClient, store: Store) -> None:
    for name in ("sendgrid", "ses"):
        sent(client, name, GENUINE[name][0](MAIL))
    by_sendgrid, by_ses = (json.loads(row.meta) for row in rows(store))
    assert (by_sendgrid["peer"], by_sendgrid["verdicts"]) == ("192.0.2.7", {"spf": "pass"})
    assert by_ses["verdicts"] == {"spf": "pass", "dkim": "gray"}


def test_mail_for_an_address_that_is_not_ours_is_kept_all_the_same(client: TestClient, store: Store, at: Desk) -> None:
    post = Post(
        mail("9@x", to="who@else.example"), {"authorization": "Bearer sesame", "x-envelope-to": "who@else.example"}
    )
    assert sent(client, "worker", post) == 200
    assert Router(store, lambda: at).route(1)[0].outcome == "routed"


def test_large_mails_wait_when_there_are_too_many_at_once_and_small_messages_do_not(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "HELD_BYTES", 1_000_000)
    large = mail("1@x") + b"x" * 2_500_000
    for _ in range(2):  # what is given back after an answer is there for the next
        answer = client.post("/in/worker", content=large, headers={"authorization": "Bearer sesame"})
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert sent(client, "worker", GENUINE["worker"][0](MAIL)) == 200
    monkeypatch.setattr(body, "HELD_BYTES", 2_000_000)
    for _ in range(2):
        assert sent(client, "worker", GENUINE["worker"][0](large)) == 200
    assert [len(row.raw) for row in rows(store)] == [len(MAIL), len(large)]


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ("{name: a, type: sendgrid}", "anybody could post mail"),
        ("{name: a, type: sendgrid, public_keys: [abc]}", "not a public key"),
        ("{name: a, type: ses, topics: [arn]}", "wrong form"),
        ("{name: a, type: mailgun, signing_keys: []}", "at least one"),
        ("{name: a, type: mime, secrets: [inline]}", "never in the desk file"),
    ],
)
def test_a_channel_without_a_real_proof_is_a_mistake_and_only_one(channel: str, says: str) -> None:
    with pytest.raises(DeskError) as broken:
        desk(HEAD.replace("\ntags:", f"\n  - {channel}\ntags:"))
    [problem] = broken.value.problems
    assert says in problem.message


# --- Amazon SNS ------------------------------------------------------------------------------------------------------


def confirmation(**more: str) -> Post:
    said = {"Type": "SubscriptionConfirmation", "Token": "2336412f37", "SubscribeURL": SUBSCRIBE_URL, **more}
    return sns("You have chosen to subscribe to the topic", SNS_KEY, NOW, **said)


def test_the_subscription_of_our_topic_is_confirmed_and_no_other(
    client: TestClient, amazon: Amazon, store: Store
) -> None:
    assert sent(client, "ses", confirmation()) == 200
    assert amazon.visited == [SUBSCRIBE_URL]
    elsewhere = (
        "http://sns.eu-west-1.amazonaws.com/?x",
        "https://sns.eu-west-1.amazonaws.com.evil.example/?x",
        "https://127.0.0.1/?x",
    )
    for url in elsewhere:
        assert sent(client, "ses", confirmation(SubscribeURL=url)) == 403
    assert sent(client, "ses", confirmation(TopicArn=f"{TOPIC}2")) == 403
    assert amazon.visited == [SUBSCRIBE_URL]
    assert rows(store) == []


def test_an_ended_subscription_is_shown_to_the_operator(client: TestClient, amazon: Amazon, store: Store) -> None:
    assert sent(client, "ses", confirmation(Type="UnsubscribeConfirmation")) == 200
    assert amazon.visited == []
    [row] = rows(store)
    assert (row.state, TOPIC in row.cause) == ("quarantined", True)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.pem", "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "http://sns.eu-west-1.amazonaws.com/a.pem", "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem", "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem?b=.pem", "https://sns.eu-west-1.amazonaws.com/../a.pem",
        "https://SNS.eu-west-1.amazonaws.com/a.pem", "https://sns.eu-west-1.amazonaws.com/a.pem\n", "",
    ],
)  # fmt: skip
def test_a_certificate_that_is_not_amazons_is_never_asked_for(client: TestClient, amazon: Amazon, url: str) -> None:
    assert sent(client, "ses", sns(received(MAIL), STRANGER, NOW, SigningCertURL=url)) == 401
    assert amazon.asked == []


def test_while_amazon_cannot_be_asked_the_post_must_come_again(
    client: TestClient, amazon: Amazon, store: Store
) -> None:
    amazon.away = True
    assert sent(client, "ses", GENUINE["ses"][0](MAIL)) == 503
    amazon.away = False
    assert sent(client, "ses", GENUINE["ses"][0](MAIL)) == 200
    assert len(rows(store)) == 1


@pytest.mark.parametrize(
    "certificate",
    [
        providers.certificate(SNS_KEY, datetime.now(UTC) - timedelta(days=31)),
        providers.certificate(SNS_KEY, datetime.now(UTC) + timedelta(days=1)),
        b"<html>",
    ],
    ids=["over", "not yet", "no certificate"],
)
def test_a_certificate_out_of_its_time_proves_nothing(client: TestClient, amazon: Amazon, certificate: bytes) -> None:
    amazon.certificate = certificate
    assert sent(client, "ses", GENUINE["ses"][0](MAIL)) == 401
