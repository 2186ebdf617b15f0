"""The scanner: what it is sent, what its verdict changes, and that it never loses or holds up mail for ever."""

import json
from collections.abc import Iterator
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ingest import virus
from ingest.attachment import served
from ingest.inbox import keep
from ingest.mail.read import contents, parse_mail
from ingest.virus import PATIENCE_SECONDS, REST_SECONDS, Scanner, scanned
from router.route import Router
from tests.clamd import EICAR, Clamd, clamd
from tests.desks import HEAD, arrived, desk
from tickets import look
from tickets.message import InboundMessage, VirusVerdict
from tickets.schema import tickets
from tickets.store import Store
from tickets.trouble import Temporary

MAIL = {"format": "mail", "type": "smtp"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def letter(*files: tuple[str, str, bytes]) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "ann@example.com", "support@acme.example", "Files"
    made["Message-ID"] = f"<{sha256(repr(files).encode()).hexdigest()[:12]}@example.com>"
    made.set_content("See the files.")
    for name, kind, data in files:
        main, _, sub = kind.partition("/")
        made.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return made.as_bytes().replace(b"\n", b"\r\n")


CLEAN = letter(("a.png", "image/png", PNG), ("b.bin", "application/octet-stream", b"\0" * 300_000))
BAD = letter(("a.png", "image/png", PNG), ("b.pdf", "application/pdf", EICAR))


@pytest.fixture(params=["unix", "tcp"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clamd]:
    with clamd(tmp_path if request.param == "unix" else None) as fake:
        yield fake


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Clamd]:
    with clamd(tmp_path) as one:
        yield one


def looked_at(scanner: Scanner, raw: bytes, waited: float = 0.0) -> InboundMessage:
    return scanned(scanner, parse_mail(raw), raw, MAIL, waited)


def test_every_attachment_is_sent_decoded_and_whole(there: Clamd) -> None:
    message = looked_at(Scanner(there.address), CLEAN)
    assert there.scanned == [PNG, b"\0" * 300_000]
    assert message.virus == VirusVerdict(verdict="clean")
    assert [part.virus for part in message.attachments] == [None, None]


def test_an_infected_attachment_is_marked_with_what_was_found_and_the_others_are_not(there: Clamd) -> None:
    message = looked_at(Scanner(there.address), BAD)
    assert message.virus is not None
    assert (message.virus.verdict, message.virus.names) == ("found", ("Win.Test.EICAR_HDB-1",))
    assert [part.virus for part in message.attachments] == [None, "Win.Test.EICAR_HDB-1"]


def test_an_infected_attachment_is_never_shown(fake: Clamd) -> None:
    parts = [part.model_dump() for part in looked_at(Scanner(fake.address), BAD).attachments]
    picture, infected = (served(BAD, part) for part in parts)
    assert (picture.inline, picture.content_type, picture.data) == (True, "image/png", PNG)
    assert (infected.inline, infected.content_type) == (False, "application/octet-stream")


def test_a_message_without_files_costs_clamd_nothing(fake: Clamd) -> None:
    assert looked_at(Scanner(fake.address), letter()).virus is None
    picture = parse_mail(CLEAN)
    assert scanned(Scanner(fake.address), picture, CLEAN, {"type": "telegram"}, 0.0) is picture
    assert fake.connections == 0


def test_a_file_larger_than_clamd_takes_is_said_to_be_unscanned_and_the_others_still_count(tmp_path: Path) -> None:
    large = ("large.bin", "application/octet-stream", b"\0" * 5_000_000)
    with clamd(tmp_path, limit=100_000) as small:
        unknown = looked_at(Scanner(small.address), letter(large)).virus
        found = looked_at(Scanner(small.address), letter(large, ("b.pdf", "application/pdf", EICAR))).virus
    assert unknown is not None
    assert (unknown.verdict, "StreamMaxLength" in unknown.words) == ("unknown", True)
    assert found is not None
    assert found.verdict == "found"


@pytest.mark.parametrize("way", ["error", "hangs up", "babbles", "silent"])
def test_a_clamd_that_misbehaves_is_trouble_that_passes(fake: Clamd, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.way = way
    with monkeypatch.context() as patch, pytest.raises(Temporary, match="clamd at unix:"):
        patch.setattr(virus, "SCAN_SECONDS", 0.3)
        looked_at(Scanner(fake.address), CLEAN)
    fake.way = "works"
    assert looked_at(Scanner(fake.address), CLEAN).virus == VirusVerdict(verdict="clean")


def test_a_mail_nobody_can_read_is_scanned_as_a_whole(fake: Clamd, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_raw: bytes) -> InboundMessage:
        raise RecursionError

    monkeypatch.setattr("ingest.mail.read._parse", fails)
    message = looked_at(Scanner(fake.address), BAD)
    assert fake.scanned == [BAD]
    assert message.attachments[0].sha256 == sha256(BAD).hexdigest()
    monkeypatch.setattr("ingest.mail.read.leaves", fails)
    assert contents(BAD) == [BAD]


def test_a_clamd_that_did_not_answer_is_left_alone_for_a_while(tmp_path: Path) -> None:
    now = 0.0
    scanner = Scanner(f"unix:{tmp_path / 'clamd.ctl'}", clock=lambda: now)
    with pytest.raises(Temporary, match="No such file"):
        looked_at(scanner, CLEAN)
    with clamd(tmp_path) as late:
        with pytest.raises(Temporary, match="a moment ago"):
            looked_at(scanner, CLEAN)
        assert late.connections == 0
        now = REST_SECONDS
        assert looked_at(scanner, CLEAN).virus == VirusVerdict(verdict="clean")


def test_a_message_that_has_waited_long_enough_goes_on_and_says_that_it_was_not_scanned(tmp_path: Path) -> None:
    scanner = Scanner(f"unix:{tmp_path / 'clamd.ctl'}")
    with pytest.raises(Temporary):
        looked_at(scanner, BAD, PATIENCE_SECONDS - 1)
    found = looked_at(scanner, BAD, PATIENCE_SECONDS).virus
    assert found is not None
    assert found.verdict == "unknown"
    assert found.words.startswith("not scanned: unix:")


def test_clamd_says_which_it_is(there: Clamd) -> None:
    assert Scanner(there.address).version().startswith("ClamAV 1.4.3")
    there.way = "hangs up"
    with pytest.raises(Temporary):
        Scanner(there.address).version()


def test_rules_can_ask_for_the_verdict_and_the_ticket_shows_what_was_found(store: Store, fake: Clamd) -> None:
    at = desk(HEAD, "- {name: Infected, when: [{virus: found}], then: [{tag: vip}]}")
    with store.write() as connection:
        kept = keep(connection, [arrived(raw) for raw in (CLEAN, BAD)], now=100.0, due_at=100.0)
    router = Router(store, lambda: at, scanner=Scanner(fake.address))
    for one in kept:
        router.route(one.id)
    with store.read() as connection:
        assert [json.loads(tags) for tags in connection.scalars(select(tickets.c.tags).order_by(tickets.c.id))] == [
            [],
            ["vip"],
        ]
    found: Any = look.ticket(store, 2)
    assert [part.get("virus") for part in found["entries"][0]["attachments"]] == [None, "Win.Test.EICAR_HDB-1"]


def test_while_clamd_is_away_a_mail_with_files_waits_and_one_without_does_not(store: Store, tmp_path: Path) -> None:
    at = desk()
    now = 100.0
    with store.write() as connection:
        files, none = keep(connection, [arrived(raw) for raw in (BAD, letter())], now=now, due_at=now)
    router = Router(store, lambda: at, clock=lambda: now, scanner=Scanner(f"unix:{tmp_path / 'none'}"))
    with pytest.raises(Temporary):
        router.route(files.id)
    assert [one.outcome for one in router.route(none.id)] == ["routed"]
    now += PATIENCE_SECONDS
    assert [one.outcome for one in router.route(files.id)] == ["routed"]
