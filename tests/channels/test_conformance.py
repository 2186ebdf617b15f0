"""Every module in `ingest/channels/` keeps the promises of a channel."""

import importlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.desk import ChannelConfig
from ingest.arrival import Kept
from ingest.channel import Refused, Request, Unreadable, find, posted_mail, takes_mail, words
from tests.channels import conformance, sending
from tickets.message import InboundMessage

each_channel = pytest.mark.parametrize("word", words())
each_http_channel = pytest.mark.parametrize("word", conformance.HTTP)
each_fixture = pytest.mark.parametrize(
    ("word", "path"), conformance.every_fixture(), ids=lambda value: value.stem if isinstance(value, Path) else value
)
searching = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

HOSTILE = (
    "",
    " ",
    "\xe9\xff",
    "\u0416\u20ac",
    "\ud800",
    "a\0b",
    "=" * 100,
    "sha256=",
    "x" * 100_000,
    "1e999",
    "null",
    "*",
)


@each_channel
def test_the_type_is_the_name_of_the_file(word: str) -> None:
    assert get_args(find(word).Config.model_fields["type"].annotation) == (word,)


@each_channel
def test_the_module_begins_with_a_sample_and_the_vendors_document(word: str) -> None:
    says = importlib.import_module(f"ingest.channels.{word}").__doc__ or ""
    assert "Vendor's document:" in says
    assert re.search(r"\n\n    \S.*\n", says), "no sample payload, indented by four"


@each_channel
def test_every_setting_is_described(word: str) -> None:
    config = find(word).Config
    own = {name: field for name, field in config.model_fields.items() if name not in ChannelConfig.model_fields}
    assert config.__doc__
    assert [name for name, field in own.items() if not field.description] == []


@each_channel
def test_there_are_payloads_to_try(word: str) -> None:
    assert conformance.fixtures(word)


@each_fixture
def test_a_payload_is_understood(word: str, path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    assert conformance.understood(find(word), path.read_bytes()) == expected


@each_fixture
def test_messages_of_one_payload_have_their_own_ids(word: str, path: Path) -> None:
    try:
        ids = [(message.kind, message.external_id) for message in find(word).parse(path.read_bytes())]
    except Unreadable:
        return
    assert len(set(ids)) == len(ids)


@each_channel
@searching
@given(data=st.data())
def test_any_bytes_become_messages_or_are_unreadable_and_always_the_same(word: str, data: st.DataObject) -> None:
    raw = data.draw(conformance.bytes_for(word))
    first = conformance.understood(find(word), raw)
    assert first == conformance.understood(find(word), raw)
    if isinstance(first, list):
        for message in find(word).parse(raw):
            assert message.channel == word
            assert message.external_id
            assert message.conversation
            _no_database_refuses(message)


def _no_database_refuses(message: InboundMessage) -> None:
    said = message.model_dump_json().encode("utf-8")
    assert b"\\u0000" not in said.replace(rb"\\", b"")


@each_http_channel
def test_a_genuine_delivery_is_taken(word: str) -> None:
    delivery = conformance.delivery(word)
    with delivery.environs():
        delivery.channel.verify(delivery.config, delivery.request)


@each_http_channel
def test_a_delivery_with_a_wrong_proof_is_refused_in_words(word: str) -> None:
    delivery = conformance.delivery(word)
    genuine = delivery.genuine_proof
    wrong: list[str | None] = [f"{genuine}x", genuine[:-1], *HOSTILE]
    with delivery.environs():
        for value in wrong if delivery.proof_may_be_missing else [*wrong, None]:
            with pytest.raises(Refused) as refused:
                delivery.channel.verify(delivery.config, delivery.with_proof(value))
            assert refused.value.status in (401, 403)
            assert len(str(refused.value).split()) > 3


@each_http_channel
def test_no_header_breaks_the_verification(word: str) -> None:
    delivery = conformance.delivery(word)
    with delivery.environs():
        for name in [*delivery.request.headers, "origin", "content-type", "x-forwarded-for"]:
            for value in (*HOSTILE, None):
                _taken_or_refused(delivery, delivery.with_header(name, value))


@each_http_channel
@searching
@given(data=st.data())
def test_no_body_breaks_the_verification(word: str, data: st.DataObject) -> None:
    delivery = conformance.delivery(word)
    with delivery.environs():
        _taken_or_refused(delivery, replace(delivery.request, raw=data.draw(conformance.bytes_for(word))))


def _taken_or_refused(delivery: conformance.Delivery, request: Request) -> None:
    try:
        delivery.channel.verify(delivery.config, request)
    except Refused as refused:
        assert 400 <= refused.status <= 503  # noqa: PT017  # not the subject: being taken is as good
        assert refused.status != 500  # noqa: PT017


@each_http_channel
def test_what_is_taken_can_be_read_unless_it_is_signed_and_broken(word: str) -> None:
    delivery = conformance.delivery(word)
    assert delivery.channel.parse(delivery.request.raw)


@each_http_channel
def test_a_channel_of_posted_mails_reads_them_without_headers_as_well_and_a_pipe_may_use_it(word: str) -> None:
    delivery = conformance.delivery(word)
    if (module := posted_mail(delivery.channel)) is None:
        return
    assert takes_mail(word)
    alone = [one.mime for one in module.mails(replace(delivery.request, headers={}))]
    assert alone == [one.mime for one in module.mails(delivery.request)] != []


@pytest.mark.parametrize("word", [word for word in conformance.HTTP if conformance.delivery(word).environment])
def test_a_missing_secret_means_come_back_later(word: str) -> None:
    delivery = conformance.delivery(word)
    with pytest.raises(Refused) as refused:
        delivery.channel.verify(delivery.config, delivery.request)
    assert refused.value.status == 503
    assert refused.value.retry_after
    for name in delivery.environment:
        assert name not in str(refused.value)


@pytest.mark.parametrize("word", [word for word in conformance.HTTP if conformance.delivery(word).environment])
def test_a_blank_secret_is_a_missing_one(word: str) -> None:
    delivery = conformance.delivery(word)
    with sending.environment(dict.fromkeys(delivery.environment, " \n")), pytest.raises(Refused) as refused:
        delivery.channel.verify(delivery.config, delivery.request)
    assert refused.value.status == 503


@each_http_channel
def test_a_repetition_gets_the_first_answer(word: str) -> None:
    channel = conformance.delivery(word).channel
    assert channel.answer([Kept(17, duplicate=False)]) == channel.answer([Kept(17, duplicate=True)])


@each_http_channel
def test_the_path_names_the_channel_and_the_body_has_a_limit(word: str) -> None:
    hook = conformance.delivery(word).channel.HOOK
    assert "{channel}" in hook.path
    assert 1024 <= hook.max_bytes <= 64 * 1024 * 1024
