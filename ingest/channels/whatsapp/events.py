"""What a delivery of the Cloud API holds: every message, echo, receipt and call of every change of every entry."""

import json
from collections.abc import Iterator, Mapping
from typing import Literal

from ingest.channel import Unreadable
from ingest.channels.whatsapp.content import Content, content
from ingest.channels.whatsapp.errors import MEANINGS
from ingest.channels.whatsapp.people import People, Person, id_of, people
from ingest.first_line import first_line
from ingest.payload import Fields, digest, moment, opened, part, parts, word
from tickets.message import Call, InboundMessage, Receipt, Sender

_STATES: Mapping[str, Literal["sent", "delivered", "read", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}
_FAILURES = {str(code): kind for code, (kind, _) in MEANINGS.items()}


def parse(raw: bytes) -> list[InboundMessage]:
    """Return every message of a delivery, in order; raises `Unreadable`.

    What the business is told about itself (its templates, its account, chats of old) is nobody's message and left out.
    """
    said = opened(raw)
    if (what := said.get("object")) != "whatsapp_business_account":
        raise Unreadable(
            f"its object is {str(what)[:40]!r}, not whatsapp_business_account; is this WhatsApp's webhook?"
        )
    changes = [change for entry in parts(said, "entry") for change in parts(entry, "changes")]
    known = people(part(change, "value") for change in changes)
    try:
        return [message for change in changes for message in _change(change, known)]
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None


def _change(change: Fields, known: People) -> Iterator[InboundMessage]:
    field, value = word(change, "field"), part(change, "value")
    account = id_of(part(value, "metadata"), "phone_number_id")
    if field in ("messages", ""):
        alone = _alone(value, known)
        for message in parts(value, "messages"):
            yield _message(account, message, known, alone)
        for status in parts(value, "statuses"):
            yield from _receipt(account, status, known)
    elif field in ("smb_message_echoes", "message_echoes"):
        for echo in parts(value, "message_echoes"):
            yield _echo(account, echo, known)
    elif field == "calls":
        for call in parts(value, "calls"):
            yield from _call(account, call, known)
    elif field == "user_id_update":
        for update in parts(value, "user_id_update"):
            yield _renamed(account, update, known)


def _alone(value: Fields, known: People) -> Person:
    """Return the only person a change speaks of, for messages that do not say whose they are."""
    contacts = parts(value, "contacts")
    return _person(contacts[0], known, "wa_id", "user_id") if len(contacts) == 1 else Person()


def _person(holder: Fields, known: People, number: str, user_id: str) -> Person:
    return known.find(id_of(holder, number), id_of(holder, user_id))


def _message(account: str, message: Fields, known: People, alone: Person) -> InboundMessage:
    said = content(message)
    person = _person(message, known, "from", "from_user_id")
    if not person.id and said.kind == "lifecycle":
        person = _person(part(message, "system"), known, "", "previous_user_id")
    return _entry(account, message, said, person if person.id else alone)


def _entry(account: str, message: Fields, said: Content, person: Person) -> InboundMessage:
    """Return what a person wrote, or did to what they wrote."""
    number = id_of(message, "id") or _serial(account, message)
    context, group = part(message, "context"), id_of(message, "group_id")
    known = {"user_id": person.user_id if person.number else "", "group_id": group}
    return InboundMessage(
        channel="whatsapp",
        account=account,
        external_id=number,
        conversation=group or person.conversation or number,
        sender=Sender(id=person.id, name=person.name),
        subject=first_line(said.text) if said.kind != "reaction" else "",
        text=said.text,
        reply_text=said.text,
        attachments=said.attachments,
        kind=said.kind,
        in_reply_to=said.about or id_of(context, "id") or None,
        sent_at=moment(message.get("timestamp")),
        handle={name: value for name, value in known.items() if value},
        fields={**said.fields, **_facts(context), **_referral(part(message, "referral"))},
        aliases=(person.user_id,) if person.number and person.user_id and not group else (),
    )


def _referral(referral: Fields) -> dict[str, str]:
    """Return the advertisement or post that a customer came from."""
    words = " ".join(filter(None, (word(referral, "headline"), word(referral, "source_url", "source_id"))))
    return {"referral": words} if words else {}


def _facts(context: Fields) -> dict[str, str]:
    forwarded = context.get("forwarded") is True or context.get("frequently_forwarded") is True
    product = id_of(part(context, "referred_product"), "product_retailer_id")
    return {**({"forwarded": "yes"} if forwarded else {}), **({"product": product} if product else {})}


def _echo(account: str, echo: Fields, known: People) -> InboundMessage:
    """Return what the business wrote in the WhatsApp Business app, or did there to a message of its own."""
    said = content(echo)
    instead = {"delete": "[deleted]", "reaction": "[reaction removed]"}.get(said.kind, "")
    said = Content(said.text or instead, said.attachments, "echo", said.about, said.fields)
    customer = _person(echo, known, "to", "to_user_id")
    business = Sender(id=id_of(echo, "from"))
    return _entry(account, echo, said, customer).model_copy(update={"sender": business, "handle": {}, "aliases": ()})


def _receipt(account: str, status: Fields, known: People) -> Iterator[InboundMessage]:
    """Return what became of a message of ours; a voice message that was played was read."""
    number, state = id_of(status, "id"), word(status, "status")
    if not number or state not in _STATES:
        return
    error = next(iter(parts(status, "errors")), {})
    code = id_of(error, "code")
    details = word(part(error, "error_data"), "details") or word(error, "title", "message")
    failed = _STATES[state] == "failed"
    person = _person(status, known, "recipient_id", "recipient_user_id")
    participant = id_of(status, "recipient_participant_id", "recipient_participant_user_id")
    yield InboundMessage(
        channel="whatsapp",
        account=account,
        external_id=":".join(filter(None, (number, state, participant))),
        conversation=person.conversation or number,
        sender=Sender(id=participant or person.id),
        kind="receipt",
        sent_at=moment(status.get("timestamp")),
        receipt=Receipt(
            state=_STATES[state],
            ids=(number,),
            error=(" ".join(filter(None, (code, details))) or "failed") if failed else "",
            failure=_FAILURES.get(code, "unknown") if failed else None,
        ),
    )


def _call(account: str, call: Fields, known: People) -> Iterator[InboundMessage]:
    """Return a customer's call once it is over: nobody can take it here, but somebody wanted something."""
    if word(call, "event") != "terminate" or word(call, "direction") != "USER_INITIATED":
        return
    seconds = id_of(call, "duration")
    talked = int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 7 else 0
    said = Content(f"[call of {talked} seconds]" if talked else "[missed call]", kind="call")
    what = Call(outcome="finished" if talked else "missed", seconds=talked)
    person = _person(call, known, "from", "from_user_id")
    yield _entry(account, call, said, person).model_copy(update={"call": what})


def _renamed(account: str, update: Fields, known: People) -> InboundMessage:
    """Return that a person has another user id from now on, as happens when they change their number."""
    ids = part(update, "user_id")
    old, new = id_of(ids, "previous"), id_of(ids, "current")
    said = Content(f"[user_id_update] {old} → {new}", kind="lifecycle")
    return _entry(account, update, said, known.find(id_of(update, "wa_id"), old))


def _serial(*what: object) -> str:
    return digest(json.dumps(what, sort_keys=True))
