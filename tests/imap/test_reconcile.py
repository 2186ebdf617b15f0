"""`frontdesk reconcile`: every mail of the server that is not here is named, and can be brought in."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner, Result

from tests.desks import HEAD, mail
from tests.imap.fake import Conversation, Fake, Hangup
from tests.imap.servers import PASSWORD, USER, Pymap, program
from tests.imap.watching import Watching, desk_with, rows
from tickets.schema import inbox, mailbox_uids
from tickets.store import Store
from web.metrics import Metrics
from worker import cli


@pytest.fixture
def folder(tmp_path: Path, books: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTDESK_CONFIG", str(tmp_path / "desk.yaml"))
    monkeypatch.setenv("FRONTDESK_DATA", str(tmp_path))
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", books.engine.url.render_as_string())
    return tmp_path


def reconcile(folder: Path, port: int, *words: str, **settings: Any) -> Result:
    said = {
        "name": "box",
        "type": "imap",
        "server": f"imap://127.0.0.1:{port}",
        "user": USER,
        "password": "env:IMAP_PASSWORD",
    }
    text = HEAD.replace("channels:\n", f"channels:\n  - {json.dumps(said | settings)}\n")
    (folder / "desk.yaml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["reconcile", *words])


def documents(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def make_a_hole(books: Store, message_id: str) -> None:
    """Lose a mail, as a restored backup of the database does."""
    with books.write() as connection:
        lost = next(one["id"] for one in rows(books) if message_id.encode() in one["raw"])
        connection.execute(delete(mailbox_uids).where(mailbox_uids.c.inbox_id == lost))
        connection.execute(delete(inbox).where(inbox.c.id == lost))


def test_a_hole_is_named_with_all_that_is_known_of_it_and_fetch_mends_it(
    server: Pymap, books: Store, folder: Path
) -> None:
    with program(server.port) as person:
        person.put(*(mail(f"{number}@example.com", subject=f"Order {number}") for number in range(4)))
        with Watching(books, desk_with(server.port)) as watching:
            watching.until_kept(4)
        person.delete(101)  # what somebody deleted is no hole
        assert reconcile(folder, server.port, "box", "--json").exit_code == 0
        make_a_hole(books, "2@example.com")
        found = reconcile(folder, server.port, "box", "--json")
        [hole] = documents(found)
        assert found.exit_code == 1
        assert hole == {
            "mailbox": "box",
            "folder": "INBOX",
            "uid": 103,
            "uidvalidity": rows(books)[0]["uidvalidity"],
            "date": "2026-09-21T14:13:20.000+00:00",
            "from": "ann@example.com",
            "subject": "Order 2",
            "message_id": "2@example.com",
            "size": len(mail("2@example.com", subject="Order 2")),
            "reason": "it was not fetched",
            "fetched": False,
        }
        said = reconcile(folder, server.port, "box")
        assert said.exit_code == 1
        assert "Order 2" in said.stdout
        assert "2@example.com" in said.stdout
        mended = reconcile(folder, server.port, "box", "--fetch", "--json")
        assert (mended.exit_code, documents(mended)[0]["fetched"]) == (0, True)
        again = reconcile(folder, server.port, "box")
        assert (again.exit_code, "Everything on the server is here" in again.stdout) == (0, True)
    assert len(rows(books)) == 4


def test_mails_that_wait_are_named_and_brought_in_once_whoever_fetches_them(
    server: Pymap, books: Store, folder: Path
) -> None:
    with program(server.port) as person:
        person.put(mail("a@example.com"), mail("b@example.com"))
    waiting = documents(reconcile(folder, server.port, "box", "--json"))
    assert [one["reason"] for one in waiting] == ["it waits to be fetched"] * 2
    assert reconcile(folder, server.port, "box", "--fetch").exit_code == 0
    with Watching(books, desk_with(server.port)) as watching:
        watching.until_health(lambda one: one.seen_at, "it is read")
        watching.until_kept(2)


def test_what_a_first_run_skips_is_no_hole_until_the_desk_file_wants_it(
    server: Pymap, books: Store, folder: Path
) -> None:
    with program(server.port) as person:
        person.put(mail("old@example.com"))
    assert reconcile(folder, server.port, "box", history="skip").exit_code == 0
    assert len(documents(reconcile(folder, server.port, "box", "--json", history="archive"))) == 1
    assert reconcile(folder, server.port, "box", "--fetch", history="archive").exit_code == 0
    assert rows(books)[0]["archive"] is True


def test_a_hole_that_cannot_be_mended_keeps_its_reason_and_the_others_are_mended(books: Store, folder: Path) -> None:
    async def poisoned(to: Conversation) -> None:
        if "BODY.PEEK[]" in to.line and 2 in server.asked(to.line):
            raise Hangup
        await server.usual(to)

    with Fake({uid: mail(f"{uid}@example.com", text="x" * 100 * uid) for uid in range(1, 9)}, fetch=poisoned) as server:
        found = reconcile(folder, server.port, "box", "--fetch", "--json", max_size=1_024)
    assert found.exit_code == 1
    assert [one["uid"] for one in documents(found) if not one["fetched"]] == [2]
    assert len(rows(books)) == 7


@pytest.mark.parametrize(("words", "code"), [(["nobox"], 2), (["mail"], 2)])
def test_a_channel_that_is_no_mailbox_is_bad_usage(folder: Path, words: list[str], code: int) -> None:
    result = reconcile(folder, 1, *words)
    assert result.exit_code == code
    assert "it has: box" in result.stderr


def test_a_server_that_is_away_means_try_again_and_a_wrong_password_does_not(
    server: Pymap, books: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert books.version()
    monkeypatch.setenv("IMAP_PASSWORD", "wrong")
    refused = reconcile(folder, server.port, "box")
    assert (refused.exit_code, "refuses support" in refused.stderr) == (1, True)
    monkeypatch.setenv("IMAP_PASSWORD", PASSWORD)
    server.stop()
    assert reconcile(folder, server.port, "box").exit_code == 75


def test_holes_and_silence_stand_in_the_metrics_and_in_doctor(server: Pymap, books: Store, folder: Path) -> None:
    reconcile(folder, server.port, "box")
    with program(server.port) as person, Watching(books, desk_with(server.port, max_size=1_024)) as watching:
        person.put(mail("large@example.com", text="x" * 3_000))
        seen = watching.until_health(lambda one: one.holes, "the hole is counted").seen_at
        assert seen is not None
        text = Metrics(books, lambda: seen + 7).text().decode()
        where = '{channel="box",folder="INBOX"}'
        assert f"frontdesk_mailbox_holes{where} 1.0" in text
        assert f"frontdesk_mailbox_trouble{where} 0.0" in text
        assert 0 < float(text.partition(f"frontdesk_mailbox_seen_seconds{where} ")[2].split()[0]) <= 7
        found = documents(CliRunner().invoke(cli, ["doctor", "--json"]))
        [said] = [one for one in found if one.get("what") == "mailbox box INBOX"]
        assert said["state"] == "warning"
        assert "1 mails on the server are not here" in said["words"]
