"""Templates of mails to customers: subject, greeting, signature and language, and what strangers cannot do with them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from commands.parts import CHECKS, KINDS
from config.load import load
from config.problems import DeskError
from notify.preview import preview, sample
from notify.template import LINKS, SAMPLE, first_name, words_of
from tests.desks import mail
from tests.path.ruled import RULED, Ruled
from tests.path.test_chat import Guest
from tickets.language import tag_of, with_bases
from tickets.schema import entries
from tickets.store import Store
from worker import cli

RULE = "  - {name: Received, on: [message.received], then: [{reply: received}]}\n"
ENGLISH = "Subject: We have your message {{ number }}\n\nHello {{ first_name or customer }}, we will answer soon."
ITALIAN = "Subject: Abbiamo il tuo messaggio {{ number }}\n\nCiao {{ first_name or customer }}, a presto."
ANSWER = (
    "Subject: {{ desk }}: {{ subject }}\n\nDear {{ first_name or customer }},\n\n{{ text }}\n\n{{ agent_first_name }}\n"
)


def with_words(store: Store, tmp_path: Path) -> Ruled:
    made = Ruled(store, tmp_path, RULE)
    for name, words in {"received": ENGLISH, "received.it": ITALIAN, "answer": ANSWER}.items():
        (tmp_path / "desk" / "words" / f"{name}.txt").write_text(words, encoding="utf-8")
    (tmp_path / "desk" / "words" / "answer.pt-BR.txt").write_text("Olá {{ first_name }}! {{ text }}", encoding="utf-8")
    (tmp_path / "desk" / "words" / "answer.pt.txt").write_text("Boas {{ first_name }}! {{ text }}", encoding="utf-8")
    return made


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Ruled:
    return with_words(store, tmp_path)


def hears(front: Ruled, language: str = "", name: str = "Ann Smith", subject: str = "My parcel") -> int:
    front.ids += 1
    front.now += 1
    raw = mail(f"{front.ids}@example.com", to="billing@acme.example", subject=subject)
    raw = raw.replace(b"From: <", f'From: "{name}" <'.encode())
    if language:
        raw = f"{language}\r\n".encode() + raw
    return front.route(raw, "billing@acme.example")


def sent(front: Ruled, number: int) -> tuple[str, list[str]]:
    """Return subject and lines of the newest mail about a ticket."""
    [*_, newest] = [one for one in front.mails("ann@example.com") if one["X-Frontdesk-Ticket"] == str(number)]
    body = newest.get_body(("plain",))
    assert body is not None
    return str(newest["Subject"]), body.get_content().splitlines()


@pytest.mark.parametrize(
    ("header", "subject", "greeting"),
    [
        ("", "We have your message {}", "Hello Ann, we will answer soon."),
        ("Content-Language: it-CH", "Abbiamo il tuo messaggio {}", "Ciao Ann, a presto."),
        ("Accept-Language: IT, en;q=0.5", "Abbiamo il tuo messaggio {}", "Ciao Ann, a presto."),
        ("Content-Language: de\r\nAccept-Language: it", "We have your message {}", "Hello Ann, we will answer soon."),
        ("Content-Language: ../../etc", "We have your message {}", "Hello Ann, we will answer soon."),
    ],
)
def test_an_automatic_answer_has_its_subject_and_speaks_the_customer_s_language(
    front: Ruled, header: str, subject: str, greeting: str
) -> None:
    number = hears(front, header)
    front.deliver()
    got, lines = sent(front, number)
    assert got == f"{subject.format(number)} [#{number}]"
    assert greeting in lines
    assert front.last(number)["text"] == greeting


def test_what_is_said_about_the_language_stands_in_the_entry(front: Ruled) -> None:
    number = hears(front, "Content-Language: pt_br")
    with front.store.read() as connection:
        facts = connection.scalar(select(entries.c.facts).where(entries.c.ticket_id == number).order_by(entries.c.id))
    assert json.loads(facts or "")["language"] == "pt-BR"


@pytest.mark.parametrize(
    ("language", "first"),
    [("pt-BR", "Olá Ann! It is on its way."), ("pt-PT", "Boas Ann! It is on its way."), ("de", "Dear Ann,")],
    ids=["exact", "base", "none"],
)
def test_an_answer_is_in_the_language_of_the_newest_message(front: Ruled, language: str, first: str) -> None:
    number = hears(front, "Content-Language: it")
    front.route(
        b"Content-Language: "
        + language.encode()
        + b"\r\n"
        + mail("x@e", answers="1@example.com", to="billing@acme.example")
    )
    front.answer(number)
    front.deliver()
    assert sent(front, number)[1][0] == first


def test_the_subject_is_the_template_s_and_leads_back_to_the_ticket(front: Ruled) -> None:
    number = hears(front)
    front.answer(number)
    front.deliver()
    subject, lines = sent(front, number)
    assert subject == f"Acme Support: My parcel [#{number}]"
    assert lines[:3] == ["Dear Ann,", "", "It is on its way."]
    assert "Luca" in lines


@pytest.mark.parametrize(
    "evil", ["{{ 7*7 }}", "{% for x in range(10**9) %}x{% endfor %}", "=?utf-8?q?a=0D=0ABcc:_x=40y?="]
)
def test_what_a_stranger_calls_themselves_is_never_a_template_or_a_header(front: Ruled, evil: str) -> None:
    number = hears(front, name=evil, subject=evil)
    front.answer(number)
    front.deliver()
    [*_, newest] = front.mails("ann@example.com")
    assert newest["Bcc"] is None
    assert "49" not in str(newest["Subject"])
    assert "\n" not in str(newest["Subject"])
    body = newest.get_body(("plain",))
    assert body is not None
    assert "49" not in body.get_content()


def test_a_long_subject_is_cut(front: Ruled, tmp_path: Path) -> None:
    (tmp_path / "desk/words/answer.txt").write_text("Subject: {{ 'x' * 9000 }}\n\n{{ text }}", encoding="utf-8")
    number = hears(front)
    front.answer(number)
    front.deliver()
    assert len(sent(front, number)[0]) < 300


def test_a_chat_gets_the_words_without_the_subject(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RULE, RULED.replace("type: chat,", "type: chat, department: billing,"))
    (tmp_path / "desk/words/received.txt").write_text(ENGLISH, encoding="utf-8")
    Guest(front).says("Hello?", name="Vera Black")
    front.deliver()
    assert [reply.text for _, reply in front.sent] == ["Hello Vera, we will answer soon."]


@pytest.mark.parametrize(
    ("file", "words", "expected"),
    [
        ("answer.txt", "Subject: Hi\nno blank line", "answer.txt:2: a blank line belongs"),
        ("answer.txt", "Subject: {{ nmber }}\n\n{{ text }}", "answer.txt:1: 'nmber' is undefined"),
        ("answer.txt", "Subject: Hi\n\none\n{{ txt }}", "answer.txt:4: 'txt' is undefined"),
        ("answer.it.txt", "{% if text %}\n", "answer.it.txt:1: Unexpected end of template"),
        ("received.it.txt", "ok\n\n{{ 1 / 0 }}", "received.it.txt:3: ZeroDivisionError"),
        ("rating.txt", "{{ text }} {{ positive_link }}", "rating.txt:1: 'positive_link' is undefined"),
        ("hello.it.txt", "Ciao", "hello.it.txt stands alone"),
        ("answer.txt", "{{ ''.__class__ }}", "answer.txt:1: access to attribute '__class__'"),
    ],
)
def test_check_names_file_and_line_of_what_is_wrong(
    store: Store, tmp_path: Path, file: str, words: str, expected: str
) -> None:
    Ruled(store, tmp_path, RULE)
    (tmp_path / "desk" / "words" / file).write_text(words, encoding="utf-8")
    with pytest.raises(DeskError) as broken:
        load(tmp_path / "desk" / "desk.yaml", KINDS, CHECKS)
    assert expected in str(broken.value)


def test_a_template_that_is_broken_meanwhile_waits_and_says_where(front: Ruled, tmp_path: Path) -> None:
    number = hears(front)
    (tmp_path / "desk/words/answer.txt").write_text("{{ text }}\n{{ nobody }}", encoding="utf-8")
    front.answer(number)
    assert {done.outcome for done in front.deliver() if done.notifier == "mail"} == {"again"}
    (tmp_path / "desk/words/answer.txt").write_text("{{ text }}", encoding="utf-8")
    front.now += 400
    front.deliver()
    assert sent(front, number)[1] == ["It is on its way."]


def test_a_folder_that_is_gone_is_no_reason_to_write_something_else(front: Ruled, tmp_path: Path) -> None:
    number = hears(front)
    front.deliver()
    front.answer(number)
    (tmp_path / "desk/words").rename(tmp_path / "desk/elsewhere")
    assert {done.outcome for done in front.deliver() if done.notifier == "mail"} == {"again"}


def test_languages_are_read_as_people_write_them() -> None:
    said = {
        "it": "it",
        "PT-br": "pt-BR",
        "zh_hant_tw": "zh-Hant-TW",
        "en-US,en;q=0.9": "en-US",
        "": None,
        "*": None,
        "1": None,
    }
    assert {one: tag_of(one) for one in said} == said
    assert with_bases("zh-Hant-TW") == ("zh-Hant-TW", "zh-Hant", "zh")
    assert with_bases(None) == ()


@pytest.mark.parametrize(("name", "first"), [("Ann Smith", "Ann"), ("ann@example.com", ""), ("", ""), ("+421 1", "")])
def test_who_has_no_name_has_no_first_name(name: str, first: str) -> None:
    assert first_name(name) == first


# --- previews -------------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[Ruled]:
    monkeypatch.setenv("FRONTDESK_CONFIG", str(tmp_path / "desk" / "desk.yaml"))
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", database_url)
    monkeypatch.setenv("FRONTDESK_DATA", str(tmp_path / "var"))
    store = Store(database_url)
    store.migrate()
    yield with_words(store, tmp_path)
    store.close()


def show(*words: str) -> dict[str, object]:
    ran = CliRunner().invoke(cli, ["template", "show", *words, "--json"])
    assert ran.exit_code == 0, ran.output
    found: dict[str, object] = json.loads(ran.stdout)
    return found


@pytest.mark.usefixtures("shown")
def test_a_template_is_shown_as_it_would_go_out() -> None:
    said = show("billing")
    assert said["subject"] == "Acme Support: My parcel [#17]"
    assert "Dear Ann,\n\nYour parcel is on its way.\n\nSona" in str(said["text"])
    italian = show("billing", "received", "--language", "it")
    assert italian["subject"] == "Abbiamo il tuo messaggio 17 [#17]"
    assert "Auto-Submitted" in json.dumps(italian["headers"])


def test_a_preview_of_a_ticket_is_the_mail_that_goes_out(shown: Ruled) -> None:
    number = hears(shown, "Content-Language: pt")
    shown.acts.take(number, "luca")
    preview = show("billing", "--ticket", str(number))
    shown.answer(number, text="Your parcel is on its way.")
    shown.deliver()
    subject, lines = sent(shown, number)
    assert (preview["subject"], str(preview["text"]).splitlines()) == (subject, lines)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("biling",), 1, "did you mean billing?"),
        (("billing", "nothing"), 1, "billing has no template nothing"),
        (("billing", "--ticket", "99"), 1, "There is no ticket 99"),
        (("billing", "--language", "../it"), 2, "is no language"),
    ],
)
def test_what_cannot_be_shown_is_said(words: tuple[str, ...], code: int, says: str) -> None:
    ran = CliRunner().invoke(cli, ["template", "show", *words])
    assert (ran.exit_code, says in ran.output) == (code, True), ran.output


def test_without_a_language_the_words_tell_it(front: Ruled) -> None:
    pytest.importorskip("py3langid")
    raw = mail(
        "9@e", to="billing@acme.example", text="Buongiorno, dove si trova il mio pacco? Lo aspetto da una settimana."
    )
    number = front.route(raw, "billing@acme.example")
    assert "a presto" in front.last(number)["text"]


def test_where_there_is_one_language_nothing_is_asked(front: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the language does not matter here")

    monkeypatch.setattr("notify.letter.language_of", never)
    number = front.send("a@customer", to="support@acme.example")
    front.answer(number)
    front.deliver()
    assert words_of(front.at, front.at.departments_by_id["general"], "answer").language is None


DOCUMENT = Path(__file__).parents[2] / "docs" / "customers.md"
EXAMPLES = re.findall(
    r"^`([\w.-]+\.txt)`:\n\n```jinja\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize(("file", "source"), EXAMPLES, ids=[file for file, _ in EXAMPLES])
def test_every_example_of_the_document_is_rendered(store: Store, tmp_path: Path, file: str, source: str) -> None:
    front = Ruled(store, tmp_path, RULE)
    words, name = tmp_path / "desk" / "words", file.partition(".")[0]
    (words / f"{name}.txt").write_text(source, encoding="utf-8")
    (words / file).write_text(source, encoding="utf-8")
    desk = load(tmp_path / "desk" / "desk.yaml", KINDS, CHECKS).desk
    billing = desk.departments_by_id["billing"]
    raw = preview(desk, billing, name, sample(desk, billing))
    assert b"{{" not in raw
    assert b"Ann" in raw
    assert front.at.version == desk.version


def test_the_document_tells_every_value_of_a_template() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert len(EXAMPLES) > 2
    assert [name for name in (*SAMPLE, *LINKS) if f"| `{name}` |" not in text] == []
