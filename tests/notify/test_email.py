"""Notices by email: what is written, and what becomes of it at a relay."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from notify.email import Config, Email, render
from notify.note import Note
from tests.notify.desk import KEY, NOW, a_note
from tests.notify.fakes import CERTIFICATE, HANG, HANG_UP, TAKE_AND_HANG_UP, FakeRelay
from tests.services import free_port
from tickets.reply import ABOVE
from tickets.reply_address import proven
from tickets.trouble import Permanent, Temporary


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    with FakeRelay() as running:
        yield running


@pytest.fixture
def email(relay: FakeRelay) -> Iterator[Email]:
    made = Email(Config(relay=relay.url))
    yield made
    made.close()


def test_a_notice_says_what_happened_who_wrote_what_why_and_where_to_look() -> None:
    text = part(read(render(a_note())), "plain")
    above, reply, empty, *told = text.splitlines()
    assert (above, reply, empty) == (f"{ABOVE} #123", "Replying to this mail answers the customer.", "")
    assert told[:2] == ["Customer replied", "[#123] Where is my invoice?"]
    by = "Ana Customer (customer) wrote, 2026-11-18 12:06 Europe/Rome:"
    assert f"{by}\n\n> Hello,\n>\n> where is my invoice?\n" in text
    assert "Customer: Ana Customer <ana@customer.example>\n" in text
    assert "Tags: invoice, vip\n" in text
    assert "because: the customer replied, and the ticket is yours\n" in text
    assert "frontdesk ticket 123" in text


def test_a_notice_has_the_headers_that_thread_sort_and_silence_it() -> None:
    note = a_note()
    message = read(render(note))
    assert message["Message-ID"] == f"<{note.key}.{note.signed}@support.acme.example>"
    assert message["In-Reply-To"] == message["References"] == f"<{note.root}@support.acme.example>"
    ids = [message[name].strip("<>") for name in ("Message-ID", "References")]
    assert [proven(KEY, one, "support.acme.example") for one in ids] == [("n", 1), ("t", 123)]
    assert message["Subject"] == "[#123] Where is my invoice?"
    assert message["From"].addresses[0].display_name == "Ana Customer via Acme Support"
    assert message["From"].addresses[0].addr_spec == "desk@support.acme.example"
    assert message["To"].addresses[0].addr_spec == "sona@acme.example"
    assert message["List-Id"] == '"Billing" <billing.support.acme.example>'
    assert message["X-Frontdesk-Loop"] == "support.acme.example"
    silencing = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "Precedence": "bulk"}
    assert {name: message[name] for name in silencing} == silencing
    assert parsedate_to_datetime(message["Date"]).timestamp() == NOW


def test_notices_of_one_ticket_share_a_root_and_repetitions_are_the_same_mail() -> None:
    first, second = a_note(), a_note(key="2.email.0123", attempt=3)
    assert read(render(first))["References"] == read(render(second))["References"]
    assert read(render(first))["Message-ID"] != read(render(second))["Message-ID"]
    assert render(first) == render(a_note(attempt=2))


def test_other_scripts_come_out_as_they_went_in() -> None:
    message = read(
        render(
            a_note(
                customer="Žofia Šťastná",
                subject="Kde je moja faktúra? 📄 " * 8,
                text="Dobrý deň\nČakám týždeň",
                department="Účtovníctvo",
            )
        )
    )
    assert message["From"].addresses[0].display_name == "Žofia Šťastná via Acme Support"
    assert message["Subject"] == "[#123] " + ("Kde je moja faktúra? 📄 " * 8).strip()
    assert "> Čakám týždeň" in part(message, "plain")
    assert message["List-Id"].endswith("<billing.support.acme.example>")


@pytest.mark.parametrize("field", ["subject", "customer", "department", "recipient_name", "desk", "reason", "author"])
@pytest.mark.parametrize(
    "evil", ["x\r\nBcc: victim@bank.example", "x\nBcc: v@b.example\n\nbody", "x\r\n\r\n", "x\u2028Bcc: y"]
)
def test_no_name_or_subject_adds_a_header(field: str, evil: str) -> None:
    changes: dict[str, Any] = {field: evil}
    message = read(render(a_note(**changes)))
    assert message["Bcc"] is None
    assert sorted(message.keys()) == sorted(read(render(a_note())).keys())
    assert "> where is my invoice?" in part(message, "plain")


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "a@b\r\nBcc: c@d", "a b@c.example", "<a@b.example>", "a@b.example,c@d.example", "ž@b.example"],
)
def test_an_address_that_is_none_is_permanent(address: str) -> None:
    with pytest.raises(Permanent, match="not an address"):
        render(a_note(address=address))


def test_an_international_domain_is_written_in_ascii() -> None:
    to = read(render(a_note(address="sona@bücher.example")))["To"].addresses[0]
    assert to.addr_spec == "sona@xn--bcher-kva.example"


def test_the_customers_html_is_shown_not_run() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=y>"
    note = a_note(text=evil, subject=evil, customer=evil, reason=evil, author=evil, department=evil)
    html = part(read(render(note)), "html") + part(
        read(render(replace(note, together=(replace(note, number=5),)))), "html"
    )
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_a_text_that_quotes_our_own_notice_stays_quoted() -> None:
    text = part(read(render(a_note(text="-- \nSee the whole ticket: rm -rf /"))), "plain")
    assert "\n> See the whole ticket: rm" in text


_anything = st.text(max_size=300) | st.text("\r\n\u2028=?<>\"' \tž", max_size=300)


@given(
    subject=_anything,
    customer=_anything,
    text=st.text(max_size=6_000),
    department=_anything,
    department_id=_anything,
    reason=_anything,
    desk=_anything,
    author=_anything,
    recipient_name=_anything,
    agent=_anything,
    channel=_anything,
    domain=_anything,
    key=st.text(min_size=1, max_size=60),
    event=_anything,
)
@pytest.mark.parametrize("number", [None, 123, 124], ids=["one", "together", "digest"])
def test_whatever_people_write_the_mail_stays_well_formed(number: int | None, **changes: str) -> None:
    others = (a_note(id=2, number=number, entry_id=2, **changes),) if number else ()
    usual = a_note(together=others and (a_note(id=2, number=number),))
    raw = render(a_note(together=others, **changes))
    lines = raw.split(b"\r\n")
    assert raw.isascii()
    assert b"\0" not in raw
    assert all(len(line) < 998 and b"\r" not in line and b"\n" not in line for line in lines)
    message = read(raw)
    assert message.defects == []
    assert message["Bcc"] is None
    assert sorted(message.keys()) == sorted(read(render(usual)).keys())
    assert all("frontdesk ticket 123" in part(message, kind) for kind in ("plain", "html"))


def test_rendering_takes_less_than_a_millisecond() -> None:
    note = a_note(text="Dobrý deň, čakám týždeň. " * 160)
    best = min(_seconds(note) for _ in range(20))
    assert best < 0.001


def _seconds(note: Note) -> float:
    begin = time.perf_counter()
    render(note)
    return time.perf_counter() - begin


def test_the_relay_gets_the_mail_and_the_outbox_its_message_id(relay: FakeRelay, email: Email) -> None:
    note = a_note(text=".\n.hidden\nlast")
    assert email.send(note) == f"<{note.key}.{note.signed}@support.acme.example>"
    [mail] = relay.mails
    assert (mail.sender, mail.recipients) == (note.bounce_address, ["sona@acme.example"])
    assert mail.raw == render(note)


def test_the_sender_of_the_desk_file_is_used(relay: FakeRelay) -> None:
    email = Email(Config.model_validate({"relay": relay.url, "from": "Front@Acme.example"}))
    email.send(a_note())
    email.close()
    assert read(relay.mails[0].raw)["From"].addresses[0].addr_spec == "front@acme.example"


def test_one_connection_carries_many_mails(relay: FakeRelay, email: Email) -> None:
    for _ in range(3):
        email.send(a_note())
    assert (len(relay.mails), relay.connections) == (3, 1)


def test_threads_that_send_at_once_have_a_connection_each(relay: FakeRelay, email: Email) -> None:
    start = threading.Barrier(4)

    def send(_: int) -> None:
        start.wait()
        for _ in range(5):
            email.send(a_note())

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(4)))
    assert len(relay.mails) == 20
    assert relay.connections <= 4


def test_a_kept_connection_that_has_gone_away_is_replaced(relay: FakeRelay, email: Email) -> None:
    email.send(a_note())
    relay.hang_up()
    email.send(a_note())
    assert (len(relay.mails), relay.connections) == (2, 2)


@pytest.mark.parametrize("answer", [HANG_UP, "421 too many mails on this connection"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_a_kept_connection_that_ends_before_the_text_is_replaced_once(
    relay: FakeRelay, email: Email, step: str, answer: str
) -> None:
    email.send(a_note())
    relay.say(step, answer)
    email.send(a_note())
    assert (len(relay.mails), relay.connections) == (2, 2)
    relay.say(step, answer, answer)
    with pytest.raises(Temporary):
        email.send(a_note())
    assert relay.connections == 3


def test_a_relay_that_hangs_up_on_the_text_is_temporary_and_not_tried_twice(relay: FakeRelay, email: Email) -> None:
    email.send(a_note())
    relay.say("DATA", HANG_UP)
    with pytest.raises(Temporary, match="closed"):
        email.send(a_note())
    assert (len(relay.mails), relay.connections) == (1, 1)
    email.send(a_note())
    assert len(relay.mails) == 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_4xx_is_temporary_5xx_is_permanent_and_the_connection_lives_on(
    relay: FakeRelay, email: Email, step: str
) -> None:
    relay.say(step, "451 4.3.0 later", "550 5.1.1 never")
    with pytest.raises(Temporary, match=r"451 4\.3\.0 later"):
        email.send(a_note())
    with pytest.raises(Permanent, match=r"550 5\.1\.1 never"):
        email.send(a_note())
    email.send(a_note())
    assert (len(relay.mails), relay.connections) == (1, 1)


def test_a_mail_that_was_taken_without_a_word_of_it_goes_again_under_the_same_name(
    relay: FakeRelay, email: Email
) -> None:
    relay.say("DATA", TAKE_AND_HANG_UP)
    with pytest.raises(Temporary, match="closed"):
        email.send(a_note())
    email.send(a_note(attempt=2))
    first, second = relay.mails
    assert read(first.raw)["Message-ID"] == read(second.raw)["Message-ID"]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_relay_that_falls_silent_is_left_and_the_next_mail_goes(
    relay: FakeRelay, email: Email, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notify.email.STEP_SECONDS", 0.2)
    monkeypatch.setattr("notify.email.END_SECONDS", 0.2)
    relay.say(step, HANG)
    with pytest.raises(Temporary, match="timed out"):
        email.send(a_note())
    monkeypatch.undo()
    email.send(a_note())
    assert (len(relay.mails), relay.connections) == (1, 2)


@pytest.mark.parametrize(
    ("step", "answer", "way"),
    [
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "550 5.2.1 mailbox disabled", True),
        ("DATA", "550 5.1.10 null MX", True),
        ("RCPT", "550 no such user", False),
        ("RCPT", "552 5.2.2 mailbox full", False),
        ("RCPT", "550 5.7.1 relaying denied", False),
        ("MAIL", "550 5.1.8 bad sender", False),
        ("MAIL", "550 5.1.0 sender rejected", False),
        ("DATA", "554 5.6.0 no", False),
    ],
)
def test_only_a_mailbox_that_is_not_there_speaks_against_the_way_itself(
    relay: FakeRelay, email: Email, step: str, answer: str, way: bool
) -> None:
    relay.say(step, answer)
    with pytest.raises(Permanent) as refused:
        email.send(a_note())
    assert refused.value.way is way


def test_a_connection_that_was_idle_for_a_minute_is_not_used_again(
    relay: FakeRelay, email: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    email.send(a_note())
    monkeypatch.setattr("notify.email.IDLE_SECONDS", 0)
    email.send(a_note())
    assert (len(relay.mails), relay.connections) == (2, 2)
    assert len(email._idle) == 1


def test_only_a_few_connections_are_kept(relay: FakeRelay, email: Email, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.email.MOST_KEPT", 1)
    start = threading.Barrier(3)

    def send(_: int) -> None:
        start.wait()
        email.send(a_note())

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(send, range(3)))
    assert len(relay.mails) == 3
    assert len(email._idle) == 1


def test_no_relay_at_the_port_is_temporary() -> None:
    email = Email(Config(relay=f"smtp://127.0.0.1:{free_port()}"))
    with pytest.raises(Temporary, match="refused"):
        email.send(a_note())


def test_a_relay_that_never_answers_is_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.email.STEP_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        email = Email(Config(relay=f"smtp://127.0.0.1:{silent.getsockname()[1]}"))
        with pytest.raises(Temporary, match="timed out"):
            email.send(a_note())


def test_a_relay_that_is_too_slow_is_left_before_the_text(
    relay: FakeRelay, email: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notify.email.OPENING_SECONDS", -1)
    with pytest.raises(Temporary, match="too slow"):
        email.send(a_note())
    assert relay.mails == []


def test_tls_is_used_where_it_is_offered_even_with_a_certificate_nobody_knows() -> None:
    with FakeRelay(tls=True) as relay:
        email = Email(Config(relay=relay.url))
        email.send(a_note())
        email.close()
    assert relay.mails[0].tls


def test_required_tls_is_not_done_without() -> None:
    with FakeRelay() as relay:
        email = Email(Config(relay=relay.url.replace("smtp:", "smtp+starttls:")))
        with pytest.raises(Temporary, match="STARTTLS"):
            email.send(a_note())
    assert relay.mails == []


def test_required_tls_checks_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRelay(tls=True) as relay:
        email = Email(Config(relay=relay.url.replace("smtp:", "smtp+starttls:")))
        with pytest.raises(Temporary, match="certificate"):
            email.send(a_note())
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        email.send(a_note())
        email.close()
    assert relay.mails[0].tls


def test_the_password_goes_only_over_tls_and_a_wrong_one_is_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with FakeRelay(tls=True, login=("desk@acme.example", "s3cret")) as relay:
        url = relay.url.replace("//", "//desk%40acme.example@")
        email = Email(Config.model_validate({"relay": url, "password": "env:RELAY_PASSWORD"}))
        monkeypatch.delenv("RELAY_PASSWORD", raising=False)
        with pytest.raises(Temporary, match="env:RELAY_PASSWORD is not set"):
            email.send(a_note())
        monkeypatch.setenv("RELAY_PASSWORD", "wrong")
        with pytest.raises(Temporary, match="535"):
            email.send(a_note())
        monkeypatch.setenv("RELAY_PASSWORD", "s3cret")
        email.send(a_note())
        email.close()
    assert len(relay.mails) == 1


def test_a_password_is_not_said_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "s3cret")
    with FakeRelay() as relay:
        url = relay.url.replace("//", "//desk@")
        email = Email(Config.model_validate({"relay": url, "password": "env:RELAY_PASSWORD"}))
        with pytest.raises(Temporary, match="STARTTLS"):
            email.send(a_note())
    assert relay.mails == []


def test_smtps_is_tls_from_the_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRelay(smtps=True) as relay:
        email = Email(Config(relay=relay.url))
        with pytest.raises(Temporary, match="certificate"):
            email.send(a_note())
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        email.send(a_note())
        email.close()
    assert len(relay.mails) == 1


def test_a_mail_that_ends_after_the_closing_leaves_nothing_open(relay: FakeRelay) -> None:
    email = Email(Config(relay=relay.url))
    email.close()
    email.send(a_note())
    assert len(relay.mails) == 1
    assert email._idle == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"relay": "relay.acme.example"}, "smtp://"),
        ({"relay": "http://relay.acme.example"}, "smtp://"),
        ({"relay": "smtp://relay.acme.example:99999"}, "(?i)port"),
        ({"relay": "smtp://u:p@relay.acme.example"}, "reference"),
        ({"relay": "smtp://u@relay.acme.example"}, "go together"),
        ({"relay": "smtp://relay.acme.example", "password": "env:X"}, "go together"),
        ({"password": "env:X"}, "go together"),
        ({"from": "desk"}, "name@example.com"),
        ({"from": 'a"b@acme.example'}, "not an address"),
        ({"relais": "smtp://x"}, "relais"),
    ],
)
def test_a_mistake_in_the_desk_file_is_told(said: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Config.model_validate(said)


def test_the_relay_is_described_with_how_it_is_protected() -> None:
    assert Email(Config(relay="smtp://r.example")).describe() == "email → smtp://r.example (STARTTLS where offered)"
    assert Email(Config(relay="smtps://r.example")).describe() == "email → smtps://r.example (TLS)"
