"""Who wrote a mail: a person, a program, a list or a mail server. What is wrongly taken for a bounce is a lost customer."""

# ruff: noqa: RUF001  # letters of other alphabets are meant here

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mail.opening import opening
from ingest.mail.read import parse_mail

NOT_DELIVERED = "Your message could not be delivered to ann@customer.example: 550 5.1.1 user unknown"

SENT_ON_BY_A_RULE = """Resent-From: <support@acme.example>
X-MS-Exchange-Inbox-Rules-Loop: support@acme.example
Auto-Submitted: auto-generated
X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent"""


def kind(headers: str, body: str = "Hello, my lamp is broken.") -> str:
    head = headers if "From:" in headers else f"From: Ann <ann@customer.example>\n{headers}"
    return parse_mail(f"{head.rstrip()}\n\n{body}\n".encode()).kind


def attached(headers: str, content_type: str, body: str = "See below.", inner: str = "Subject: x\n\nx") -> str:
    parts = f"--b\nContent-Type: text/plain\n\n{body}\n--b\nContent-Type: {content_type}\n\n{inner}\n--b--"
    return kind(f"{headers}\nContent-Type: multipart/mixed; boundary=b", parts)


# --- what people write is a message -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Subject: Undeliverable: my parcel", "The courier says that nobody was at home."),
        ("Subject: Undelivered mail\nUser-Agent: Mozilla Thunderbird", NOT_DELIVERED),
        ("Subject: Undeliverable mail\nX-Mailer: Apple Mail (2.3826)", NOT_DELIVERED),
        ("Subject: Undelivered mail, please help\nX-Gm-Message-State: AOJu0Y", NOT_DELIVERED),
        ("Subject: Fwd: Undelivered Mail Returned to Sender", NOT_DELIVERED),
        ("Subject: WG: Unzustellbar: Rechnung", NOT_DELIVERED),
        ("Subject: Re: Undeliverable: invoice\nIn-Reply-To: <1@acme.example>", NOT_DELIVERED),
        ("Subject: Delivery delayed by two weeks?", "When will my lamp come?"),
        ("Subject: Returned to sender", "The parcel came back, please send it again."),
        ("From: postmaster@customer.example\nSubject: Re: your mails\nIn-Reply-To: <1@acme.example>", "Fixed now."),
        ("From: postmaster@customer.example\nSubject: Blocked\nUser-Agent: Thunderbird", "We blocked you by mistake."),
        ("From: postmaster@customer.example\nSubject: Blocked\nThread-Topic: Blocked", "It was rejected by mistake."),
        ("Subject: Auto: Schaden an der Tür", "Guten Tag"),
        ("Subject: Absence: Paul is ill today", "He cannot come."),
        ("Subject: Out of office chairs?", "Do you have more?"),
        ("Subject: Lamp\nX-Spam-Status: No, score=1", "Hello"),
        ("Subject: Lamp\nAuto-Submitted: no", "Hello"),
        ("Subject: Lamp\nX-Auto-Response-Suppress: None", "Hello"),
        ("Subject: Re: Lamp\nIn-Reply-To: <1@acme.example>\nList-Unsubscribe: <https://crm.example/u>", "Hello"),
        ("Subject: Lamp\nReturn-Path: <>\nX-Mailer: iPhone Mail (21A329)", "forwarded with a null sender"),
        (f"Subject: Lamp\n{SENT_ON_BY_A_RULE}", "sent on by a rule of the support mailbox"),
    ],
)
def test_what_a_person_writes_is_a_message(headers: str, body: str) -> None:
    assert kind(headers, body) == "message"


def test_a_customer_who_forwards_a_bounce_is_no_mail_server() -> None:
    for content_type in ("message/rfc822", "message/delivery-status", "text/rfc822-headers", "message/feedback-report"):
        assert attached("Subject: Fwd: Undelivered Mail Returned to Sender", content_type, NOT_DELIVERED) == "message"
        assert attached("Subject: Why?\nUser-Agent: Thunderbird", content_type, NOT_DELIVERED) == "message"


# --- mail servers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        "From: MAILER-DAEMON@x.example\nSubject: anything",
        "From: Mail Delivery System <Mailer-Daemon>\nSubject: anything",
        "From: mailer_daemon@x.example\nSubject: anything",
        "From: <MDaemon@x.example>\nSubject: anything",
        "Subject: hello\nX-Failed-Recipients: eve@x.example",
        "From: postmaster@x.example\nSubject: Undeliverable: Lamp",
        "From: postmaster@x.example\nSubject: Lamp\nReturn-Path: <>",
        "From: Mail Delivery Subsystem <no-reply@x.example>\nSubject: Lamp\nReturn-Path: < >",
        "From: gate@x.example\nSubject: Undeliverable: Lamp\nAuto-Submitted: auto-replied",
        "From: gate@x.example\nSubject: Non remis : Lampe\nReturn-Path: <>",
        "From: gate@x.example\nSubject: Returned mail: Host unknown\nReturn-Path: <>",
        "From: gate@x.example\nSubject: =?utf-8?B?0J3QtSDRg9C00LDQu9C+0YHRjCDQtNC+0YHRgtCw0LLQuNGC0Yw6IExhbXA=?=\nReturn-Path: <>",
        'Subject: x\nContent-Type: multipart/report; report-type="delivery-status"; boundary=b',
    ],
)
def test_a_mail_servers_report_is_a_bounce_without_a_look_at_its_words(headers: str) -> None:
    assert kind(headers, "xyz") == "bounce"


@pytest.mark.parametrize(
    "headers",
    ["From: gate@x.example\nSubject: Undeliverable: Lamp", "From: System Administrator <it@x.example>\nSubject: Lamp"],
)
def test_where_only_one_thing_speaks_for_a_bounce_its_words_decide(headers: str) -> None:
    assert kind(headers, NOT_DELIVERED) == "bounce"
    assert kind(headers, "Please call me.") == "message"


@pytest.mark.parametrize(
    "headers",
    [
        "From: postmaster@x.example\nSubject: Report Domain: acme.example Submitter: x.example Report-ID: 1\nReturn-Path: <>",
        "From: postmaster@x.example\nSubject: Your quarantine summary\nAuto-Submitted: auto-generated",
    ],
)
def test_a_mail_servers_other_mails_are_automatic_but_no_bounces(headers: str) -> None:
    assert kind(headers) == "auto_reply"


@pytest.mark.parametrize(
    "subject", ["Delivery notification: your parcel", "Delivery failed", "Zustellung fehlgeschlagen: Paket 17"]
)
def test_a_carriers_mail_about_a_parcel_is_no_bounce(subject: str) -> None:
    headers = f"From: noreply@carrier.example\nSubject: {subject}\nAuto-Submitted: auto-generated\nReturn-Path: <>"
    assert kind(headers, "We could not deliver your parcel 17. The recipient was not at home.") == "auto_reply"
    assert kind(headers, NOT_DELIVERED) == "bounce"


# --- programs that answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-replied (vacation)",
        "Auto-Submitted: auto-replied; owner-email=ann@customer.example",
        "Auto-Submitted: auto-generated",
        "X-Autoreply: yes",
        "X-Autorespond: Re: Lamp",
        "X-Auto-Response-Suppress: All",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "Precedence: auto_reply",
        "Precedence: junk",
        "X-Vacation: yes",
        "Return-Path: <>",
        "X-TMDA-Fingerprint: abc",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
    ],
)
def test_an_automatic_mail_says_so_in_one_of_many_headers(headers: str) -> None:
    assert kind(f"Subject: Lamp\n{headers}") == "auto_reply"


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Lamp", "AUTOMATIC REPLY: Lamp", "Automatische Antwort: Lamp", "Réponse automatique : Lamp", "Respuesta automática: Lamp",
        "Risposta automatica: Lamp", "Resposta automática: Lamp", "Automatisch antwoord: Lamp", "Automatiskt svar: Lamp", "Automatisk svar: Lamp",
        "Autosvar: Lamp", "Automaattinen vastaus: Lamp", "Odpowiedź automatyczna: Lamp", "Automatická odpověď: Lamp", "Automatická odpoveď: Lamp",
        "Automatikus válasz: Lamp", "Răspuns automat: Lamp", "Otomatik yanıt: Lamp", "Αυτόματη απάντηση: Lamp", "Автоматический ответ: Lamp",
        "Автоматична відповідь: Lamp", "Automatski odgovor: Lamp", "Samodejni odgovor: Lamp", "自動応答: Lamp", "自动答复: Lamp", "自動回覆: Lamp",
        "자동 회신: Lamp", "Balasan otomatis: Lamp", "Trả lời tự động: Lamp", "رد تلقائي: Lamp", "Out of Office: Lamp", "Out of office",
        "Out of Office AutoReply: Lamp", "Abwesenheitsnotiz: Lamp", "Absence du bureau : Lamp", "Fuera de la oficina: Lamp", "Auto-Reply - Lamp",
        "AUTO: Ann Lee is out of the office (returning 12/01/2026)", "[EXTERNAL] Automatic reply: Lamp", "自動返信：Lamp",
    ],
)  # fmt: skip
def test_an_absence_is_told_by_the_word_before_the_subject_in_any_language(subject: str) -> None:
    assert parse_mail(f"From: ann@customer.example\nSubject: {subject}\n\nI am away.\n".encode()).kind == "auto_reply"


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("List-Id: <news.shop.example>\nPrecedence: bulk\nList-Unsubscribe: <https://shop.example/u>", "list"),
        ("Precedence: list\nList-ID: <support.acme.example>\nX-Google-Group-Id: 17\nIn-Reply-To: <1@x>", "list"),
        ("List-Unsubscribe: <https://shop.example/u>", "list"),
        ("Precedence: list", "list"),
        ("Sender: owner-news@shop.example", "list"),
        ("List-Id: <support.acme.example>\nAuto-Submitted: auto-replied", "auto_reply"),
        ("List-Id: <support.acme.example>\nPrecedence: auto_reply", "auto_reply"),
    ],
)
def test_a_list_is_told_by_its_headers_and_an_automatic_answer_over_it_stays_one(headers: str, expected: str) -> None:
    assert kind(f"Subject: Lamp\n{headers}") == expected


# --- the word before a subject ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "word"),
    [
        ("Fwd: Lamp", "fwd"),
        ("[Fwd: Lamp]", "fwd"),
        ("[support] FW: Lamp", "fw"),
        ("[EXTERNAL] [SPAM?] WG: Lamp", "wg"),
        ("Re[2]: Lamp", "re"),
        ("Re (3): Lamp", "re"),
        ("转发：Lamp", "转发"),
        ("TR : Lampe", "tr"),
        ("failure notice", "failure notice"),
        ("", ""),
        ("x" * 100 + ": y", "x" * 80),
    ],
)
def test_the_word_before_a_subject(subject: str, word: str) -> None:
    assert opening(subject) == word


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="[]: -FfWwRr(2)", max_size=5000))
def test_any_subject_has_a_short_word(subject: str) -> None:
    word = opening(subject)
    assert len(word) <= 240  # one letter may have more in lower case
    assert ":" not in word
