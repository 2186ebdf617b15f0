"""The same stories with Dovecot: what most mailboxes really are."""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.desk_process import until
from tests.desks import mail
from tests.imap.servers import Dovecot, has_dovecot, program
from tests.imap.watching import Watching, desk_with, owed, rows, uids
from tickets.store import Store

if not has_dovecot() and not os.environ.get("CI"):
    pytest.skip("no Dovecot here: install dovecot-imapd", allow_module_level=True)


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as made:
        yield made


def mails(count: int, begin: int = 0) -> list[bytes]:
    return [mail(f"{number}@example.com") for number in range(begin, begin + count)]


def test_mail_comes_at_once_and_is_marked_seen(dovecot: Dovecot, books: Store) -> None:
    with program(dovecot.port) as person, Watching(books, desk_with(dovecot.port, poll=3_600)) as watching:
        person.put(*mails(3))
        watching.until_kept(3)
        for number in range(3, 13):  # one at a time: each must end IDLE
            person.put(mail(f"{number}@example.com"))
            watching.until_kept(number + 1)
        until(lambda: person.unseen() == 0, 5, "all are marked")
    assert [one["raw"] for one in rows(books)] == mails(13)


@pytest.mark.parametrize("after", ["move:Done", "delete", "leave"])
def test_mail_is_moved_deleted_or_left(dovecot: Dovecot, books: Store, after: str) -> None:
    with program(dovecot.port) as person:
        person.make("Done")
        person.put(*mails(120))
        with Watching(books, desk_with(dovecot.port, after=after)) as watching:
            watching.until_kept(120)
        left = {"move:Done": (0, 120), "delete": (0, 0), "leave": (120, 0)}[after]
        assert (person.count(), person.count("Done")) == left
    assert owed(books) == []


def test_a_new_uidvalidity_gives_no_duplicates_and_loses_nothing(dovecot: Dovecot, books: Store) -> None:
    at = desk_with(dovecot.port)
    with program(dovecot.port) as person:
        person.put(*mails(5))
    with Watching(books, at) as watching:
        watching.until_kept(5)
    dovecot.change_uidvalidity()
    with program(dovecot.port) as person:
        person.put(mail("new@example.com"))
    with Watching(books, at):
        until(lambda: len(rows(books)) == 6 and len(uids(books)) == 6, 10, "all are known again")
    assert {one["uidvalidity"] for one in rows(books)} > {77777}


def test_a_mail_of_25_mb_and_a_mail_put_in_by_a_delivery_agent_come_whole(dovecot: Dovecot, books: Store) -> None:
    large = mail("large@example.com", text="\n".join(["x" * 70] * 350_000))
    with program(dovecot.port) as person, Watching(books, desk_with(dovecot.port)) as watching:
        person.put(large)
        watching.until_kept(1)
        (dovecot.maildir() / "1790000000.M1P1.host").write_bytes(mail("a@example.com"))
        dovecot.own()
        watching.until_kept(2)
    assert len(large) > 24_000_000
    assert [one["raw"] for one in rows(books)] == [large, mail("a@example.com")]


def test_a_wrong_password_is_one(dovecot: Dovecot, books: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", "wrong")
    with Watching(books, desk_with(dovecot.port)) as watching:
        assert "refuses support" in str(watching.until_health(lambda one: one.trouble, "it is told").trouble)
