"""Calls, as a caller and the agents live through them: who is rung, what is heard, and what stands in the ticket."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

import pytest
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Dial, VoiceResponse

from config.desk import Desk
from ingest.channel import Refused, Request, WebChannel, check, find
from ingest.channels import phone
from ingest.channels.phone.events import spoken
from ingest.fetch import Fetcher
from ingest.outbound import Outbound
from ingest.webhook import arrivals
from router.reading import read
from tests import desks
from tests.channels import sending
from tickets.availability import Availability
from tickets.message import InboundMessage
from tickets.trouble import Permanent, Temporary

AT = 1795348800  # a Sunday noon in UTC
URL = "https://desk.acme.example/in/phone"
PHONE = cast(WebChannel, find("phone"))
DESK = """
desk: {{name: Acme Support, domain: support.acme.example}}
agents:
  - {{id: sona, name: Sona, email: sona@acme.example, phone: "+421905000001"}}
  - {{id: luca, name: Luca, email: luca@acme.example, phone: "+421905000002"}}
  - {{id: mia, name: Mia, email: mia@acme.example}}
calendars:
  - {{id: weekdays, hours: {{mon-fri: ["08:00-17:00"]}}}}
departments:
  - {{id: general, name: General, agents: all, availability: {{phone: weekdays}}}}
  - {{id: billing, name: Billing & "Money", agents: [sona, luca, mia]}}
channels:
  - name: phone
    type: phone
    url: {url}
    auth_tokens: ["env:TWILIO_TOKEN"]
    numbers: {{"+421222333444": billing}}
{more}
notifiers:
  email: {{from: desk@support.acme.example}}
"""


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_TOKEN", "t0ken")


def desk(**settings: str) -> Desk:
    more = "\n".join(f"    {name}: {value}" for name, value in settings.items())
    return desks.desk(DESK.format(url=URL, more=more))


@dataclass
class Provider:
    """Twilio, as far as a call needs it: it posts, signs, and does what the answer says."""

    desk: Desk
    away: frozenset[str] = frozenset()
    caller: str = "+421900111222"
    called: str = "+421222333444"
    kept: dict[str, InboundMessage] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    now: int = AT

    @property
    def config(self) -> phone.Config:
        """The channel."""
        return cast(phone.Config, self.desk.channels_by_name["phone"])

    def post(self, url: str = URL, **form: str) -> ET.Element:
        """Post a form of the caller's call, or another one's, twice as it may happen, and return what is to be done."""
        said = {"CallSid": "CA1", "From": self.caller, "To": self.called, "Direction": "inbound", **form}
        signature = RequestValidator("t0ken").compute_signature(url, said)
        target = url.removeprefix("https://desk.acme.example")
        request = Request(urlencode(said).encode(), {"x-twilio-signature": signature}, self.now, target=target)
        for _ in range(2):
            found = asyncio.run(arrivals(PHONE, self.config, request, Fetcher()))
            for one in found:
                row = type(
                    "Row", (), {"raw": one.raw, "part": one.part, "meta": '{"type": "phone"}', "channel": "phone"}
                )
                self.kept.setdefault(one.external_id, read(row, self.desk, None).message)  # type: ignore[arg-type]
        answer = phone.respond(self.config, request, [], Availability(self.desk, self.away, self.now))
        assert answer.media_type == "text/xml"
        assert answer.text is not None
        document = ET.fromstring(answer.text)
        assert document.tag == "Response"
        redirected = document.find("Redirect")
        if redirected is not None:
            return self.post(redirected.text or "", CallStatus=form["CallStatus"])
        self.heard += [said.text or "" for said in document.iter("Say")]
        return document

    def calls(self) -> list[tuple[str, Any, str | None]]:
        """Return what would stand in the ticket: the words, the outcome, who took it."""
        said = [message for message in self.kept.values() if message.kind == "call"]
        return [(one.text, getattr(one.call, "outcome", None), getattr(one.call, "agent", None)) for one in said]


def rung(document: ET.Element) -> dict[str, Mapping[str, str]]:
    """Return the numbers that are rung, with their attributes."""
    return {number.text or "": number.attrib for number in document.iter("Number")}


def test_the_phones_of_all_who_are_there_ring_at_once_and_whoever_takes_it_stands_in_the_ticket() -> None:
    twilio = Provider(desk(ring_seconds="20"))
    document = twilio.post(CallStatus="ringing")
    phones = rung(document)
    assert [*phones] == ["+421905000001", "+421905000002"]
    dial = document.find("Dial")
    assert dial is not None
    assert (dial.get("timeout"), dial.get("answerOnBridge"), dial.get("record")) == ("20", "true", "do-not-record")
    twilio.now += 215
    leg = {"ParentCallSid": "CA1", "Direction": "outbound-dial", "From": twilio.called}
    lost = phones["+421905000001"]["statusCallback"]
    twilio.post(lost, **{**leg, "CallSid": "CA2", "CallStatus": "no-answer", "CallDuration": "0"})
    won = phones["+421905000002"]["statusCallback"]
    twilio.post(won, **{**leg, "CallSid": "CA3", "CallStatus": "completed", "CallDuration": "200"})
    ended = twilio.post(dial.get("action") or "", CallStatus="completed", DialCallStatus="completed", DialCallSid="CA3")
    assert [one.tag for one in ended] == ["Hangup"]
    assert list(twilio.post(CallStatus="completed", CallDuration="215")) == []
    assert twilio.calls() == [("Call with luca, 3 min 20 s", "finished", "luca")]
    taken = twilio.kept["call:CA3"]
    assert (taken.conversation, taken.account, taken.department) == ("+421900111222", "+421222333444", "billing")
    assert twilio.kept["lifecycle:CA1"].call is not None


def test_what_is_answered_is_what_twilios_library_would_write() -> None:
    twilio = Provider(desk(voicemail_text='"Beep & go"', voice="Polly.Amy"))
    rings = VoiceResponse()
    dial = Dial(
        action=f"{URL}?step=dialled&department=billing&began={AT}", method="POST", timeout=30, answer_on_bridge=True,
        record="do-not-record",
    )  # fmt: skip
    for agent, number in (("sona", "+421905000001"), ("luca", "+421905000002")):
        query = f"step=leg&department=billing&agent={agent}&caller=%2B421900111222&called=%2B421222333444"
        dial.number(
            number, status_callback=f"{URL}?{query}", status_callback_event="completed", status_callback_method="POST"
        )
    rings.append(dial)
    assert same(twilio.post(CallStatus="ringing"), rings)
    missed = VoiceResponse()
    missed.say("Nobody can take your call right now.", language="en-GB", voice="Polly.Amy")
    missed.say("Beep & go", language="en-GB", voice="Polly.Amy")
    missed.record(
        action=f"{URL}?step=voicemail&department=billing", method="POST", max_length=180, timeout=8, play_beep=True
    )
    missed.hangup()
    action = f"{URL}?step=dialled&department=billing&began={AT}"
    assert same(twilio.post(action, CallStatus="in-progress", DialCallStatus="no-answer"), missed)


def same(ours: ET.Element, theirs: VoiceResponse) -> bool:
    return ET.canonicalize(ET.tostring(ours)) == ET.canonicalize(str(theirs))


def test_a_caller_nobody_takes_may_leave_a_message_and_both_stand_in_the_ticket_once() -> None:
    twilio = Provider(desk())
    dial = twilio.post(CallStatus="ringing").find("Dial")
    assert dial is not None
    twilio.now += 24
    document = twilio.post(dial.get("action") or "", CallStatus="in-progress", DialCallStatus="no-answer")
    record = document.find("Record")
    assert record is not None
    assert twilio.heard == ["Nobody can take your call right now.", "Please leave a message after the tone."]
    sound = {"RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", "RecordingSid": "RE1"}
    action = record.get("action") or ""
    done = twilio.post(action, CallStatus="completed", RecordingDuration="42", **sound)
    assert [one.tag for one in done] == ["Hangup"]
    twilio.post(CallStatus="completed", CallDuration="90")
    assert twilio.calls() == [("Missed call, 24 s ringing", "missed", None), ("Voicemail, 0:42", "voicemail", None)]
    assert {one.conversation for one in twilio.kept.values()} == {"+421900111222"}


def test_a_caller_who_hangs_up_while_it_rings_was_missed_once_whichever_is_heard_first() -> None:
    for first_is_the_end in (True, False):
        twilio = Provider(desk())
        dial = twilio.post(CallStatus="ringing").find("Dial")
        assert dial is not None
        ends = [(URL, {"CallStatus": "no-answer", "CallDuration": "0"}),
                (dial.get("action") or "", {"CallStatus": "no-answer", "DialCallStatus": "canceled"})]  # fmt: skip
        for url, form in ends if first_is_the_end else ends[::-1]:
            assert twilio.post(url, **form).find("Record") is None
        [(words, outcome, _)] = twilio.calls()
        assert (words.partition(",")[0], outcome) == ("Missed call", "missed")
        assert twilio.kept["call:CA1"].department == "billing"


@pytest.mark.parametrize(
    ("away", "called"),
    [
        ({"sona", "luca"}, "+421222333444"),  # mia is there, but has no phone
        ({"sona", "luca", "mia"}, "+421222333444"),
        (set(), "+421222000000"),  # the general department, which is closed on Sundays
    ],
)
def test_where_nobody_can_be_rung_the_call_is_kept_before_the_caller_hears_why(away: set[str], called: str) -> None:
    twilio = Provider(desk(), away=frozenset(away), called=called)
    document = twilio.post(CallStatus="ringing")
    assert document.find("Dial") is None
    assert twilio.heard == ["Nobody is here to take your call.", "Please leave a message after the tone."]
    assert twilio.calls() == [("Missed call, nobody was there to be rung", "missed", None)]
    twilio.post(CallStatus="completed", CallDuration="3")  # hung up on the text
    assert len(twilio.calls()) == 1


def test_on_monday_the_general_department_is_rung() -> None:
    twilio = Provider(desk(), called="+421222000000", now=AT + 86_400)
    assert [*rung(twilio.post(CallStatus="ringing"))] == ["+421905000001", "+421905000002"]


def test_without_voicemail_the_caller_hears_why_and_no_more() -> None:
    twilio = Provider(desk(voicemail="false", closed_text="Come back tomorrow."), called="+421222000000")
    document = twilio.post(CallStatus="ringing")
    assert [one.tag for one in document] == ["Say", "Hangup"]
    assert twilio.heard == ["Come back tomorrow."]


def test_a_recorded_call_brings_its_sound() -> None:
    twilio = Provider(desk(record="true"))
    dial = twilio.post(CallStatus="ringing").find("Dial")
    assert dial is not None
    assert dial.get("record") == "record-from-answer-dual"
    sound = {
        "RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1",
        "RecordingDuration": "200",
    }
    twilio.post(dial.get("action") or "", CallStatus="completed", DialCallStatus="completed", **sound)
    assert twilio.calls() == [("Recording of the call, 3:20", None, None)]
    assert twilio.kept["call:RE1"].attachments[0].url == f"{sound['RecordingUrl']}.mp3"


def test_nothing_a_caller_sends_becomes_an_element_or_leaves_its_place_in_a_url() -> None:
    caller = '"><Dial>+19005550000</Dial>&step=closed'
    twilio = Provider(desk(), caller=caller)
    document = twilio.post(CallStatus="ringing")
    phones = rung(document)
    assert [*phones] == ["+421905000001", "+421905000002"]
    for attributes in phones.values():
        query = dict(parse_qsl(attributes["statusCallback"].partition("?")[2], strict_parsing=True))
        assert (query["step"], query["caller"]) == ("leg", caller)


def test_two_hidden_callers_are_two_conversations_and_each_calls_steps_are_one() -> None:
    twilio = Provider(desk(), caller="anonymous")
    phones = rung(twilio.post(CallStatus="ringing"))
    leg = {"ParentCallSid": "CA1", "CallSid": "CA3", "CallStatus": "completed", "CallDuration": "60"}
    twilio.post(phones["+421905000001"]["statusCallback"], **leg)
    twilio.post(CallSid="CA9", CallStatus="ringing")
    assert {one.external_id: one.conversation for one in twilio.kept.values()} == {
        "CA1": "CA1",
        "CA3": "CA1",
        "CA9": "CA9",
    }


def test_calls_that_others_make_with_the_account_are_left_alone() -> None:
    twilio = Provider(desk())
    assert list(twilio.post(CallStatus="ringing", Direction="outbound-api")) == []
    assert list(twilio.post(CallStatus="ringing", ParentCallSid="CA0")) == []


def test_a_step_that_twilio_did_not_sign_is_refused() -> None:
    twilio = Provider(desk())
    with pytest.raises(Refused):
        request = Request(b"CallSid=CA1", {"x-twilio-signature": "AAAA"}, AT, target="/in/phone?step=leg&agent=luca")
        asyncio.run(arrivals(PHONE, twilio.config, request, Fetcher()))


def test_at_most_ten_phones_are_rung() -> None:
    agents = "\n".join(
        f'  - {{id: a{n}, name: A, email: a{n}@acme.example, phone: "+4219050001{n:02}"}}' for n in range(12)
    )
    many = desks.desk(DESK.format(url=URL, more="").replace("agents:\n", f"agents:\n{agents}\n"))
    twilio = Provider(many, called="+421222000000", now=AT + 86_400)
    assert len(rung(twilio.post(CallStatus="ringing"))) == 10


def test_numbers_without_a_department_and_departments_without_a_phone_are_told() -> None:
    odd = desk(department="general").model_copy(update={"agents": desks.desk().agents})
    [config] = odd.channels
    odd = odd.model_copy(update={"channels": (config.model_copy(update={"numbers": {"+421222333444": "biling"}}),)})
    problems = [(one.path, one.severity) for one in check(odd)]
    assert problems == [("channels.0.numbers.+421222333444", "error"), ("channels.0", "warning")]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (3725, "1 h 2 min 5 s")],
)
def test_a_time_is_told_as_people_read_it(seconds: int, words: str) -> None:
    assert spoken(seconds) == words


def test_a_recording_is_fetched_with_the_account_and_the_token_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_OLD", "old")
    path = "/2010-04-01/Accounts/AC1/Recordings/RE1.mp3"
    right = {"authorization": "Basic QUMxOnQwa2Vu"}  # AC1:t0ken
    steps = [
        ({"authorization": "Basic QUMxOm9sZA=="}, {"status": 401}),
        (right, {"status": 200, "text": "sound", "headers": {"Content-Type": "audio/mpeg"}}),
        ({"authorization": "Basic QUMxOm9sZA=="}, {"status": 401}),
        (right, {"status": 404}),
        ({"authorization": "Basic QUMxOm9sZA=="}, {"status": 503}),
        ({"authorization": "Basic QUMxOm9sZA=="}, {"status": 401}),
        (right, {"status": 401}),
    ]
    script = [{"expect": {"method": "GET", "path": path, "headers": h}, "answer": a} for h, a in steps]
    with sending.platform(cast(list[dict[str, Any]], script)) as there, sending.platform([]) as elsewhere:
        config = phone.Config.model_validate(
            {"name": "phone", "type": "phone", "url": URL, "auth_tokens": ["env:TWILIO_OLD", "env:TWILIO_TOKEN"],
             "base_url": there.base}
        )  # fmt: skip
        out = Outbound(own=(there.base, elsewhere.base))
        assert phone.fetch(config, "", there.base + path, out).data == b"sound"
        for kind in ("transient", "transient", "auth"):
            with pytest.raises(Temporary) as failed:
                phone.fetch(config, "", there.base + path, out)
            assert failed.value.kind == kind
        elsewhere.script = [{"expect": {"method": "GET", "path": path, "headers": {"authorization": None}},
                             "answer": {"status": 404}}]  # fmt: skip
        with pytest.raises(Permanent):
            phone.fetch(config, "", elsewhere.base + path, out)
        assert there.wrong == elsewhere.wrong == []
