"""Phone: calls to numbers at Twilio, or at a provider that is compatible; the agents who are there are rung, all at once.

    POST /in/phone
    X-Twilio-Signature: <HMAC-SHA1 of the URL and the form, base64>

    CallSid=CA7f1a&From=%2B421900111222&To=%2B421222333444&CallStatus=ringing&Direction=inbound

    200 <Response><Dial timeout="30" action="https://desk.acme.example/in/phone?step=dialled&amp;…">
          <Number statusCallback="https://desk.acme.example/in/phone?step=leg&amp;agent=luca&amp;…">+421905000001</Number>
        </Dial></Response>

Vendor's document: Twilio, "TwiML for Programmable Voice" (https://www.twilio.com/docs/voice/twiml), its `<Dial>`, `<Number>` and
`<Record>`, and "Webhooks security". `events.py` reads what is told of a call, `answering.py` says what is done with it.

Every step of a call is a request of its own, to this channel's `url` with a query string that we gave away and that Twilio
signs: it says which step it is, which department was rung and whose phone. It is kept behind the form.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Request
from ingest.channels.phone.answering import respond
from ingest.channels.phone.config import Config, check
from ingest.channels.phone.events import parse
from ingest.channels.phone.recording import fetch
from ingest.twilio import NOTHING_TO_DO, form
from ingest.twilio import verify as verify_signature

__all__ = ["HOOK", "Config", "answer", "check", "fetch", "parse", "respond", "verify", "whole"]

HOOK = Hook("/in/{channel}", max_bytes=65_536)


def verify(config: Config, request: Request) -> None:
    """Return when Twilio posted it to the channel's `url`; raises `Refused`: 401, or 503 when a token is not there."""
    verify_signature(config.url, config.auth_tokens, request)


def whole(config: Config, request: Request) -> bytes:
    """Return the form and behind it what stands in the URL, the called number's department, and when it came (`at`, Unix)."""
    told = form(request.raw)
    more = {"department": config.numbers.get(told.get("To", ""), ""), "at": str(int(request.at))}
    query = request.target.partition("?")[2].encode("latin-1", "replace")
    return b"&".join((request.raw, query, urlencode(more).encode()))


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # what is done with a call depends on who is there: `respond`
    """Return the answer that does nothing."""
    return NOTHING_TO_DO
