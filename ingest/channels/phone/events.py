"""What is told of a call, step by step; each is a message of its own, and a repetition of one has its id.

A call ends in one of these: somebody took it (told by the phone that was picked up, which knows whose it is), or it was missed
(told by the end of the ringing, by the desk that is closed or by the end of the call, whichever is heard first). A voicemail comes
besides.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from ingest.channel import Unreadable
from ingest.first_line import first_line
from ingest.payload import digest
from ingest.twilio import form
from tickets.message import Attachment, Call, InboundMessage, Sender

Told = Mapping[str, str]

_TAKEN: Final = frozenset({"completed", "answered"})
_FAILED: Final = frozenset({"no-answer", "busy", "failed", "canceled"})
_RINGING: Final = frozenset({"ringing", "in-progress", "queued", "initiated"})
_CALLER = re.compile(r"\+?[0-9]{3,20}|(?:sip|sips|client):[^\s]{1,200}")
# What Twilio writes for a caller who is not to be known: ANONYMOUS, RESTRICTED and so on, dialled on a phone's keys.
_WITHHELD: Final = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "+464"})


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message a step of a call is, nothing for a step that says nothing; raises `Unreadable`."""
    told = form(raw)
    call = told.get("CallSid", "")
    if not call:
        raise Unreadable("CallSid is missing: this tells of no call")
    said = _said(told, call)
    if said is None:
        return []
    caller = told.get("caller") or told.get("From") or told.get("Caller", "")
    known = _CALLER.fullmatch(caller) is not None and caller not in _WITHHELD
    whose = caller if known else told.get("ParentCallSid") or call  # two hidden callers are two people
    text: str = said.get("text", "")
    return [
        InboundMessage.model_validate(
            {
                "channel": "phone",
                "account": told.get("called") or told.get("To") or told.get("Called", ""),
                "conversation": whose,
                "sender": Sender(id=whose, name=told.get("CallerName", "") if known else "Anonymous caller"),
                "subject": first_line(text),
                "reply_text": text,
                "kind": "call",
                "department": told.get("department") or None,
                **said,
            }
        )
    ]


def _said(told: Told, call: str) -> dict[str, Any] | None:
    if told.get("RecordingUrl"):
        return _recording(told)
    if told.get("DialCallStatus"):
        return _rung(told, call)
    if told.get("step") == "closed":
        return _missed(told, call)
    if told.get("step") == "leg" or told.get("ParentCallSid"):
        return _picked_up(told, call)
    return _whole(told, call)


def _rung(told: Told, call: str) -> dict[str, Any] | None:
    """Return how the ringing ended; that somebody took it is told by the phone that was picked up, when we rang it."""
    if told["DialCallStatus"] not in _TAKEN:
        return _missed(told, call)
    if told.get("step") == "dialled":
        return None
    return _finished(told, told.get("DialCallSid") or f"{call}:dialled", _seconds(told, "DialCallDuration"))


def _picked_up(told: Told, call: str) -> dict[str, Any] | None:
    """Return how a call to one agent's phone ended; nothing when it only rang."""
    seconds = _seconds(told, "CallDuration")
    return _finished(told, call, seconds) if told.get("CallStatus") == "completed" and seconds else None


def _whole(told: Told, call: str) -> dict[str, Any] | None:
    """Return what the status of the caller's call says: that it begins, or that it ended before anybody answered."""
    status = told.get("CallStatus", "")
    if status in _FAILED or (status == "completed" and told.get("CallDuration") == "0"):
        return _missed(told, call)
    if status in _RINGING and not told.get("step"):
        return {"kind": "lifecycle", "external_id": call, "text": "Ringing", "call": Call(outcome="ringing")}
    return None


def _missed(told: Told, call: str) -> dict[str, Any]:
    """Return that nobody took it; how long it rang is known where we began it."""
    text = "Missed call"
    if told.get("step") == "closed":
        text = "Missed call, nobody was there to be rung"
    elif rang := _seconds(told, "at") - _seconds(told, "began") if told.get("began") else 0:
        text = f"Missed call, {spoken(max(0, rang))} ringing"
    return {"external_id": call, "text": text, "call": Call(outcome="missed")}


def _finished(told: Told, external_id: str, seconds: int) -> dict[str, Any]:
    agent = told.get("agent") or None
    text = f"Call{' with ' + agent if agent else ''}, {spoken(seconds)}"
    return {"external_id": external_id, "text": text, "call": Call(outcome="finished", seconds=seconds, agent=agent)}


def _recording(told: Told) -> dict[str, Any] | None:
    """Return a voicemail, or the recording of a call that somebody took."""
    url, seconds = told["RecordingUrl"], _seconds(told, "RecordingDuration")
    if told.get("RecordingStatus", "completed") != "completed":
        return None
    of_a_call = bool(told.get("DialCallStatus")) or told.get("RecordingSource", "").startswith("Dial")
    what = "Recording of the call" if of_a_call else "Voicemail"
    name = told.get("RecordingSid") or url.partition("?")[0].rpartition("/")[2] or digest(url)
    # Without an ending it is a WAV, ten times the size.
    file = url if re.search(r"\.(?:mp3|wav)(?:\?|$)", url) else f"{url}.mp3"
    sound = Attachment(
        filename=f"{what.lower().replace(' ', '-')}.{'wav' if '.wav' in file else 'mp3'}",
        content_type="audio/x-wav" if ".wav" in file else "audio/mpeg",
        type="audio",
        url=file if file.startswith("https://") else None,
    )
    return {
        "external_id": name,
        "text": f"{what}, {seconds // 60}:{seconds % 60:02}",
        "attachments": (sound,),
        "call": None if of_a_call else Call(outcome="voicemail", seconds=seconds),
    }


def _seconds(told: Told, name: str) -> int:
    value = told.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 12 else 0


def spoken(seconds: int) -> str:
    """Return a time as people read it: 3 min 20 s."""
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    named = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in named if number) or "0 s"
