"""Servers and networks at their worst: no mail is lost, none is doubled, and nobody waits for ever."""

import ssl
from pathlib import Path

import pytest
import trustme

from ingest.channels.imap import wire
from ingest.channels.imap.session import Session
from tests.chaos.desk_process import until
from tests.desks import mail
from tests.imap.fake import Conversation, Fake, Hangup
from tests.imap.watching import Watching, desk_with, rows, uids
from tickets.store import Store


def some(*numbers: int) -> dict[int, bytes]:
    return {number: mail(f"{number}@example.com") for number in numbers}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "silence", 0.5)


async def hang_up(_to: Conversation) -> None:
    raise Hangup


async def silence(to: Conversation) -> None:
    await to.hear()


async def garbage(to: Conversation) -> None:
    await to.say(b"\xff\xfe\x00 {99", b"* \x80 FETCH", f"{to.tag}X OK who?", f"{to.tag} OK \xff")


async def without_end(to: Conversation) -> None:
    while True:
        await to.say(b"* OK and one more thing" * 100)


async def good_bye(to: Conversation) -> None:
    await to.say("* BYE we close for the night")
    raise Hangup


async def half_a_mail(to: Conversation) -> None:
    await to.say("* 1 FETCH (UID 1 BODY[] {5000}", "From: ann@exam")
    raise Hangup


async def half_a_mail_and_silence(to: Conversation) -> None:
    await to.say("* 1 FETCH (UID 1 BODY[] {5000}", "From: ann@exam")
    await to.hear()


async def refused(to: Conversation) -> None:
    await to.say(f"{to.tag} NO [UNAVAILABLE] the disk of the user database is away")


FAULTS = [hang_up, silence, garbage, good_bye, without_end]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("word", ["greeting", "capability", "authenticate", "select", "search", "fetch", "store"])
def test_whatever_breaks_at_any_step_is_over_when_the_server_is_well_again(
    books: Store, monkeypatch: pytest.MonkeyPatch, fault: object, word: str
) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 100_000)
    with Fake(some(1, 2)) as server:
        server.instead = {word: fault}  # type: ignore[dict-item]
        with Watching(books, desk_with(server.port)) as watching:
            assert watching.until_health(lambda one: one.trouble, "the trouble is told").trouble
            server.instead = {}
            watching.until_kept(2)
            watching.until_health(lambda one: not one.trouble, "the trouble is over")


@pytest.mark.parametrize("fault", [half_a_mail, half_a_mail_and_silence], ids=lambda fault: fault.__name__)
def test_half_a_mail_is_no_mail(books: Store, fault: object) -> None:
    async def half(to: Conversation) -> None:
        await (fault(to) if "BODY" in to.line else server.usual(to))  # type: ignore[operator]

    with Fake(some(1, 2), fetch=half) as server, Watching(books, desk_with(server.port)) as watching:
        watching.until_health(lambda one: one.trouble, "the trouble is told")
        assert rows(books) == []
        server.instead = {}
        watching.until_kept(2)
    assert [one["raw"] for one in rows(books)] == list(some(1, 2).values())


@pytest.mark.parametrize("fault", [good_bye, hang_up], ids=lambda fault: fault.__name__)
def test_an_end_within_idle_is_noticed_at_once(books: Store, fault: object) -> None:
    async def idle(to: Conversation) -> None:
        if to.number == 1:
            await to.say("+ idling")
            await until_told(to)
        await server.usual(to)

    async def until_told(to: Conversation) -> None:
        server.mails |= some(2)  # it came while nobody was told
        await fault(to)  # type: ignore[operator]

    with Fake(some(1), idle=idle) as server, Watching(books, desk_with(server.port)) as watching:
        watching.until_kept(2)
    assert server.connections == 2


def test_a_server_that_promises_idle_and_refuses_it_is_asked_from_time_to_time(books: Store) -> None:
    async def no(to: Conversation) -> None:
        server.mails |= some(1)
        await to.say(f"{to.tag} BAD what is IDLE?")

    with Fake(idle=no) as server, Watching(books, desk_with(server.port, poll=1)) as watching:
        watching.until_kept(1)
    assert server.connections == 1


def test_a_mail_announced_in_the_answer_to_another_command_is_not_forgotten(books: Store) -> None:
    async def store(to: Conversation) -> None:
        server.mails |= some(2)
        await to.fine("* 2 EXISTS")

    async def idle(to: Conversation) -> None:
        await to.say("+ idling")
        await to.hear()
        await to.fine()

    with Fake(some(1), store=store, idle=idle) as server, Watching(books, desk_with(server.port)) as watching:
        watching.until_kept(2)


def test_a_mail_that_came_just_before_idle_is_found_though_the_server_says_nothing_of_it(books: Store) -> None:
    async def idle(to: Conversation) -> None:
        server.mails |= some(2)
        await server.usual(to)

    with Fake(some(1), idle=idle) as server, Watching(books, desk_with(server.port)) as watching:
        watching.until_kept(2)
    assert server.connections == 1


@pytest.mark.parametrize("what", ["RFC822.SIZE", "BODY"])
@pytest.mark.parametrize("fault", [hang_up, garbage], ids=lambda fault: fault.__name__)
def test_a_mail_that_ends_every_connection_is_a_hole_and_blocks_nobody(books: Store, what: str, fault: object) -> None:
    async def poisoned(to: Conversation) -> None:
        await (fault(to) if what in to.line and 3 in server.asked(to.line) else server.usual(to))  # type: ignore[operator]

    with Fake(some(1, 2, 3, 4, 5), fetch=poisoned) as server, Watching(books, desk_with(server.port)) as watching:
        watching.until_kept(4)
        watching.until_health(lambda one: one.holes == 1, "the hole is counted")
    assert "connections ended" in uids(books)["INBOX", 3]
    server.instead = {}
    with Fake(server.mails) as well, Watching(books, desk_with(well.port)) as watching:
        watching.until_kept(5)
        watching.until_health(lambda one: one.seen_at and not one.holes, "it is mended")


def test_a_mail_the_server_cannot_give_is_a_hole_and_one_that_is_gone_is_none(books: Store) -> None:
    async def partly(to: Conversation) -> None:
        lines = [server.fetched(uid, to.line) for uid in server.asked(to.line) if "BODY" not in to.line or uid == 1]
        if "BODY" in to.line:
            server.mails.pop(3, None)  # somebody deletes it meanwhile
        await to.say(*lines, f"{to.tag} NO [SERVERBUG] some mails could not be read")

    with Fake(some(1, 2, 3), fetch=partly) as server, Watching(books, desk_with(server.port)) as watching:
        watching.until_kept(1)
        watching.until_health(lambda one: one.holes == 1, "the hole is counted")
        assert uids(books)["INBOX", 2] == "the server does not give it"
        assert ("INBOX", 3) not in uids(books)


def test_a_thousand_announcements_at_once_and_odd_answers_are_read(books: Store) -> None:
    async def odd(to: Conversation) -> None:
        noise = [f"* {number} FETCH (FLAGS (\\Seen))" for number in range(1, 3_000)]
        await to.say(
            *noise, "* 3000 EXISTS", "* OK [ALERT] (parentheses", "* SEARCH 1", "* SEARCH 2", f"{to.tag} OK done"
        )

    async def short(to: Conversation) -> None:
        if "BODY" not in to.line:
            await server.usual(to)
        else:
            await to.fine(
                r'* 1 FETCH (UID 1 BODY[] "Subject: \"hi\"")',
                "* 2 FETCH (BODY[] {11}",
                "Subject: ho UID 2)",
                "* 9 EXISTS",
            )

    with Fake({1: b'Subject: "hi"', 2: b"Subject: ho"}, fetch=short) as server:
        search_once = iter([odd])

        async def search(to: Conversation) -> None:
            await next(search_once, server.usual)(to)

        server.instead["search"] = search
        with Watching(books, desk_with(server.port)) as watching:
            watching.until_kept(2)
    assert [one["raw"] for one in rows(books)] == [b'Subject: "hi"', b"Subject: ho"]


def test_a_login_that_is_unavailable_is_tried_again_soon_and_is_not_called_a_wrong_password(books: Store) -> None:
    with Fake(some(1), authenticate=refused) as server, Watching(books, desk_with(server.port)) as watching:
        words = watching.until_health(lambda one: one.trouble, "it is told").trouble
        assert "password" not in str(words)
        assert "nobody in now" in str(words)
        server.instead = {}
        watching.until_kept(1)


def test_a_server_that_takes_no_response_with_the_command_gets_a_plain_login(books: Store) -> None:
    with Fake(some(1)) as server:
        server.capability = "IMAP4rev1 AUTH=PLAIN IDLE"
        with Watching(books, desk_with(server.port, user='Ann "A" (x)')) as watching:
            watching.until_kept(1)
    assert any(line.endswith(r'LOGIN "Ann \"A\" (x)" "secret"') for line in server.heard)


def test_uidvalidity_changes_and_the_same_mails_come_under_other_numbers(books: Store) -> None:
    with Fake(some(1, 2, 3)) as server:
        with Watching(books, desk_with(server.port)) as watching:
            watching.until_kept(3)
        server.uidvalidity = 8
        server.mails = {11: server.mails[3], 12: mail("new@example.com"), 13: server.mails[1]}
        with Watching(books, desk_with(server.port)) as watching:
            until(lambda: len(rows(books)) == 4 and len(uids(books)) == 3, 10, "all are known by their new numbers")
    assert {uid for _, uid in uids(books)} == {11, 12, 13}


def test_a_server_without_uidvalidity_is_not_read(books: Store) -> None:
    async def select(to: Conversation) -> None:
        await to.fine("* 1 EXISTS")

    with Fake(some(1), select=select) as server, Watching(books, desk_with(server.port)) as watching:
        assert "UIDVALIDITY" in str(watching.until_health(lambda one: one.trouble, "it is told").trouble)
    assert rows(books) == []


def test_over_tls_only_a_server_that_proves_its_name_gets_the_password(
    books: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, trusted in (("127.0.0.1", False), ("other.example", True), ("127.0.0.1", True)):
        server = Fake(some(1))
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(server.tls)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        at = desk_with(server.port, server=f"imaps://127.0.0.1:{server.port}")
        with server, Watching(books, at) as watching:
            if (name, trusted) == ("127.0.0.1", True):
                watching.until_kept(1)
            else:
                words = watching.until_health(lambda one: one.trouble, "it is told").trouble
                assert "certificate" in str(words).lower()
                assert server.heard == []
