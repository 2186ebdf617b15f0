"""What is done with a call: the department's agents are rung all at once, else the caller hears why and may leave a message.

Vendor's document: Twilio, "TwiML Voice: <Dial>", "<Number>" and "<Record>". All that is written into TwiML is escaped, and of
what a caller sent nothing stands there but in the query string of our own URLs.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from config.desk import Agent
from ingest.arrival import Kept
from ingest.channel import Answer, Request
from ingest.channels.phone.config import Config, department_of
from ingest.twilio import NOTHING_TO_DO, form
from tickets.availability import Availability

MOST_PHONES: Final = 10
"""So many numbers Twilio rings at once."""
LONGEST_MESSAGE: Final = 180
SILENCE: Final = 8
"""After so many seconds without a word a message is over."""


def respond(config: Config, request: Request, kept: Sequence[Kept], present: Availability) -> Answer:  # noqa: ARG001  # the call, not its row, counts
    """Return what the provider is to do with the call at this step."""
    told, step = form(request.raw), request.query.get("step", "")
    department = request.query.get("department") or department_of(config, present.desk, told.get("To", ""))
    over = told.get("CallStatus") not in ("ringing", "in-progress")
    if step == "closed":
        return _document(_message(config, config.closed_text, department))
    if step == "dialled" and not over and told.get("DialCallStatus") not in ("completed", "answered"):
        return _document(_message(config, config.missed_text, department))
    if step in ("dialled", "voicemail"):
        return _document(_element("Hangup"))
    if step or over or told.get("ParentCallSid") or told.get("Direction", "inbound") != "inbound":
        return NOTHING_TO_DO
    phones = [agent for agent in present.agents(department) if agent.phone] if present.open(department, "phone") else []
    if not phones:
        again = _element("Redirect", escape(_url(config, "closed", department)), method="POST")
        return _document(again)  # so that the missed call is kept before the caller can hang up on the text
    return _document(_dial(config, request, department, phones[:MOST_PHONES]))


def _dial(config: Config, request: Request, department: str, agents: Sequence[Agent]) -> str:
    told = form(request.raw)
    who = {"caller": told.get("From", ""), "called": told.get("To", "")}
    numbers = "".join(
        _element(
            "Number",
            escape(agent.phone or ""),
            statusCallback=_url(config, "leg", department, agent=agent.id, **who),
            statusCallbackEvent="completed",
            statusCallbackMethod="POST",
        )
        for agent in agents
    )
    return _element(
        "Dial",
        numbers,
        action=_url(config, "dialled", department, began=str(int(request.at))),
        method="POST",
        timeout=str(config.ring_seconds),
        answerOnBridge="true",  # until then the call counts as ringing: who hangs up was not answered
        record="record-from-answer-dual" if config.record else "do-not-record",
    )


def _message(config: Config, text: str, department: str) -> str:
    said = _say(config, text)
    if not config.voicemail:
        return said + _element("Hangup")
    record = _element(
        "Record",
        action=_url(config, "voicemail", department),
        method="POST",
        maxLength=str(LONGEST_MESSAGE),
        timeout=str(SILENCE),
        playBeep="true",
    )
    return said + _say(config, config.voicemail_text) + record + _element("Hangup")


def _say(config: Config, text: str) -> str:
    voice = {"voice": config.voice} if config.voice else {}
    return _element("Say", escape(text), language=config.language, **voice) if text.strip() else ""


def _url(config: Config, step: str, department: str, **more: str) -> str:
    return f"{config.url}?{urlencode({'step': step, 'department': department, **more})}"


def _document(inside: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?><Response>{inside}</Response>'
    return Answer(text=text, media_type="text/xml")


def _element(name: str, inside: str = "", **attributes: str) -> str:
    """Return an element; `inside` is XML already, the attributes are not."""
    said = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{said}>{inside}</{name}>" if inside else f"<{name}{said}/>"
