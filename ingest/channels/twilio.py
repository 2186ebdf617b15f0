"""Twilio: text messages and WhatsApp messages to numbers of a Twilio account, one form per message.

    POST /in/twilio
    X-Twilio-Signature: <base64 of HMAC-SHA1 of the public URL and the sorted fields, with the auth token>
    Content-Type: application/x-www-form-urlencoded

    MessageSid=SM0000000000000000000000000000a001&AccountSid=AC0000000000000000000000000000a001
    &From=%2B4915550001111&To=%2B4930555000&Body=Hello&NumMedia=0

    200 <Response/>

Vendor's document: Twilio, "Twilio's request to your incoming message Webhook URL"
(https://www.twilio.com/docs/messaging/guides/webhook-request), "Webhooks security" and the "Messages resource". What became
of our messages comes to the same path: a form with `MessageStatus`. Twilio waits 15 seconds and repeats nothing by itself.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from config.desk import ChannelConfig
from config.model import Secrets
from ingest import twilio
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Request, Unreadable
from ingest.cutting import pieces
from ingest.first_line import first_line
from ingest.outbound import Answered, File, Outbound, origin, revealed
from ingest.payload import geo
from tickets.message import Attachment, AttachmentType, InboundMessage, Kind, Receipt, Sender, clean
from tickets.reply import Reply
from tickets.trouble import FailureKind, Permanent, Temporary, failure

HOOK = Hook("/in/{channel}", max_bytes=262_144)
LONGEST_TEXT = 1600
WINDOW_SECONDS = 24 * 3600.0
"""How long after a customer's message WhatsApp lets a business write freely."""
MOST_MEDIA = 50

_TWILIO = re.compile(r"https://api\.([a-z0-9-]+\.){0,2}twilio\.com")
_FAILURES: Mapping[str, FailureKind] = {
    "20003": "auth",  # the login is wrong
    "20429": "rate_limited",
    "14107": "rate_limited",
    "30001": "rate_limited",  # our own queue at Twilio is full
    "30003": "not_found",  # switched off or out of reach
    "30004": "blocked",
    "30005": "not_found",
    "30006": "not_found",  # a landline
    "30007": "blocked",  # filtered by the carrier
    "21211": "not_found",
    "21610": "blocked",  # they wrote STOP
    "21612": "not_found",
    "21614": "not_found",
    "21617": "too_long",
    "63003": "not_found",
    "63005": "invalid",
    "63013": "blocked",  # against WhatsApp's policy
    "63014": "blocked",
    "63016": "window_expired",
    "63018": "rate_limited",
    "63024": "not_found",
    "63032": "blocked",
    "63038": "rate_limited",  # the account's limit of a day
}
_WORDS: Mapping[FailureKind, str] = {
    "blocked": "the customer, their carrier or WhatsApp takes no messages from this number",
    "not_found": "this number cannot be reached",
    "window_expired": "WhatsApp takes answers for 24 hours after the customer's last message; wait until they write again",
    "rate_limited": "Twilio asks to send more slowly",
    "auth": "Twilio does not take our login; check account_sid and auth_tokens",
    "too_long": "Twilio takes no text as long as this",
    "invalid": "Twilio does not take the answer as it is",
    "transient": "Twilio has trouble of its own",
    "unknown": "Twilio did not take the answer",
}
_STATES: Mapping[str, Literal["sent", "delivered", "read", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}


class Config(ChannelConfig):
    """`type: twilio` — SMS, MMS and WhatsApp through a Twilio account."""

    type: Literal["twilio"] = "twilio"
    account_sid: str = Field(pattern=r"^AC[0-9a-f]{32}$", description="the account's SID, which is no secret")
    auth_tokens: Secrets = Field(
        description="its auth token; while it is changed two, and answers are sent with the first"
    )
    url: twilio.PublicUrl = Field(
        description="the public URL Twilio calls, exactly as it is set there; its signature covers it"
    )
    base_url: str = Field(default="https://api.twilio.com", description="only for a proxy or a test")


def verify(config: Config, request: Request) -> None:
    """Return when Twilio signed it for this channel's URL; raises `Refused`: 401 else, 503 when a token is not there."""
    twilio.verify(config.url, config.auth_tokens, request)


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the message or the receipt a form is; raises `Unreadable` when it is none.

    A receipt that says nothing yet (queued, sending) is no message.
    """
    said = {name: clean(value) for name, value in twilio.form(raw).items()}
    sid = _first(said, "MessageSid", "SmsMessageSid", "SmsSid")
    if not sid:
        raise Unreadable("MessageSid is missing; is this a form of Twilio's messaging webhooks?")
    status = _first(said, "MessageStatus", "SmsStatus").lower()
    if status in ("", "received", "receiving"):
        return [_message(sid, said)]
    return [_receipt(sid, status, said)] if status in _STATES else []


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # instructions in the answer would be carried out: none are
    """Return 200 and TwiML that sends nothing."""
    return twilio.NOTHING_TO_DO


def answer_until(config: Config, handle: Mapping[str, str], heard_at: float) -> float | None:  # noqa: ARG001  # the same for all
    """Return until when a customer may be answered: on WhatsApp for 24 hours after they wrote, by SMS for ever."""
    return heard_at + WINDOW_SECONDS if handle.get("via") == "whatsapp" else None


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send the text of an answer; raises like every channel, and `Permanent` (invalid) when there are files.

    Twilio fetches files from a public URL, and there is none for the files of a ticket.
    """
    if reply.attachments:
        names = ", ".join(one.filename for one in reply.attachments)
        raise failure("invalid", f"files cannot be sent through Twilio, and nothing was sent; leave out {names}")
    until = None if reply.heard_at is None else answer_until(config, reply.handle, reply.heard_at)
    if until is not None and reply.now > until:
        raise failure("window_expired", _WORDS["window_expired"])
    login = (config.account_sid, revealed(config.auth_tokens[0]))
    for text in pieces(reply.text, LONGEST_TEXT)[len(reply.done) :]:
        answered = out.call(
            "POST",
            f"{config.base_url.rstrip('/')}/2010-04-01/Accounts/{config.account_sid}/Messages.json",
            form={"To": reply.to, "From": reply.account, "Body": text, "StatusCallback": config.url},
            login=login,
        )
        if not answered.ok:
            raise _refusal(answered)
        sid = answered.json.get("sid")
        yield sid if isinstance(sid, str) else ""


def fetch(config: Config, account: str, url: str, out: Outbound) -> File:  # noqa: ARG001  # one login for all numbers
    """Return the file behind a MediaUrl: Twilio wants our login and redirects to where the file lies; raises like `send`."""
    place = origin(url)
    if place != origin(config.base_url) and _TWILIO.fullmatch(place) is None:
        return out.file(url)
    return out.file(url, login=(config.account_sid, revealed(config.auth_tokens[0])))


def _first(said: Mapping[str, str], *names: str) -> str:
    return next((value for name in names if (value := said.get(name, "").strip())), "")


def _message(sid: str, said: Mapping[str, str]) -> InboundMessage:
    sender, user = _first(said, "From", "ExternalUserId", "WaId"), _first(said, "ExternalUserId")
    sender += user if sender.endswith(":") else ""  # whatsapp: and no number, of who hides it
    attachments = (*_media(said), *_place(said))
    payload = _first(said, "ButtonPayload", "ListId")
    text = said.get("Body", "") if _first(said, "Body") else ""
    kind: Kind = "postback" if payload else "message"
    if not text:
        text = _first(said, "ButtonText", "ListTitle") or "\n".join(filter(None, map(said.get, ("Label", "Address"))))
    if not text and not attachments:
        kind, text = "unsupported", f"[unsupported: {_first(said, 'MessageType') or 'empty message'}]"
    via, prefixed, _ = sender.partition(":")
    handle = {"via": via if prefixed else "", "user_id": user if not sender.endswith(user) else ""}
    came = _first(said, "ReferralHeadline"), _first(said, "ReferralSourceUrl", "ReferralSourceId")
    facts = {
        "referral": " ".join(filter(None, came)),
        "payload": payload,
        "opt_out": _first(said, "OptOutType"),
        "forwarded": "yes" if "true" in (said.get("Forwarded"), said.get("FrequentlyForwarded")) else "",
    }
    return InboundMessage(
        channel="twilio",
        account=_first(said, "To"),
        external_id=sid,
        conversation=sender or sid,
        sender=Sender(id=sender, name=_first(said, "ProfileName")),
        subject=first_line(text),
        text=text,
        reply_text=text,
        attachments=attachments,
        kind=kind,
        in_reply_to=_first(said, "OriginalRepliedMessageSid") or None,
        handle={name: value for name, value in handle.items() if value},
        fields={name: value for name, value in facts.items() if value},
    )


def _receipt(sid: str, status: str, said: Mapping[str, str]) -> InboundMessage:
    """Return what became of a message of ours; here From is our number and To the customer's."""
    code = _first(said, "ErrorCode")
    failed = _STATES[status] == "failed"
    customer = _first(said, "To")
    return InboundMessage(
        channel="twilio",
        account=_first(said, "From"),
        external_id=f"{sid}:{status}",
        conversation=customer or sid,
        sender=Sender(id=customer),
        kind="receipt",
        receipt=Receipt(
            state=_STATES[status],
            ids=(sid,),
            error=" ".join(filter(None, (code or status, _first(said, "ErrorMessage", "ChannelStatusMessage"))))
            if failed
            else "",
            failure=_FAILURES.get(code, "unknown") if failed else None,
        ),
    )


def _media(said: Mapping[str, str]) -> Iterator[Attachment]:
    for place in range(MOST_MEDIA):
        if not (url := _first(said, f"MediaUrl{place}")):
            continue
        mime = _first(said, f"MediaContentType{place}").partition(";")[0].strip().lower()
        content_type = mime or "application/octet-stream"
        yield Attachment(content_type=content_type, type=_type(content_type, said.get("MessageType")), url=url)


def _type(content_type: str, message_type: str | None) -> AttachmentType:
    main: Mapping[str, AttachmentType] = {"image": "image", "video": "video", "audio": "audio"}
    if message_type == "sticker":
        return "sticker"
    if content_type.endswith("vcard"):
        return "contact"
    return main.get(content_type.partition("/")[0], "file")


def _place(said: Mapping[str, str]) -> Iterator[Attachment]:
    if url := geo(said, "Latitude", "Longitude"):
        yield Attachment(filename=_first(said, "Label"), content_type="text/plain", type="location", url=url)


def _refusal(answered: Answered) -> Temporary | Permanent:
    """Return the failure that an answer of Twilio's means, by its code, else by its HTTP status."""
    code = str(answered.json.get("code", ""))
    kind = _FAILURES.get(code)
    if kind is None:
        by_status: Mapping[int, FailureKind] = {400: "invalid", 401: "auth", 403: "auth", 429: "rate_limited"}
        kind = "transient" if answered.status >= 500 else by_status.get(answered.status, "unknown")
    return failure(
        kind, f"{_WORDS[kind]} ({f'error {code}' if code else f'HTTP {answered.status}'})", answered.retry_after
    )
