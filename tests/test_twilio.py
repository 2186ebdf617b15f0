"""Twilio's signature, against Twilio's own library, and its forms."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from twilio.request_validator import RequestValidator

from config.model import Secret
from ingest.channel import Refused, Request, Unreadable
from ingest.twilio import MOST_FIELDS, PublicUrl, form, verify

URL = "https://desk.acme.example/in/phone"
FORM = b"CallSid=CA1&From=%2B421900111222&Body=a%26b%3D%C5%88&Empty=&Body=twice"
FIELDS = {"CallSid": ["CA1"], "From": ["+421900111222"], "Body": ["a&b=\u0148", "twice"], "Empty": [""]}
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TOKENS = (Secret("env:OLD_TOKEN"), Secret("env:NEW_TOKEN"))


class Multi(dict[str, list[str]]):
    """What frameworks give Twilio's library: several values of a name."""

    def getall(self, name: str) -> list[str]:
        """Return them."""
        return self[name]


@pytest.fixture(autouse=True)
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD_TOKEN", "old")
    monkeypatch.setenv("NEW_TOKEN", "n\u00e9w")


def signed(url: str, token: str, raw: bytes = FORM, query: str = "") -> Request:
    signature = RequestValidator(token).compute_signature(url + query, Multi(FIELDS))
    return Request(raw, {"x-twilio-signature": signature}, target=f"/in/phone{query}")


@pytest.mark.parametrize("token", ["old", "n\u00e9w"])
@pytest.mark.parametrize("query", ["", "?step=dialled&agent=luca", "?a=%20b"])
@pytest.mark.parametrize("port", ["", ":443"])
def test_what_twilio_signs_with_any_of_the_tokens_is_taken(token: str, query: str, port: str) -> None:
    for ours in (URL, URL.replace(".example", ".example:443")):
        verify(ours, TOKENS, signed(URL.replace(".example", f".example{port}"), token, query=query))


def test_a_body_that_is_no_form_is_signed_by_its_digest_in_the_query_string() -> None:
    body = '{"Body": "Hello"}'
    query = f"?bodySHA256={RequestValidator('old').compute_hash(body)}"
    request = Request(
        body.encode(),
        {"x-twilio-signature": RequestValidator("old").compute_signature(URL + query, {})},
        target=f"/in/phone{query}",
    )
    verify(URL, TOKENS, request)
    with pytest.raises(Refused):
        verify(URL, TOKENS, replace(request, raw=request.raw + b" "))


def test_a_shared_key_signs_with_the_algorithm_its_header_names() -> None:
    signature = RequestValidator("old").compute_signature(URL, Multi(FIELDS), "HMAC_SHA256")
    settings = "key=webhooks_sharedkey_1, algorithm=HMAC_SHA256"
    headers = {"x-twilio-signature": signature, "x-twilio-webhooks-signature-settings": settings}
    request = Request(FORM, headers, target="/in/phone")
    verify(URL, TOKENS, request)
    with pytest.raises(Refused):
        verify(URL, TOKENS, replace(request, headers={"x-twilio-signature": signature}))


@pytest.mark.parametrize(
    "request_",
    [
        signed(URL, "another"),
        signed("https://evil.example/in/phone", "old"),
        signed("http://desk.acme.example/in/phone", "old"),
        signed(URL, "old", FORM + b"&Digits=1"),
        replace(signed(URL, "old"), target="/in/phone?step=leg"),
        Request(FORM, {}, target="/in/phone"),
        Request(b"&" * MOST_FIELDS, {"x-twilio-signature": ""}, target="/in/phone"),
    ],
    ids=["token", "host", "scheme", "form", "query", "no signature", "too many fields"],
)
def test_anything_else_is_refused(request_: Request) -> None:
    with pytest.raises(Refused) as refused:
        verify(URL, TOKENS, request_)
    assert refused.value.status == 401


def test_a_token_that_is_not_there_means_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEW_TOKEN")
    with pytest.raises(Refused) as refused:
        verify(URL, TOKENS, signed(URL, "old"))
    assert refused.value.status == 503


def test_the_first_of_a_name_counts_and_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert form(FORM)["Body"] == "a&b=\u0148"
    assert form(b"a=%FF+b&c") == {"a": "\ufffd b", "c": ""}


@given(st.lists(st.tuples(WORDS.filter(bool), WORDS), max_size=12), st.booleans())
def test_any_fields_are_signed_as_twilio_does(fields: list[tuple[str, str]], each_name_twice: bool) -> None:
    form = fields + [(name, f"{value}2") for name, value in fields] if each_name_twice else fields
    several = Multi({name: [value for other, value in form if other == name] for name, _ in form})
    signature = RequestValidator("old").compute_signature(URL, several)
    verify(URL, TOKENS, Request(urlencode(form).encode(), {"x-twilio-signature": signature}, target="/in/phone"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_unreadable(raw: bytes) -> None:
    try:
        form(raw)
    except Unreadable:
        assert raw.count(b"&") >= MOST_FIELDS


@pytest.mark.parametrize(
    "url",
    ["desk.acme.example/in/phone", "ftp://desk.acme.example/", "https:///in", f"{URL}?a=b", f"{URL}#a",
     "https://desk.acme.example:port/in", "https://[in/", "https://user:secret@desk.acme.example/in"],
)  # fmt: skip
def test_an_address_the_provider_cannot_have_been_told_is_a_mistake(url: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PublicUrl).validate_python(url)
