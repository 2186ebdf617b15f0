"""A mailbox is watched: mail comes in at once, once, and whatever happens in between."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete

from ingest import mailbox
from ingest.channels.imap.session import Session
from ingest.channels.imap.watcher import Pace
from tests.chaos.desk_process import until
from tests.desks import mail
from tests.imap.servers import Pymap, program
from tests.imap.watching import Death, Watching, desk_with, owed, rows, uids
from tickets.schema import inbox, mailbox_uids
from tickets.store import Store
from tickets.trouble import Temporary


def mails(count: int, begin: int = 0) -> list[bytes]:
    return [mail(f"{number}@example.com") for number in range(begin, begin + count)]


def count_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Session]:
    """Return a list that grows with every call of a session's method."""
    calls: list[Session] = []
    method = getattr(Session, name)

    def counted(self: Session, *args: Any, **named: Any) -> Any:
        calls.append(self)
        return method(self, *args, **named)

    monkeypatch.setattr(Session, name, counted)
    return calls


def test_mail_that_waits_and_mail_that_comes_are_kept_and_then_marked_seen(server: Pymap, store: Store) -> None:
    with program(server.port) as person, Watching(store, desk_with(server.port)) as watching:
        person.put(*mails(3))
        watching.until_kept(3)
        person.put(mail("news@example.com"))
        watching.until_kept(4)
        until(lambda: person.unseen() == 0, 5, "all are marked")
    kept = rows(store)
    assert [one["raw"] for one in kept] == [*mails(3), mail("news@example.com")]
    assert [one["mailbox"] for one in kept] == ["INBOX"] * 4
    assert {one["format"] for one in kept} == {"mail"}
    assert [uid for _, uid in uids(store)] == [one["uid"] for one in kept]


def test_idle_brings_a_mail_at_once(server: Pymap, books: Store) -> None:
    with program(server.port) as person, Watching(books, desk_with(server.port, poll=3_600)) as watching:
        watching.until_health(lambda one: one.seen_at, "the server answered")
        person.put(mail("a@example.com"))
        watching.until_kept(1)


def test_a_server_without_idle_is_asked_from_time_to_time(books: Store) -> None:
    with (
        Pymap(idle=False) as server,
        program(server.port) as person,
        Watching(books, desk_with(server.port, poll=1)) as watching,
    ):
        watching.until_health(lambda one: one.seen_at, "the server answered")
        person.put(mail("a@example.com"))
        watching.until_kept(1)


def test_a_lost_connection_and_a_server_that_was_away_are_come_back_to(server: Pymap, books: Store) -> None:
    with Watching(books, desk_with(server.port)) as watching:
        for number in range(3):
            with program(server.port) as person:
                person.put(mail(f"{number}@example.com"))
            watching.until_kept(number + 1)
            server.cut()
        server.stop()
        watching.until_health(lambda one: one.trouble, "the trouble is written down")
        server.start()
        with program(server.port) as person:
            person.put(mail("last@example.com"))
        watching.until_kept(4)
        watching.until_health(lambda one: one.trouble is None, "the trouble is over")


def test_several_folders_are_watched_and_the_same_mail_in_two_is_one(server: Pymap, books: Store) -> None:
    with program(server.port) as person:
        person.make("Shop/Entw&APw-rfe")
        person.put(*mails(2), folder="Shop/Entw&APw-rfe")
        person.put(*mails(2, begin=1))
        with Watching(books, desk_with(server.port, folders=["INBOX", "Shop/Entwürfe"])) as watching:
            watching.until_kept(3)
            until(lambda: len(uids(books)) == 4, 10, "both folders are read")
    assert len(set(uids(books).values())) == 3


def test_a_new_uidvalidity_reads_all_again_without_duplicates_and_without_loss(server: Pymap, books: Store) -> None:
    with program(server.port) as person:
        person.make("Support")
        person.put(*mails(5), folder="Support")
        at = desk_with(server.port, folders=["Support"])
        with Watching(books, at) as watching:
            watching.until_kept(5)
        first = {one["uidvalidity"] for one in rows(books)}
        person.remove("Support")
        person.make("Support")
        person.put(*reversed(mails(7)), folder="Support")
        with Watching(books, at) as watching:
            watching.until_kept(7)
            until(lambda: len(uids(books)) == 7, 10, "every UID is known again")
    assert {one["uidvalidity"] for one in rows(books)} != first
    assert set(uids(books).values()) == {one["id"] for one in rows(books)}


def before(what: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: int) -> None:
    """Let the process die when it calls `owner.name` for the so manyeth time."""
    calls = iter(range(after))

    def dies(*args: Any, **named: Any) -> Any:
        if next(calls, None) is None:
            raise Death
        return what(*args, **named)

    monkeypatch.setattr(owner, name, dies)


@pytest.mark.parametrize("after", ["seen", "move:Done", "delete"])
@pytest.mark.parametrize(
    ("owner", "name"),
    [(Session, "bodies"), (Watching, "_accept"), (mailbox, "note"), (Session, "mark"), (mailbox, "done")],
    ids=["fetch", "keep", "write-down", "mark", "marked"],
)
def test_a_process_that_dies_before_a_step_loses_nothing_and_doubles_nothing(
    server: Pymap, books: Store, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: str
) -> None:
    if name == "mark":
        name = {"seen": "mark_seen", "delete": "delete"}.get(after, "move")
    at = desk_with(server.port, after=after)
    with program(server.port) as person:
        person.make("Done")
        person.put(*mails(4))
        with monkeypatch.context() as patch:
            before(getattr(owner, name), patch, owner, name, after=0)
            with Watching(books, at) as dying:
                dying.died()
        person.put(*mails(2, begin=4))
        with Watching(books, at) as watching:
            watching.until_kept(6)
        assert sorted(one["raw"] for one in rows(books)) == mails(6)
        left = {"seen": (6, 0), "move:Done": (0, 6), "delete": (0, 0)}[after]
        assert (person.count(), person.count("Done")) == left
        assert person.unseen() == 0


@pytest.mark.parametrize("after", ["seen", "leave"])
def test_what_is_seen_or_left_stays_where_it_is(server: Pymap, books: Store, after: str) -> None:
    with program(server.port) as person:
        person.put(*mails(3))
        with Watching(books, desk_with(server.port, after=after)) as watching:
            watching.until_kept(3)
        assert person.count() == 3
        assert person.unseen() == (0 if after == "seen" else 3)


def test_a_mail_is_moved_where_the_server_knows_no_move(
    server: Pymap, books: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = Session._able

    async def less(self: Session) -> frozenset[str]:
        return await able(self) - {"MOVE"}

    monkeypatch.setattr(Session, "_able", less)
    with program(server.port) as person:
        person.make("Done")
        person.put(*mails(3))
        with Watching(books, desk_with(server.port, after="move:Done")) as watching:
            watching.until_kept(3)
        assert (person.count(), person.count("Done")) == (0, 3)


def test_a_folder_to_move_to_that_is_missing_holds_up_nothing_and_is_made_up_for(server: Pymap, books: Store) -> None:
    at = desk_with(server.port, after="move:Done")
    with program(server.port) as person:
        person.put(*mails(2))
        with Watching(books, at) as watching:
            until(lambda: len(rows(books)) == 2, 10, "they are kept")
            watching.until_health(lambda one: one.seen_at, "and the mailbox is read on")
        assert len(owed(books)) == 2
        person.make("Done")
        with Watching(books, at) as watching:
            watching.until_kept(2)
        assert (person.count(), person.count("Done")) == (0, 2)


@pytest.mark.parametrize(("history", "kept", "archived"), [("import", 5, 0), ("archive", 5, 3), ("skip", 2, 0)])
def test_a_first_run_imports_archives_or_skips_what_was_there(
    server: Pymap, books: Store, history: str, kept: int, archived: int
) -> None:
    at = desk_with(server.port, history=history)
    with program(server.port) as person:
        person.put(*mails(3))
        with Watching(books, at) as watching:
            watching.until_health(lambda one: one.seen_at, "the first run is over")
            person.put(*mails(2, begin=3))
            watching.until_kept(kept)
        assert [one.get("archive", False) for one in rows(books)] == [True] * archived + [False] * (kept - archived)
        with Watching(books, at, Pace(check=0)) as watching:
            assert watching.until_health(lambda one: one.seen_at, "it is compared").holes == 0
        assert len(rows(books)) == kept


def test_after_a_new_uidvalidity_history_is_what_the_server_got_before_the_first_run(
    server: Pymap, books: Store
) -> None:
    at = desk_with(server.port, folders=["Support"], history="skip")
    with program(server.port) as person:
        person.make("Support")
        person.put(*mails(3), folder="Support")
        with Watching(books, at) as watching:
            watching.until_health(lambda one: one.seen_at, "the first run is over")
        person.remove("Support")
        person.make("Support")
        person.put(*mails(3), folder="Support")
        person.put_now(mail("new@example.com"), folder="Support")
        with Watching(books, at) as watching:
            watching.until_kept(1)
            assert watching.until_health(lambda one: one.seen_at, "it is compared").holes == 0


def test_a_mail_that_is_too_large_is_a_hole_and_those_behind_it_come(server: Pymap, books: Store) -> None:
    large = mail("large@example.com", text="x" * 5_000)
    with program(server.port) as person:
        person.put(mail("a@example.com"), large, mail("b@example.com"))
        with Watching(books, desk_with(server.port, max_size=2_000)) as watching:
            watching.until_kept(2)
            assert watching.until_health(lambda one: one.holes, "the hole is counted").holes == 1
        assert "max_size" in str(uids(books)["INBOX", 102])
        assert person.unseen() == 1
        with Watching(books, desk_with(server.port)) as watching:  # max_size was raised
            watching.until_kept(3)
            watching.until_health(lambda one: one.seen_at and not one.holes, "no hole is left")


def test_a_mail_the_database_does_not_take_is_a_hole_and_those_beside_it_come(
    server: Pymap, books: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = Watching._accept

    async def picky(self: Watching, arrivals: Any) -> Any:
        if any(b"poison" in one.raw for one in arrivals):
            raise Temporary("could not be kept: DataError")
        return await accept(self, arrivals)

    monkeypatch.setattr(Watching, "_accept", picky)
    with program(server.port) as person, Watching(books, desk_with(server.port)) as watching:
        person.put(mail("a@example.com"), mail("poison@example.com"), mail("b@example.com"))
        watching.until_kept(2)
        assert watching.until_health(lambda one: one.holes, "the hole is counted").holes == 1
        assert person.unseen() == 1


def test_while_the_database_takes_nothing_mail_stays_unseen_and_comes_later(
    server: Pymap, books: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, broken = Watching._accept, [True]

    async def troubled(self: Watching, arrivals: Any) -> Any:
        if broken[0]:
            raise Temporary("disk full")
        return await accept(self, arrivals)

    def no_write() -> None:
        if broken[0]:
            raise Temporary("disk full")

    monkeypatch.setattr(Watching, "_accept", troubled)
    monkeypatch.setattr(books, "try_write", no_write)
    with program(server.port) as person, Watching(books, desk_with(server.port)) as watching:
        person.put(*mails(3))
        assert "disk full" in str(watching.until_health(lambda one: one.trouble, "it is said").trouble)
        assert person.unseen() == 3
        broken[0] = False
        watching.until_kept(3)
    assert uids(books).keys() == {("INBOX", one["uid"]) for one in rows(books)}


def test_a_hole_that_was_made_is_found_and_mended_by_the_next_comparison(server: Pymap, books: Store) -> None:
    at = desk_with(server.port)
    with program(server.port) as person:
        person.put(*mails(4))
        with Watching(books, at) as watching:
            watching.until_kept(4)
        with books.write() as connection:
            lost = rows(books)[1]
            connection.execute(delete(mailbox_uids).where(mailbox_uids.c.inbox_id == lost["id"]))
            connection.execute(delete(inbox).where(inbox.c.id == lost["id"]))
        person.delete(101)  # what somebody deleted is no hole
        with Watching(books, at) as watching:
            watching.until_kept(4)
            watching.until_health(lambda one: one.seen_at and not one.holes, "no hole is left")
    assert sorted(one["raw"] for one in rows(books)) == mails(4)


def test_a_wrong_password_is_told_in_plain_words_and_not_tried_again_at_once(
    server: Pymap, books: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = count_calls(monkeypatch, "log_in")
    monkeypatch.setenv("IMAP_PASSWORD", "wrong")
    with Watching(books, desk_with(server.port)) as watching:
        words = watching.until_health(lambda one: one.trouble, "it is said").trouble
        assert "refuses support" in str(words)
        assert "check user and password" in str(words)
        asyncio.run(asyncio.sleep(0.3))  # time for a second try, if there were one
        assert len(tries) == 1
        monkeypatch.setenv("IMAP_PASSWORD", "secret")
        watching.desk = desk_with(server.port, poll=61)  # the desk file was changed: worth a try at once
        watching.until_health(lambda one: one.seen_at, "it is read")


def test_of_two_processes_one_watches_and_the_other_takes_over(
    server: Pymap, services: Any, migrated_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = services.database(migrated_postgresql)
    at, store = desk_with(server.port), Store(url)
    logins = count_calls(monkeypatch, "log_in")
    try:
        with program(server.port) as person, Watching(store, at) as second_or_first:
            with Watching(store, at) as other:
                person.put(mail("a@example.com"))
                other.until_kept(1)
                assert len(logins) == 1
            person.put(mail("b@example.com"))
            second_or_first.until_kept(2)
            assert len(logins) <= 2
        with Watching(store, at) as third:
            third.until_health(lambda one: one.seen_at, "a lease that was given back is free at once")
    finally:
        store.close()
        services.drop(url)


def test_a_lease_that_is_not_renewed_ends_and_one_that_is_held_is_not_given(store: Store) -> None:
    place = mailbox.Place("box", "INBOX")
    assert mailbox.hold(store, place, "one", 100, 145)
    assert not mailbox.hold(store, place, "other", 144, 189)
    assert mailbox.hold(store, place, "one", 144, 189)
    assert not mailbox.hold(store, place, "other", 188, 233)
    assert mailbox.hold(store, place, "other", 190, 235)
    mailbox.release(store, place, "one")
    assert not mailbox.hold(store, place, "one", 191, 236)
    mailbox.release(store, place, "other")
    assert mailbox.hold(store, place, "one", 191, 236)
