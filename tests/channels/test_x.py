"""X: what only X has, beside its payloads and sending cases."""

import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingest.channel import Refused, Request
from ingest.channels import x
from ingest.cutting import weighed
from ingest.outbound import File, Outbound
from tests.channels import conformance, sending
from tickets.message import InboundMessage
from tickets.reply import Reply, Upload
from tickets.trouble import Permanent, failure

SETTINGS = {
    "name": "x",
    "type": "x",
    "paid_per_event": True,
    "consumer_secrets": ["env:CONSUMER"],
    "token": "env:X_TOKEN",
}
TOKEN = {"X_TOKEN": "secret-token-1"}


def config(base: str = "https://api.x.com") -> x.Config:
    return x.Config.model_validate({**SETTINGS, "base_url": base})


def read(name: str) -> list[InboundMessage]:
    return x.parse((conformance.FOLDER / "x" / f"{name}.json").read_bytes())


# --- what comes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [None, False, "yes"])
def test_nobody_pays_without_saying_so(said: object) -> None:
    with pytest.raises(ValidationError, match="paid_per_event"):
        x.Config.model_validate({**SETTINGS, "paid_per_event": said})


@given(token=st.text() | st.just('{"data": {}}') | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_answer_to_a_challenge_proves_a_delivery(token: str) -> None:
    sample = conformance.delivery("x")
    target = f"/in/x?crc_token={quote(token, errors='replace')}"
    with sample.environs():
        try:
            answer = x.handshake(config_of(sample), Request(b"", {}, method="GET", target=target))
        except Refused:
            return
        assert answer is not None
        signed = {"x-twitter-webhooks-signature": str(answer.body["response_token"])}
        with pytest.raises(Refused) as refused_too:
            x.verify(config_of(sample), replace(sample.request, raw=token.encode("utf-8", "replace"), headers=signed))
        assert refused_too.value.status == 401


def config_of(sample: conformance.Delivery) -> x.Config:
    assert isinstance(sample.config, x.Config)
    return sample.config


@pytest.mark.parametrize(("newer", "older"), [("dm", "dm_older_form"), ("mention", "older_mention")])
def test_what_comes_in_both_forms_is_one_message(newer: str, older: str) -> None:
    [one], [other] = read(newer), read(older)
    assert one.model_copy(update={"sent_at": other.sent_at}) == other


def test_a_post_that_mentions_and_answers_is_one_message() -> None:
    said = json.loads((conformance.FOLDER / "x" / "reply_that_mentions.json").read_text(encoding="utf-8"))
    [answer] = x.parse(json.dumps(said).encode())
    said["data"] |= {"event_type": "post.mention.create", "event_uuid": "another one"}
    assert x.parse(json.dumps(said).encode()) == [answer]


# --- what goes out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("Hello", 5),
        ("café", 4),
        ("“quoted” — so…", 15),
        ("日本", 4),
        ("👾", 2),
        ("see https://acme.example/a/very/long/path/of/more/than/twenty/three/signs", 27),
    ],
)
def test_a_post_weighs_what_x_documents(text: str, weight: int) -> None:
    assert x.calls.weight(text) == weight


@given(st.lists(st.sampled_from([*"ab. é日👾\u200d\n", "https://acme.example/orders "])).map("".join))
def test_every_piece_of_a_post_passes_xs_scales(text: str) -> None:
    assert all(x.calls.weight(piece) <= x.calls.MAX_POST for piece in weighed(text, x.calls.MAX_POST, x.calls.weight))


def test_an_image_of_more_than_five_megabytes_is_refused_before_anything_is_sent() -> None:
    image = Upload("a.png", "image/png", b"x" * (x.calls.MAX_IMAGE + 1))
    with pytest.raises(Permanent, match="5 MB") as refused:
        next(x.send(config(), Reply("k", "1", "dm:7", "7", "Hi", 0.0, (image,)), Outbound(resolve=_nowhere)))
    assert refused.value.kind == "too_long"


@pytest.mark.parametrize("to", ["", "7/../../tweets", "\u0667", "ann"])
def test_nobody_is_written_to_by_anything_but_an_id(to: str) -> None:
    with sending.environment(TOKEN), pytest.raises(Permanent) as refused:
        next(x.send(config(), Reply("k", "1", f"dm:{to}", to, "Hi", 0.0), Outbound(resolve=_nowhere)))
    assert refused.value.kind == "invalid"


def test_a_file_of_a_direct_message_is_asked_for_with_the_token() -> None:
    step = {
        "expect": {"method": "GET", "path": "/2/dm_conversations/media/11/22/oP5p-3_9h.jpg", "headers": {"authorization": "Bearer secret-token-1"}},
        "answer": {"headers": {"Content-Type": "image/jpeg"}, "text": "jpg"},
    }  # fmt: skip
    for host in ("ton.twitter.com/1.1/ton/data", "ton.x.com/i/ton/data"):
        with sending.platform([step]) as local, sending.environment(TOKEN):
            found = x.fetch(
                config(local.base), "1", f"https://{host}/dm/11/22/oP5p-3_9h.jpg", Outbound(own=(local.base,))
            )
            assert found == File(b"jpg", "image/jpeg")
            assert local.wrong == []


def test_any_other_file_is_fetched_without_the_token() -> None:
    step = {
        "expect": {"method": "GET", "path": "/ton.twitter.com/dm/1/2/a.jpg", "headers": {"authorization": None}},
        "answer": {"text": "x"},
    }
    with sending.platform([step]) as other, sending.environment(TOKEN):
        x.fetch(config(), "1", f"{other.base}/ton.twitter.com/dm/1/2/a.jpg", Outbound(own=(other.base,)))
        assert other.wrong == []


def _nowhere(host: str, port: int) -> list[str]:
    raise failure("unknown", f"{host}:{port} was asked, which must not happen")
