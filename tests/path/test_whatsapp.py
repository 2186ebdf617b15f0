"""Conversations over WhatsApp and by SMS, from the customer's words to what becomes of the answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from router.hand import CannotActError
from tests.channels.sending import Platform
from tests.path.answering import NOON, Answering, scripted, talking
from tickets.schema import identities, tickets
from tickets.store import Store

NUMBER, ANN = "1065", "4915550001111"
SID = f"AC{'0' * 32}"
CHANNELS = f"""
  - name: whatsapp
    type: whatsapp
    app_secrets: env:APP_SECRET
    verify_tokens: env:VERIFY
    numbers: {{{NUMBER}: env:TOKEN}}
    base_url: <BASE>
  - name: sms
    type: twilio
    account_sid: {SID}
    auth_tokens: env:TOKEN
    url: https://desk.acme.example/in/sms
    base_url: <BASE>"""


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("TOKEN", "t0ken")
    with scripted() as made:
        yield made


@pytest.fixture
def front(store: Store, tmp_path: Path, local: Platform) -> Answering:
    return talking(store, tmp_path / "out", local, CHANNELS)


def said(field: str = "messages", **what: Any) -> bytes:
    """Return a delivery with one thing in it, such as a message, to our number."""
    [(name, one)] = what.items()
    value = {"metadata": {"phone_number_id": NUMBER}, name: [{"timestamp": str(int(NOON)), **one}]}
    changes = [{"field": field, "value": value}]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": changes}]}).encode()


def written(number: str, text: str, **more: Any) -> bytes:
    """Return a delivery with Ann's words."""
    return said(messages={"from": ANN, "id": f"wamid.{number}", "type": "text", "text": {"body": text}, **more})


def sms(**form: str) -> bytes:
    """Return what Twilio posts."""
    return urlencode({"MessageSid": "SM1", "From": f"+{ANN}", "To": "+4930", **form}).encode()


def taken(local: Platform, text: str) -> None:
    """Let WhatsApp expect an answer to Ann's first message, and call it wamid.B1."""
    body = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": ANN,
        "type": "text",
        "text": {"body": text, "preview_url": False},
        "context": {"message_id": "wamid.A1"},
    }
    expect = {"method": "POST", "path": f"/v25.0/{NUMBER}/messages", "json": body}
    local.script.append({"expect": expect, "answer": {"json": {"messages": [{"id": "wamid.B1"}]}}})


def test_an_answer_goes_back_quoting_and_its_receipts_stand_on_it(front: Answering, local: Platform) -> None:
    number = front.payload("whatsapp", written("A1", "Where is my parcel?")).ticket
    assert number is not None
    taken(local, "It is on its way.")
    front.answer(number)
    front.deliver()
    assert front.last(number)["state"] == "sent"
    for state in ("sent", "read", "delivered"):
        front.payload("whatsapp", said(statuses={"id": "wamid.B1", "status": state, "recipient_id": ANN}))
    assert front.last(number)["state"] == "read"
    reply = {"context": {"id": "wamid.B1"}}
    assert front.payload("whatsapp", written("A2", "Thanks", **reply)).ticket == number


def test_a_message_that_fails_later_is_told_in_the_ticket(front: Answering, local: Platform) -> None:
    number = front.payload("whatsapp", written("A1", "Where is my parcel?")).ticket
    assert number is not None
    taken(local, "Hello")
    front.answer(number, text="Hello")
    front.deliver()
    errors = [{"code": 131047, "title": "Re-engagement message"}]
    front.payload("whatsapp", said(statuses={"id": "wamid.B1", "status": "failed", "errors": errors}))
    assert front.last(number)["state"] == "failed"


def test_what_is_written_in_the_business_app_stands_in_the_ticket_as_the_businesss(front: Answering) -> None:
    number = front.payload("whatsapp", written("A1", "Where is my parcel?")).ticket
    assert number is not None
    echo = {"from": "4930", "to": ANN, "id": "wamid.E1", "type": "text", "text": {"body": "Here it is"}}
    assert front.payload("whatsapp", said("smb_message_echoes", message_echoes=echo)).ticket == number
    assert (front.last(number)["kind"], front.last(number)["text"]) == ("echo", "Here it is")


def test_what_is_deleted_reacted_to_and_edited_is_the_message_it_names(front: Answering) -> None:
    number = front.payload("whatsapp", written("A1", "My card is 4000 …")).ticket
    assert number is not None
    about = {"original_message_id": "wamid.A1"}
    reaction = {"message_id": "wamid.A1", "emoji": "🙈"}
    edit = {**about, "message": {"type": "text", "text": {"body": "My card is lost"}}}
    for place, (kind, what) in enumerate({"reaction": reaction, "revoke": about, "edit": edit}.items()):
        done = front.payload(
            "whatsapp", said(messages={"from": ANN, "id": f"wamid.A2{place}", "type": kind, kind: what})
        )
        assert done.ticket == number
    first, edited = front.ticket(number)["entries"]
    assert (first["deleted_at"] is not None, first["facts"]["reactions"]) == (True, {ANN: "🙈"})
    assert (edited["kind"], edited["text"]) == ("edit", "My card is lost")


def test_an_sms_is_answered_and_after_stop_the_answer_is_blocked(front: Answering, local: Platform) -> None:
    number = front.payload("sms", sms(Body="Where is my parcel?")).ticket
    assert number is not None
    form = [
        ["To", f"+{ANN}"],
        ["From", "+4930"],
        ["Body", "Hello"],
        ["StatusCallback", "https://desk.acme.example/in/sms"],
    ]
    expect = {"method": "POST", "path": f"/2010-04-01/Accounts/{SID}/Messages.json", "form": form}
    local.script.append({"expect": expect, "answer": {"status": 201, "json": {"sid": "SM2"}}})
    front.answer(number, text="Hello")
    front.deliver()
    front.payload("sms", sms(MessageSid="SM2", From="+4930", To=f"+{ANN}", MessageStatus="delivered"))
    assert front.last(number)["state"] == "delivered"
    assert front.payload("sms", sms(MessageSid="SM3", Body="Stop", OptOutType="STOP")).ticket == number
    local.script.append({"expect": expect, "answer": {"status": 400, "json": {"code": 21610}}})
    front.answer(number, text="Hello")
    front.deliver()
    assert front.last(number)["state"] == "failed"


def test_an_sms_and_a_whatsapp_message_of_one_number_are_two_tickets(front: Answering) -> None:
    one = front.payload("sms", sms(Body="Hello by SMS")).ticket
    other = front.payload(
        "sms", sms(MessageSid="SM2", From=f"whatsapp:+{ANN}", To="whatsapp:+4930", Body="Hello")
    ).ticket
    assert other not in (None, one)


def test_the_time_to_answer_is_counted_on_whatsapp_and_not_for_an_sms(front: Answering) -> None:
    one = front.payload("sms", sms(Body="Hello by SMS")).ticket
    other = front.payload("sms", sms(MessageSid="SM2", From=f"whatsapp:+{ANN}", Body="Hello")).ticket
    assert one is not None
    assert other is not None
    front.now += 86_500
    front.answer(one)
    with pytest.raises(CannotActError, match="lets us answer only until"):
        front.answer(other)


def test_a_customer_who_stops_showing_the_number_stays_the_same_person_in_the_same_ticket(front: Answering) -> None:
    first = front.payload("whatsapp", written("A1", "Where is my parcel?", from_user_id="DE.1349")).ticket
    hidden = {"from_user_id": "DE.1349", "id": "wamid.A2", "type": "text", "text": {"body": "Hello?"}}
    assert front.payload("whatsapp", said(messages=hidden)).ticket == first is not None
    front.set(first, status="closed")
    second = front.payload("whatsapp", said(messages={**hidden, "id": "wamid.A3"})).ticket
    assert second != first
    with front.store.read() as connection:
        [contact] = set(connection.scalars(select(tickets.c.contact_id)))
        known = set(connection.scalars(select(identities.c.value).where(identities.c.contact_id == contact)))
    assert known == {ANN, "DE.1349"}
