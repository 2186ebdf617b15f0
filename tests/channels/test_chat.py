"""The chat channel: which pages may post, what is refused with words, whose message is whose."""

import json

import pytest
from pydantic import ValidationError

from ingest.channel import Refused, Request
from ingest.channels import chat

BODY = {"visitor": "v1", "client_msg_id": "c1", "text": "hello"}
CONFIG = chat.Config(name="site", origins=("https://acme.example", "https://*.shop.example", "http://localhost:8000"))


def _request(body: object, **headers: str) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(raw, {"content-type": "application/json", **headers})


@pytest.mark.parametrize(
    "origin",
    ["https://acme.example", "HTTPS://ACME.example", "https://one.shop.example", "http://localhost:8000"],
)
def test_pages_of_a_configured_origin_may_post_and_read_the_answer(origin: str) -> None:
    request = _request(BODY, origin=origin)
    chat.verify(CONFIG, request)
    assert chat.cors(CONFIG, request)["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil-acme.example", "https://acme.example.evil.example", "http://acme.example", "https://acme.example:444",
        "https://shop.example", "https://evilshop.example", "https://a.b.shop.example", "https://*.shop.example",
        "https://.shop.example", "https://evil.example/.shop.example", "null", "", "http://localhost:80001", "https://acme.example/",
    ],
)  # fmt: skip
def test_other_pages_may_not(origin: str) -> None:
    request = _request(BODY, origin=origin)
    with pytest.raises(Refused, match="origin") as refused:
        chat.verify(CONFIG, request)
    assert refused.value.status == 403
    assert chat.cors(CONFIG, request) == {"Vary": "Origin"}


def test_a_program_without_an_origin_may_post() -> None:
    chat.verify(CONFIG, _request(BODY))


def test_a_default_port_is_left_out_as_browsers_do() -> None:
    assert chat.Config(name="site", origins=("https://acme.example:443",)).origins == ("https://acme.example",)


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("acme.example", "no origin"),
        ("https://acme.example/", "without a path"),
        ("*", "whole label"),
        ("https://*", "whole label"),
        ("https://*.com", "whole label"),
        ("https://www.*.example.com", "whole label"),
        ("https://acme.example:99999", "65535"),
    ],
)
def test_a_wrong_origin_in_the_desk_file_is_explained(origin: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        chat.Config(name="site", origins=(origin,))


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json-seq", "multipart/form-data"])
def test_what_a_page_could_send_without_asking_is_no_json(content_type: str) -> None:
    with pytest.raises(Refused) as refused:
        chat.verify(CONFIG, Request(json.dumps(BODY).encode(), {"content-type": content_type}))
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"\xff", 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        ([BODY], 400, "not a JSON object"),
        ({**BODY, "visitor": None}, 422, "visitor is missing"),
        ({**BODY, "client_msg_id": "\0"}, 422, "client_msg_id is missing"),
        ({**BODY, "text": " \n"}, 422, "text is missing"),
        ({**BODY, "text": 5}, 422, "text is not a string"),
        ({**BODY, "visitor": "v" * 201}, 422, "at most 200"),
        ({**BODY, "client_msg_id": "c" * 201}, 422, "at most 200"),
        ({**BODY, "text": "t" * 10_001}, 422, "at most 10000"),
        ({**BODY, "name": {}}, 422, "name is not a string"),
    ],
)
def test_a_body_the_sender_can_put_right_is_refused_with_what_to_do(body: object, status: int, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        chat.verify(CONFIG, _request(body))
    assert refused.value.status == status


def test_what_is_just_short_enough_is_taken() -> None:
    chat.verify(CONFIG, _request({"visitor": "v" * 200, "client_msg_id": "c" * 200, "text": "t" * 10_000}))


def test_no_visitor_can_take_the_id_of_another_ones_message() -> None:
    ids = {
        chat.parse(json.dumps({"visitor": visitor, "client_msg_id": own, "text": "x"}).encode())[0].external_id
        for visitor, own in [("a", "b:c"), ("a:b", "c"), ("1:a", "b:c"), ("a:b:c", "d"), ("a", "b:c:d")]
    }
    assert len(ids) == 5


def test_an_address_a_visitor_typed_can_be_read_and_is_no_identity() -> None:
    message = chat.parse(json.dumps({**BODY, "name": "Ann", "email": "sona@acme.example"}).encode())[0]
    assert message.sender.id == "v1"
    assert message.sender.name == "Ann, says sona@acme.example"
