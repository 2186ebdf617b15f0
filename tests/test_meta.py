"""The handshake, the signature and the errors that Meta's three channels share."""

import hmac
from collections.abc import Sequence

import pytest
from starlette.testclient import TestClient

from config.model import Secret
from ingest import meta
from ingest.arrival import Arrival, Kept
from ingest.channel import Refused, Request
from ingest.outbound import Answered
from tests.desks import HEAD, desk
from tickets.store import Store
from tickets.trouble import Temporary
from web.app import Parts, build
from web.metrics import Metrics, ready

OLD, NEW = Secret("env:META_TEST_OLD"), Secret("env:META_TEST_NEW")


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set both secrets."""
    monkeypatch.setenv("META_TEST_OLD", "old")
    monkeypatch.setenv("META_TEST_NEW", "n\u00e9w")


def signed(secret: str, raw: bytes, header: str = "x-hub-signature-256") -> Request:
    """Return a delivery signed as Meta does."""
    return Request(raw, {header: "sha256=" + hmac.digest(secret.encode(), raw, "sha256").hex()})


@pytest.mark.parametrize("secret", ["old", "n\u00e9w"])
def test_a_body_signed_with_any_of_the_app_secrets_is_genuine(secret: str) -> None:
    meta.verify((OLD, NEW), signed(secret, b'{"object": "page"} \xff'))


@pytest.mark.parametrize(
    "request_",
    [
        signed("other", b"{}"),
        signed("old", b"{}", header="x-hub-signature"),
        Request(b"{} ", signed("old", b"{}").headers),
        Request(b"{}", {}),
        Request(
            b"{}", {"x-hub-signature-256": signed("old", b"{}").headers["x-hub-signature-256"].removeprefix("sha256=")}
        ),
        Request(b"{}", {"x-hub-signature-256": "sha256=\u00e9\ud800"}),
    ],
)
def test_a_body_with_another_signature_is_refused(request_: Request) -> None:
    with pytest.raises(Refused) as refused:
        meta.verify((OLD, NEW), request_)
    assert refused.value.status == 401


def test_a_missing_secret_means_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("META_TEST_NEW")
    with pytest.raises(Refused) as refused:
        meta.verify((OLD, NEW), signed("old", b"{}"))
    assert (refused.value.status, refused.value.retry_after) == (503, 60)
    with pytest.raises(Refused) as refused:
        meta.handshake((NEW,), Request(b"", {}, method="GET", target="/in/x?hub.mode=subscribe"))
    assert refused.value.status == 503


def test_the_challenge_of_a_subscription_is_returned_as_plain_text() -> None:
    target = "/in/x?hub.mode=subscribe&hub.challenge=115%3Cb%3E&hub.verify_token=n%C3%A9w"
    answer = meta.handshake((OLD, NEW), Request(b"", {}, method="GET", target=target))
    assert answer is not None
    assert (answer.status, answer.text, answer.media_type) == (200, "115<b>", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=ol",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=old",
        "hub.mode=subscribe&hub.verify_token=old",
        "hub.mode=subscribe&hub.verify_token=old&hub.challenge=" + "1" * 1001,
    ],
)
def test_any_other_get_is_refused(query: str) -> None:
    with pytest.raises(Refused) as refused:
        meta.handshake((OLD, NEW), Request(b"", {}, method="GET", target=f"/in/x?{query}"))
    assert refused.value.status == 403


def test_a_post_is_no_handshake() -> None:
    assert meta.handshake((OLD,), signed("old", b"{}")) is None


def answered(status: int, body: bytes = b"", **headers: str) -> Answered:
    """Return what Meta answered."""
    return Answered(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answered(400, b'{"error": {"code": 131047}}'), "window_expired"),
        (answered(400, b'{"error": {"code": 100, "error_subcode": 33}}'), "not_found"),
        (answered(400, b'{"error": {"code": 100, "error_subcode": 34}}'), "invalid"),
        (answered(400, b'{"error": {"code": 80007}}'), "rate_limited"),
        (answered(400, b'{"error": {"code": 10}}'), "auth"),
        (answered(403, b'{"error": {"code": 299}}'), "auth"),
        (answered(500, b'{"error": {"code": 1, "error_subcode": 99}}'), "transient"),
        (answered(400, b'{"error": {"code": "190", "error_subcode": []}}'), "unknown"),
        (answered(400, b'{"error": "no"}'), "unknown"),
        (answered(429, b"[]"), "rate_limited"),
        (answered(401), "auth"),
        (answered(503, b"<html>"), "transient"),
    ],
)
def test_an_error_means_what_its_subcode_says_else_its_code_else_the_status(said: Answered, kind: str) -> None:
    known: dict[int, meta.Meaning] = {131047: ("window_expired", "too late"), 33: ("not_found", "gone")}
    assert meta.refusal(said, known).kind == kind


@pytest.mark.parametrize(
    ("usage", "wait"),
    [
        ('{"1044": [{"estimated_time_to_regain_access": 0}, {"estimated_time_to_regain_access": 3}], "7": [1]}', 180.0),
        ('{"1044": [{"estimated_time_to_regain_access": 90}]}', 3600.0),
        ('{"1044": {"estimated_time_to_regain_access": 90}}', None),
        ("[1]", None),
        ("{", None),
    ],
)
def test_the_wait_is_the_one_meta_tells(usage: str, wait: float | None) -> None:
    said = answered(400, b'{"error": {"code": 4}}', x_business_use_case_usage=usage)
    refused = meta.refusal(said, {})
    assert isinstance(refused, Temporary)
    assert refused.retry_after == wait


def test_over_http_a_challenge_comes_back_as_it_is_and_a_signed_body_is_kept(store: Store) -> None:
    more = '  - {name: fb, type: facebook, app_secrets: ["env:META_TEST_OLD"], verify_tokens: ["env:META_TEST_NEW"]}\ntags:'
    at, taken = desk(HEAD.replace("tags:", more)), list[str]()

    async def accept(found: Sequence[Arrival]) -> list[Kept]:
        taken.extend(one.external_id for one in found)
        return [Kept(1, duplicate=False) for _ in found]

    parts = Parts(lambda: at, accept, lambda: ready(store), Metrics(store, lambda: 0.0).text)
    raw = b'{"object": "page", "entry": [{"id": "1", "messaging": [{"sender": {"id": "7"}, "message": {"mid": "m", "text": "a"}}]}]}'
    with TestClient(build(parts)) as client:
        asked = {"hub.mode": "subscribe", "hub.challenge": "1158", "hub.verify_token": "n\u00e9w"}
        answer = client.get("/in/fb", params=asked)
        assert (answer.status_code, answer.text) == (200, "1158")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert client.get("/in/fb", params={**asked, "hub.verify_token": "new"}).status_code == 403
        assert client.post("/in/fb", content=raw).status_code == 401
        assert client.post("/in/fb", content=raw, headers=dict(signed("old", raw).headers)).status_code == 200
    assert taken == ["message:m"]
