"""Standard Webhooks, against the library of its authors, in both directions; ed25519 against our own signatures."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError
from standardwebhooks import Webhook

from config.model import Secret
from ingest.channel import Refused, Request
from ingest.channels import webhook
from ingest.outbound import Outbound
from ingest.standard_webhooks import PublicKey, signed_headers, verify
from tickets.reply import Reply, Upload
from tickets.trouble import Permanent

AT = 1795348800
BODY = '{"text": "Žltý kôň"}'
SECRETS = (Secret("env:OLD"), Secret("env:NEW"))
VALUES = {"OLD": f"whsec_{base64.b64encode(b'old' * 8).decode()}", "NEW": base64.b64encode(b"new" * 8).decode()}
SIGNER = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = f"whpk_{base64.b64encode(SIGNER.public_key().public_bytes_raw()).decode()}"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)


def by_secret(name: str, ident: str = "msg_1", at: int = AT) -> str:
    return Webhook(VALUES[name]).sign(ident, datetime.fromtimestamp(at, UTC), BODY)


def by_key(ident: str = "msg_1", at: int = AT, signer: Ed25519PrivateKey = SIGNER) -> str:
    return f"v1a,{base64.b64encode(signer.sign(f'{ident}.{at}.{BODY}'.encode())).decode()}"


def delivery(signature: str, *, ident: str = "msg_1", at: str = str(AT), now: float = AT, body: str = BODY) -> Request:
    headers = {"webhook-id": ident, "webhook-timestamp": at, "webhook-signature": signature}
    return Request(body.encode(), headers, now)


@pytest.mark.parametrize(
    "signature",
    [by_secret("OLD"), by_secret("NEW"), f"v1,AAAA {by_secret('NEW')}", f"v2,x  nothing v1 {by_secret('OLD')} v1,", by_key(),
     f"{by_key(signer=Ed25519PrivateKey.generate())} {by_key()}"],
    ids=["old", "new", "second of two", "among oddities", "key", "key among two"],
)  # fmt: skip
@pytest.mark.parametrize("now", [AT - 300, AT, AT + 300])
def test_what_a_secret_or_a_key_of_ours_signed_is_taken_within_five_minutes(signature: str, now: float) -> None:
    verify(SECRETS, (PUBLIC,), delivery(signature, now=now))


@pytest.mark.parametrize(
    "request_",
    [
        delivery(by_secret("OLD"), body='{"text": "another"}'),
        delivery(by_key(), body='{"text": "another"}'),
        delivery(by_secret("OLD"), ident="msg_2"),
        delivery(by_secret("OLD"), ident=""),
        delivery(by_secret("OLD"), at=str(AT + 1)),
        delivery(by_secret("OLD"), at=f"{AT}.0"),
        delivery(by_secret("OLD"), at=f"+{AT}"),
        delivery(by_secret("OLD"), at=""),
        delivery(by_secret("OLD"), at="9" * 5000),
        delivery(by_secret("OLD"), at="\u0661" * 10),
        delivery(by_secret("OLD"), now=AT + 301),
        delivery(by_secret("OLD"), now=AT - 301),
        delivery(by_secret("OLD").replace("v1,", "v1a,")),
        delivery(by_key().replace("v1a,", "v1,")),
        delivery(by_secret("OLD").removeprefix("v1,")),
        delivery("v1a,====="),
        delivery("v1a,\xff"),
        delivery("v1,\ud800"),
        delivery("v1,a " * 100 + by_secret("OLD")),
    ],
)
def test_anything_else_is_refused_and_breaks_nothing(request_: Request) -> None:
    with pytest.raises(Refused) as refused:
        verify(SECRETS, (PUBLIC,), request_)
    assert refused.value.status == 401


def test_a_body_that_is_no_text_is_signed_over_its_bytes() -> None:
    raw = b"\xff\x00{"
    signature = base64.b64encode(SIGNER.sign(f"msg_1.{AT}.".encode() + raw)).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(AT), "webhook-signature": f"v1a,{signature}"}
    verify((), (PUBLIC,), Request(raw, headers, AT))


@pytest.mark.parametrize("value", ["whsec_", "plain words", "whsec_abc"])
def test_a_secret_that_is_none_is_ours_to_repair(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NEW", value)
    with pytest.raises(Refused) as refused:
        verify(SECRETS, (), delivery(by_secret("OLD")))
    assert refused.value.status == 503


def test_what_we_sign_is_taken_by_the_library_with_either_secret() -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = dict(signed_headers(SECRETS, "msg_9", now, BODY.encode()))
    for value in VALUES.values():
        assert Webhook(value).verify(BODY, headers) == json.loads(BODY)
    verify(SECRETS, (), Request(BODY.encode(), headers, now))


@pytest.mark.parametrize("value", ["whpk_", "whpk_AAAA", PUBLIC[:-1], "MCowBQYDK2VwAyEA"])
def test_a_public_key_that_is_none_is_a_mistake(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PublicKey).validate_python(value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "secrets or public_keys"),
        ({"secrets": ["env:OLD"], "reply_url": "https://shop.example/answers"}, "go together"),
        ({"secrets": ["env:OLD"], "reply_secrets": ["env:NEW"]}, "go together"),
        ({"secrets": ["env:OLD"], "reply_url": "shop.example", "reply_secrets": ["env:NEW"]}, "https://host"),
        ({"secrets": ["env:OLD"], "reply_url": "https://u:p@shop.example", "reply_secrets": ["env:NEW"]}, "password"),
    ],
)
def test_settings_that_cannot_work_are_mistakes(settings: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        webhook.Config.model_validate({"name": "shop", "type": "webhook", **settings})


def test_the_operators_own_program_may_be_anywhere() -> None:
    base = {"name": "shop", "type": "webhook", "secrets": ["env:OLD"]}
    answered = {**base, "reply_url": "http://10.0.0.7:8000/answers", "reply_secrets": ["env:NEW"]}
    assert list(webhook.origins(webhook.Config.model_validate(answered))) == ["http://10.0.0.7:8000/answers"]
    assert list(webhook.origins(webhook.Config.model_validate(base))) == []


def test_files_that_are_too_large_are_not_posted() -> None:
    config = webhook.Config.model_validate(
        {"name": "shop", "type": "webhook", "secrets": ["env:OLD"], "reply_url": "https://shop.example/",
         "reply_secrets": ["env:NEW"]}
    )  # fmt: skip
    half = Upload("a.bin", "application/octet-stream", bytes(webhook.MOST_FILE_BYTES // 2 + 1))
    reply = Reply("1", "", "c", "u", "Hello", AT, (half, half))

    def nobody(_host: str, _port: int) -> Sequence[str]:
        raise AssertionError("it was asked")

    with pytest.raises(Permanent) as failed:
        list(webhook.send(config, reply, Outbound(resolve=nobody)))
    assert failed.value.kind == "too_long"
