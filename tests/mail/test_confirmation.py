"""A provider that asks whether mail may be forwarded to us; nobody else gets a link in front of an administrator."""

# ruff: noqa: RUF001  # letters of other alphabets are meant here

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mail.confirmation import confirmation
from ingest.mail.read import parse_mail
from tickets.message import Confirmation

GOOGLE = "forwarding-noreply@google.com"
LINK = "https://mail-settings.google.com/mail/vf-%5BANGjdJ_x1%5D-Ab_cd"
REFUSE = "https://mail-settings.google.com/mail/uf-%5BANGjdJ_x1%5D-Ab_cd"
SUBJECT = "(#123456789) Gmail Forwarding Confirmation - Receive Mail from support@acme.example"
TEXT = f"""support@acme.example has requested to automatically forward mail to your email address in@desk.example.
Confirmation code: 123456789

To allow support@acme.example to automatically forward mail to your address, please click the link below:

{LINK}

If you accidentally clicked the link, click this link to cancel: {REFUSE}
"""


def test_gmails_question_is_told_with_its_link_and_code() -> None:
    raw = f"From: Gmail Team <{GOOGLE}>\nSubject: {SUBJECT}\n\n{TEXT}".encode()
    told = Confirmation(provider="Gmail", address="support@acme.example", link=LINK, code="123456789")
    assert parse_mail(raw).confirmation == told


@pytest.mark.parametrize(
    ("subject", "text", "code"),
    [
        (
            "(#987654321) Bestätigung der Gmail-Weiterleitung – E-Mails von support@acme.example empfangen",
            f"Link:\n{LINK}",
            "987654321",
        ),
        ("(#987654321) Confirmación de reenvío de Gmail: recibir correo de support@acme.example", LINK, "987654321"),
        (
            "（#1）Gmail 転送の確認 - support@acme.example からのメールを受信",
            f"確認コード：987654321\n{LINK}",
            "987654321",
        ),
        ("Gmail Forwarding Confirmation - Receive Mail from support@acme.example", LINK, None),
    ],
)
def test_in_other_languages_and_without_a_code(subject: str, text: str, code: str | None) -> None:
    assert confirmation(GOOGLE, subject, text, None) == Confirmation(
        provider="Gmail", address="support@acme.example", link=LINK, code=code
    )


def test_the_link_may_only_stand_in_the_page() -> None:
    page = f'<a href="{LINK}?a=1&amp;b=2">confirm</a>'
    found = confirmation(GOOGLE, SUBJECT, "", page)
    assert found
    assert found.link == f"{LINK}?a=1&b=2"


@pytest.mark.parametrize("host", ["isolated.mail.google.com", "mail.google.com"])
def test_gmail_has_more_hosts(host: str) -> None:
    link = f"https://{host}/mail/vf-fd4666a8da-in%40desk.example-3hqNM"
    found = confirmation(GOOGLE, "x", f"go to {link} now", None)
    assert found
    assert found.link == link


@pytest.mark.parametrize(
    "link",
    [
        LINK.replace("https", "http"),
        LINK.replace("google.com", "google.com.evil.example"),
        LINK.replace("mail-settings", "docs"),
        "https://evil.example/https:/mail-settings.google.com/mail/vf",
        REFUSE,
        "https://mail.google.com/mail/u/0/#settings",
        "https://mail-settings.google.com@evil.example/mail/vf-abcdefgh",
        "https://mail-settings.google.com/mail/vf-abcdefgh@evil.example",
    ],
)
def test_no_other_link_is_shown(link: str) -> None:
    assert confirmation(GOOGLE, "Gmail Forwarding Confirmation", f"please click {link} now", None) is None


@pytest.mark.parametrize("sender", ["forwarding-noreply@google.com.evil.example", "ann@customer.example", ""])
def test_nobody_else_asks(sender: str) -> None:
    assert confirmation(sender, SUBJECT, TEXT, None) is None


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=100), st.text(max_size=200), st.none() | st.text(max_size=100))
def test_whatever_it_says_only_the_providers_links_come_out(subject: str, text: str, page: str | None) -> None:
    found = confirmation(GOOGLE, subject, text, page)
    assert found is None or found.link is None or found.link.startswith("https://mail")
