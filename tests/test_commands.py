"""The command line: documents for programs, words for people, exit codes a mail system understands."""

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from typer.testing import CliRunner, Result

from commands.look import _details
from commands.mail import with_crlf
from commands.parts import CHECKS, KINDS
from config.settings import Settings
from config.watch import DeskFile
from ingest.inbox import due
from router.route import Router
from tests.clamd import clamd
from tests.desks import HEAD, TRUSTING, mail
from tickets.blobs import open_blobs
from tickets.preferences import choose, chosen
from tickets.schema import entries, files, inbox
from tickets.store import Store
from worker import App, cli

MAIL = mail("a@x", to="billing@acme.example", subject="My invoice", text="Where is it?\n\n> old words")


@pytest.fixture(autouse=True)
def desk_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every command its own desk file and data."""
    (tmp_path / "desk.yaml").write_text(HEAD, encoding="utf-8")
    for name in ("DATABASE_URL", "BROKER_URL", "HTTP", "LOG", "BLOBS", "CLAMD"):
        monkeypatch.delenv(f"FRONTDESK_{name}", raising=False)
    monkeypatch.setenv("FRONTDESK_CONFIG", str(tmp_path / "desk.yaml"))
    monkeypatch.setenv("FRONTDESK_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def call(*words: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, words, input=stdin)


def documents(*words: str) -> list[dict[str, Any]]:
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def store(folder: Path) -> Store:
    made = Store(f"sqlite:///{folder / 'var' / 'frontdesk.sqlite3'}")
    made.migrate()
    return made


def rows(folder: Path) -> list[Any]:
    """Return what is kept."""
    made = store(folder)
    with made.read() as connection:
        found = list(connection.execute(select(inbox).order_by(inbox.c.id)).mappings())
    made.close()
    return found


def route(folder: Path) -> None:
    """Route what waits, as the running desk would."""
    made = store(folder)
    blobs = open_blobs(Settings(data=folder / "var"))
    router = Router(made, DeskFile(folder / "desk.yaml", KINDS, CHECKS).current, blobs=blobs)
    for number in due(made, 1e12, 100):
        router.route(number)
    made.close()


def test_a_mail_from_a_pipe_becomes_a_ticket_and_can_be_looked_at(desk_folder: Path) -> None:
    kept = call("inject", "--json", "billing@acme.example", stdin=MAIL)
    assert (kept.exit_code, json.loads(kept.stdout)) == (0, {"id": 1, "duplicate": False})
    route(desk_folder)

    [row] = documents("tickets")
    assert {
        name: row[name] for name in ("number", "subject", "channel", "department", "agent", "status", "priority")
    } == {
        "number": 1,
        "subject": "My invoice",
        "channel": "mail",
        "department": "billing",
        "agent": None,
        "status": "new",
        "priority": "normal",
    }
    assert (row["tags"], row["contact"], row["messages"]) == ([], {"name": "", "address": "ann@example.com"}, 1)
    [whole] = documents("ticket", "1")
    assert whole["entries"][0]["text"].startswith("Where is it?")
    assert [event["event"] for event in whole["history"]] == ["ticket.created", "message.received"]
    told = documents("outbox")[0]
    known = ["id", "ticket", "event", "recipient", "notifier", "state", "attempts", "reason", "last_error"]
    assert list(told) == [*known, "word", "whose", "held", "provider_id", "not_before", "seen_at"]
    assert documents("outbox", "--ticket", "1", "--agent", told["recipient"], "--state", told["state"])[0] == told
    assert documents("outbox", "--ticket", "2") == documents("outbox", "--state", "failed") == []
    [made, _] = whole["history"]
    assert {(one["recipient"], one["notifier"]) for one in made["told"]} >= {(told["recipient"], told["notifier"])}
    assert f"@ {told['recipient']} by {told['notifier']}: pending" in call("ticket", "1").stdout
    [one] = documents("why", "1")
    assert one["trace"]["because"].endswith("billing@acme.example")
    for words in (("tickets",), ("ticket", "1"), ("why", "1"), ("outbox",)):
        shown = call(*words)
        assert shown.exit_code == 0
        assert "invoice" in shown.stdout or "sona" in shown.stdout


def test_a_token_is_shown_once_and_all_of_an_agent_end_together_with_their_reply_addresses(desk_folder: Path) -> None:
    [made] = documents("token", "luca")
    assert made["token"].startswith("fd_")
    result = call("token", "luca", "--revoke")
    assert result.stdout.startswith("Tokens of Luca that are worthless now: 1; and the reply addresses")
    kept = store(desk_folder)
    assert chosen(kept).epochs == {"luca": 1}
    kept.close()


def test_the_same_mail_from_a_pipe_and_over_the_wire_is_one_mail() -> None:
    unix = b"From ann@example.com Sun Nov 22 12:00:00 2026\n" + MAIL.replace(b"\r\n", b"\n")
    assert with_crlf(unix) == MAIL
    assert json.loads(call("inject", "--json", stdin=MAIL).stdout) == {"id": 1, "duplicate": False}
    again = call("inject", "--json", stdin=unix)
    assert (again.exit_code, json.loads(again.stdout)) == (0, {"id": 1, "duplicate": True})


def test_a_pipe_says_nothing_on_success_for_some_mail_systems_take_words_for_a_failure() -> None:
    kept = call("inject", stdin=MAIL)
    assert (kept.exit_code, kept.output) == (0, "")


def test_the_envelope_may_stand_in_the_environment_as_postfix_and_exim_put_it(
    desk_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDER", "ann@example.com")
    monkeypatch.setenv("RECIPIENT", "desk@mail.acme.example")
    monkeypatch.setenv("ORIGINAL_RECIPIENT", "billing+vip@acme.example")
    assert call("inject", stdin=MAIL.replace(b"To: <billing@", b"To: <nobody@")).exit_code == 0
    assert call("inject", "--from", "", "empty@acme.example", stdin=mail("b@x")).exit_code == 0
    found = [json.loads(row["meta"]) for row in rows(desk_folder)]
    assert [(meta["mail_from"], meta["recipients"]) for meta in found] == [
        ("ann@example.com", ["billing+vip@acme.example", "desk@mail.acme.example"]),
        ("", ["empty@acme.example"]),
    ]
    route(desk_folder)
    assert sorted(row["department"] for row in documents("tickets")) == ["billing", "empty"]


def test_the_lines_for_postfix_in_the_documents_work_whatever_stands_in_an_envelope(desk_folder: Path) -> None:
    text = (Path(__file__).parent.parent / "docs/channels.md").read_text(encoding="utf-8")
    [argv] = re.findall(r"argv=\S*/frontdesk (inject .*)$", text, re.MULTILINE)
    for sender, recipient in (
        ("ann@example.com", "billing@acme.example"),
        ("", "--help@acme.example"),
        ("--x@y", "-@z"),
    ):
        words = [word.replace("${sender}", sender).replace("${recipient}", recipient) for word in argv.split()]
        assert call(*words, stdin=mail(f"{sender}@x")).exit_code == 0
    assert [json.loads(row["meta"])["recipients"] for row in rows(desk_folder)] == [
        ["billing@acme.example"], ["--help@acme.example"], ["-@z"],
    ]  # fmt: skip


def test_a_pipe_may_keep_a_mail_in_the_name_of_any_channel_that_takes_mail(desk_folder: Path) -> None:
    more = '  - {name: ses, type: ses, topics: ["arn:aws:sns:eu-west-1:123456789012:mail"]}\ntags:'
    (desk_folder / "desk.yaml").write_text(HEAD.replace("tags:", more), encoding="utf-8")
    assert call("inject", "--channel", "ses", stdin=MAIL).exit_code == 0
    refused = call("inject", "--channel", "site", stdin=MAIL)
    assert (refused.exit_code, "mail, ses" in refused.stderr) == (75, True)
    assert [row["channel"] for row in rows(desk_folder)] == ["ses"]


@pytest.mark.parametrize(
    "trouble",
    [
        "no database",
        "no folder",
        "locked",
        "broken desk file",
        "no mail channel",
        "wrong environment",
        "a defect of ours",
    ],
)
def test_a_pipe_is_told_to_try_again_whenever_the_mail_could_not_be_kept(
    desk_folder: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    holder = None
    if trouble == "no database":
        monkeypatch.setenv("FRONTDESK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/desk")
    elif trouble == "no folder":
        (desk_folder / "file").write_text("")
        monkeypatch.setenv("FRONTDESK_DATA", str(desk_folder / "file" / "var"))
    elif trouble == "locked":
        monkeypatch.setattr("tickets.store.LOCK_SECONDS", 0.2)
        store(desk_folder).close()
        holder = sqlite3.connect(desk_folder / "var" / "frontdesk.sqlite3", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    elif trouble == "broken desk file":
        (desk_folder / "desk.yaml").write_text("desk: {nam: Acme}")
    elif trouble == "wrong environment":
        monkeypatch.setenv("FRONTDESK_HTTP", "nowhere")
    elif trouble == "a defect of ours":
        monkeypatch.delattr("commands.mail.arrival")
    else:
        (desk_folder / "desk.yaml").write_text(re.sub("{name: mail, .*}", "{name: web, type: chat, origins: []}", HEAD))
    result = call("inject", stdin=MAIL)
    if holder:
        holder.close()
    assert result.exit_code == 75, result.output
    assert ("environment is not right" if trouble == "wrong environment" else "not kept") in result.stderr


def test_a_mail_that_is_too_large_or_empty_is_refused_for_good(desk_folder: Path) -> None:
    (desk_folder / "desk.yaml").write_text(HEAD.replace('"127.0.0.1:8025"}', '"127.0.0.1:8025", max_size: 1024}'))
    assert call("inject", stdin=b"Subject: large\n\n" + b"x" * 2_000).exit_code == 1
    assert call("inject", stdin=b"\n").exit_code == 2


def test_parse_shows_what_a_file_is_understood_as_without_a_desk(desk_folder: Path) -> None:
    (desk_folder / "desk.yaml").unlink()
    (desk_folder / "mail.eml").write_bytes(MAIL)
    [one] = documents("parse", str(desk_folder / "mail.eml"))
    assert list(one) == [
        "file", "channel", "external_id", "conversation", "sender", "to", "cc", "subject", "text", "reply_text", "html",
        "attachments", "kind", "in_reply_to", "references", "sent_at",
    ]  # fmt: skip
    assert (one["external_id"], one["sender"]["id"], one["to"]) == ("a@x", "ann@example.com", ["billing@acme.example"])
    assert one["sent_at"].startswith("2026-11-22T12:00:00")
    assert "Where is it?" in call("parse", str(desk_folder / "mail.eml")).stdout


def test_parse_takes_many_files_and_says_which_could_not_be_read(desk_folder: Path) -> None:
    good = {"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "Hi"}}
    (desk_folder / "good.json").write_text(json.dumps(good))
    (desk_folder / "bad.json").write_text("{")
    result = call(
        "parse", "--channel", "telegram", "--json", str(desk_folder / "bad.json"), str(desk_folder / "good.json")
    )
    assert result.exit_code == 1
    assert "bad.json" in result.stderr
    assert json.loads(result.stdout)["text"] == "Hi"
    assert call("parse", "--channel", "telegrem", str(desk_folder / "good.json")).exit_code == 2


def test_check_prints_every_problem_with_its_place_and_ends_with_2(desk_folder: Path) -> None:
    assert call("check").exit_code == 0
    broken = HEAD.replace("agents: [sona, luca]", "agents: [sonia, luca]").replace("name: Mia,", "nmae: Mia,")
    (desk_folder / "desk.yaml").write_text(broken)
    result = call("check", "--json")
    assert result.exit_code == 2
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert ("departments.1.agents.0", "sona") in [(one["path"], one["suggestion"]) for one in found]
    assert ("agents.2.nmae", "name") in [(one["path"], one["suggestion"]) for one in found]
    assert all(one["line"] > 0 and one["column"] > 0 for one in found)
    people = call("check")
    assert people.exit_code == 2
    assert 'did you mean "sona"?' in people.stdout


def test_quarantine_lists_shows_retries_and_discards(desk_folder: Path) -> None:
    for number in (1, 2):
        subject = f"(#12345678{number}) Gmail Forwarding Confirmation"
        call("inject", stdin=mail(f"{number}@x", sender="forwarding-noreply@google.com", subject=subject))
    route(desk_folder)
    first, second = documents("quarantine", "list")
    assert "enter the code 123456781" in first["cause"]
    assert "Gmail asks" in call("quarantine", "list").stdout
    assert call("quarantine", "show", "1", "--raw").stdout_bytes.startswith(b"From: <forwarding-noreply@google.com>")
    assert documents("quarantine", "show", "1")[0]["envelope"]["type"] == "smtp"
    assert call("quarantine", "retry", "1").exit_code == 0
    assert call("quarantine", "discard", str(second["id"])).exit_code == 0
    assert documents("quarantine", "list") == []
    for words in (("show", "1"), ("retry", "1"), ("discard", "1")):
        assert call("quarantine", *words).exit_code == 1
    route(desk_folder)
    assert len(documents("tickets")) == 1


def test_doctor_says_what_is_missing_and_ends_with_1_only_when_the_desk_cannot_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TELEGRAM_SECRET", raising=False)
    found = {row["what"]: row for row in documents("doctor")}
    assert found["channel bot"]["state"] == "missing"
    assert "TELEGRAM_SECRET" in found["channel bot"]["words"]
    assert found["database"]["state"] == "fine"
    assert call("migrate").exit_code == 0
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/desk")
    monkeypatch.setenv("FRONTDESK_BROKER_URL", "redis://127.0.0.1:1/0")
    broken = call("doctor")
    assert broken.exit_code == 1
    assert call("migrate").exit_code == 75
    assert call("tickets").exit_code == 75


def test_doctor_warns_of_a_mail_channel_that_knows_nobody(desk_folder: Path) -> None:
    found = {row["what"]: row for row in documents("doctor")}
    assert found["channel mail"]["state"] == "warning"
    assert "counts as a customer" in found["channel mail"]["words"]
    (desk_folder / "desk.yaml").write_text(TRUSTING, encoding="utf-8")
    assert "channel mail" not in {row["what"] for row in documents("doctor")}


@pytest.mark.parametrize(
    ("key", "state", "words"),
    [
        ("", "warning", "set signing_secret, or app_token for Socket Mode"),
        (", signing_secret: env:NO_SECRET", "fine", "come by signed HTTP at /slack/"),
        (", app_token: env:NO_TOKEN", "fine", "come by Socket Mode"),
    ],
)
def test_check_and_doctor_say_whether_anybody_hears_clicks_in_slack(
    desk_folder: Path, key: str, state: str, words: str
) -> None:
    (desk_folder / "desk.yaml").write_text(f"{HEAD}  slack: {{token: env:NO_BOT{key}}}\n", encoding="utf-8")
    found = {(row["what"], row["state"]): row["words"] for row in documents("doctor")}
    assert words in found["clicks in Slack", state]
    assert ("notifier slack", "missing") in found
    warned = [row for row in documents("check") if row["path"] == "notifiers.slack"]
    assert [row["severity"] for row in warned] == (["warning"] if state == "warning" else [])


def test_doctor_finds_the_secrets_of_listeners_users_decryption_and_agents(
    desk_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_SECRET", "s3cret")
    monkeypatch.delenv("RELAY_PASSWORD", raising=False)
    monkeypatch.delenv("PGP_KEY", raising=False)
    monkeypatch.delenv("LUCA_APPRISE", raising=False)
    users = '"127.0.0.1:8025", tls: {certificate: "file:c.pem", key: "file:k.pem"}, users: [{name: r, password: "env:RELAY_PASSWORD"}]}'
    text = HEAD.replace('"127.0.0.1:8025"}', users)
    text = text.replace(
        "domain: support.acme.example}", 'domain: support.acme.example, decryption: {pgp: ["env:PGP_KEY"]}}'
    )
    text = text.replace("luca@acme.example}", 'luca@acme.example, apprise: "env:LUCA_APPRISE"}')
    (desk_folder / "desk.yaml").write_text(text, encoding="utf-8")
    missing = {
        (row["what"], row["words"].partition(":")[0]) for row in documents("doctor") if row["state"] == "missing"
    }
    assert missing == {("channel mail", "password"), ("desk", "pgp"), ("agent luca", "apprise")}


def test_doctor_names_each_of_several_secrets_that_is_missing(
    desk_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_SECRET", "s3cret")
    monkeypatch.setenv("MAILGUN_OLD", "k3y")
    monkeypatch.delenv("MAILGUN_NEW", raising=False)
    monkeypatch.delenv("PAGE_TOKEN", raising=False)
    more = (
        '  - {name: mg, type: mailgun, signing_keys: ["env:MAILGUN_OLD", "env:MAILGUN_NEW"]}\n'
        '  - {name: fb, type: facebook, app_secrets: ["env:MAILGUN_OLD"], verify_tokens: ["env:MAILGUN_OLD"],'
        ' pages: {1044: "env:PAGE_TOKEN"}}\ntags:'
    )
    (desk_folder / "desk.yaml").write_text(HEAD.replace("tags:", more), encoding="utf-8")
    missing = [
        (row["what"], row["words"].partition(":")[0]) for row in documents("doctor") if row["state"] == "missing"
    ]
    assert missing == [("channel mg", "signing_keys"), ("channel fb", "pages.1044")]


FILES = (
    b"From: ann@example.com\r\nTo: billing@acme.example\r\nSubject: Files\r\nMessage-ID: <files@x>\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the files.\r\n"
    b"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=../holiday.png\r\n\r\n"
    b"MZ\x90\0\x03\0\0\0 is no picture\r\n"
    b"--b\r\nContent-Type: application/pdf; name=large.pdf\r\n\r\n%%PDF-1.7\n%b\r\n--b--\r\n" % (b"x" * 200_000)
)


def test_a_mail_and_its_files_are_given_out_as_they_came(desk_folder: Path) -> None:
    assert call("inject", "billing@acme.example", stdin=FILES).exit_code == 0
    assert len(list((desk_folder / "var" / "blobs").glob("??/*"))) == 1
    route(desk_folder)
    [whole] = documents("ticket", "1")
    entry = whole["entries"][0]["id"]
    assert call("ticket", "1", "--raw", str(entry)).stdout_bytes == with_crlf(FILES)
    large = call("ticket", "1", "--attachment", f"{entry}.2").stdout_bytes
    assert large.startswith(b"%PDF-1.7")
    assert len(large) > 200_000
    shown = call("ticket", "1").stdout
    assert f"{entry}.1 holiday.png (it is application/vnd.microsoft.portable-executable; may run something)" in shown
    assert f"{entry}.2 large.pdf\n" in shown

    for wrong in (
        "--raw 99",
        "--attachment 99.1",
        f"--attachment {entry}.3",
        f"--attachment {entry}",
        "--attachment x.y",
    ):
        assert call("ticket", "1", *wrong.split()).exit_code == 1, wrong
    [blob] = (desk_folder / "var" / "blobs").glob("??/*")
    blob.write_bytes(b"torn")
    lost = call("ticket", "1", "--raw", str(entry))
    assert (lost.exit_code, lost.stdout) == (1, "")
    assert "is damaged" in lost.stderr


def test_an_infected_file_is_not_given_out_alone(desk_folder: Path) -> None:
    call("inject", "billing@acme.example", stdin=FILES)
    route(desk_folder)
    made = store(desk_folder)
    with made.write() as connection:
        said = [{"content_type": "image/png", "type": "image", "virus": "Win.Test"}]
        connection.execute(update(entries).values(attachments=json.dumps(said)))
    made.close()
    assert "virus: Win.Test" in call("ticket", "1").stdout
    refused = call("ticket", "1", "--attachment", "1.1")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Win.Test" in refused.stderr


def test_a_file_that_did_not_come_is_explained_and_no_entry_gives_out_anothers(desk_folder: Path) -> None:
    call("inject", "billing@acme.example", stdin=MAIL)
    route(desk_folder)
    made, words = store(desk_folder), "files.example has no such file any more (HTTP 410)"
    row = {"id": "f1", "stored": "0" * 64, "filename": "a", "content_type": "image/png", "size": 1, "owner": "other"}
    with made.write() as connection:
        connection.execute(insert(files), {**row, "entry_id": None, "created_at": 1.0})
        said = [
            {"content_type": "image/png", "type": "image", "url": "telegram:A", "missing": words},
            {"content_type": "image/png", "type": "image", "file": "f1", "virus": "Win.Test"},
            {"content_type": "image/png", "type": "image", "url": "chat:f1"},
            {"content_type": "image/png", "type": "image", "url": "telegram:A"},
        ]
        connection.execute(update(entries).values(attachments=json.dumps(said)))
    made.close()
    assert f"1.1 image/png (not fetched: {words})" in call("ticket", "1").stdout
    for place, told in enumerate((words, "Win.Test in it; it is not given out", "not there", "does not hold it"), 1):
        refused = call("ticket", "1", "--attachment", f"1.{place}")
        assert (refused.exit_code, refused.stdout, told in refused.stderr) == (1, "", True), refused.stderr


def test_a_large_mail_in_quarantine_is_shown_whole(desk_folder: Path) -> None:
    question = mail("a@x", sender="forwarding-noreply@google.com", subject="(#123456789) Gmail Forwarding Confirmation")
    large = question + b"x" * 200_000
    call("inject", stdin=large)
    route(desk_folder)
    assert call("quarantine", "show", "1", "--raw").stdout_bytes == with_crlf(large)
    assert call("quarantine", "show", "1").exit_code == 0
    [blob] = (desk_folder / "var" / "blobs").glob("??/*")
    blob.unlink()
    blob.with_name("other").write_text("")  # so that the folder is not taken for one that is not mounted
    lost = call("quarantine", "show", "1", "--raw")
    assert (lost.exit_code, lost.stdout) == (1, "")
    assert "is missing" in lost.stderr
    blob.with_name("other").unlink()
    blob.parent.rmdir()
    assert call("quarantine", "show", "1").exit_code == 75


def test_doctor_tries_the_place_for_blobs_and_the_scanner(desk_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with clamd(desk_folder) as scanner:
        monkeypatch.setenv("FRONTDESK_CLAMD", scanner.address)
        found = {row["what"]: row for row in documents("doctor")}
    assert (found["clamd"]["state"], found["blobs"]["state"]) == ("fine", "fine")
    assert str(desk_folder / "var" / "blobs") in found["blobs"]["words"]
    assert list((desk_folder / "var" / "blobs").glob("??/*")) == []
    monkeypatch.setenv("FRONTDESK_BLOBS", str(desk_folder / "desk.yaml"))
    monkeypatch.setenv("FRONTDESK_BROKER_URL", "redis://127.0.0.1:1/0")
    broken = {row["what"]: row for row in map(json.loads, call("doctor", "--json").stdout.splitlines())}
    assert (broken["clamd"]["state"], broken["blobs"]["state"]) == ("broken", "broken")
    monkeypatch.setenv("FRONTDESK_BLOBS", str(desk_folder / "shared"))
    shared = {row["what"]: row for row in map(json.loads, call("doctor", "--json").stdout.splitlines())}
    assert "every machine" in shared["blobs"]["words"]


def test_a_ticket_that_is_not_there_ends_with_1_and_bad_usage_with_2() -> None:
    assert call("ticket", "7").exit_code == 1
    assert call("why", "7").exit_code == 1
    assert call("ticket", "seven").exit_code == 2
    assert call("tickets", "--nonsense").exit_code == 2


def test_a_strangers_control_characters_do_not_reach_the_terminal(desk_folder: Path) -> None:
    call("inject", stdin=mail("a@x", subject="=?utf-8?q?=1B[2Jgone?=", text="\x1b]0;title\x07 [red]hello[/red]"))
    route(desk_folder)
    for words in (("tickets",), ("ticket", "1"), ("why", "1"), ("outbox",)):
        assert "\x1b" not in call(*words).stdout
    assert "[red]hello[/red]" in call("ticket", "1").stdout


def test_a_place_for_blobs_that_cannot_work_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_BLOBS", "s3://mails/desk?nonsense=1")
    run = subprocess.run([sys.executable, "worker.py", "run"], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, "nonsense" in run.stderr) == (2, True)
    found = {row["what"]: row for row in map(json.loads, call("doctor", "--json").stdout.splitlines())}
    assert (found["blobs"]["state"], "nonsense" in found["blobs"]["words"]) == ("broken", True)
    refused = call("inject", stdin=FILES)
    assert (refused.exit_code, "not kept" in refused.stderr) == (75, True)


@pytest.mark.parametrize("words", [["listen"], ["run"]])
def test_a_wrong_environment_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("FRONTDESK_HTTP", "nowhere")
    result = call(*words)
    assert result.exit_code == 2
    assert "FRONTDESK_HTTP" in result.stderr


def test_an_agent_answers_from_the_command_line_and_a_running_desk_delivers_it(desk_folder: Path) -> None:
    call("inject", "billing@acme.example", stdin=MAIL)
    route(desk_folder)
    (desk_folder / "plan.pdf").write_bytes(b"%PDF-1.7\n")
    [said] = documents(
        "reply", "1", "--as", "luca", "--text", "It is in the post.", "--attach", str(desk_folder / "plan.pdf")
    )
    assert (said["ticket"], said["goes"]) == (1, "by mail to ann@example.com")
    app = App(Settings(), DeskFile(desk_folder / "desk.yaml", KINDS, CHECKS))
    for row in app.outbox().due(100):
        app.outbox().deliver(row)
    app.close()
    [ticket] = documents("ticket", "1")
    answer = ticket["entries"][-1]
    assert (answer["kind"], answer["state"], answer["author"]) == ("answer", "sent", "agent:luca")
    assert [part["filename"] for part in answer["attachments"]] == ["plan.pdf"]
    assert call("ticket", "1", "--attachment", f"{answer['id']}.1").stdout_bytes == b"%PDF-1.7\n"
    assert "not a message that came in" in call("ticket", "1", "--raw", str(answer["id"])).stderr
    [sent] = [
        path.read_bytes()
        for path in (desk_folder / "var" / "outbox").glob("*.eml")
        if b"in the post" in path.read_bytes()
    ]
    assert b"To: <ann@example.com>" in sent
    assert {(row["recipient"], row["notifier"]) for row in documents("outbox")} >= {("customer", "mail")}


def test_an_answer_that_cannot_be_given_is_explained_and_ends_with_1(desk_folder: Path) -> None:
    call("inject", "billing@acme.example", stdin=MAIL)
    route(desk_folder)
    for words, told in (
        (("1", "--as", "mia", "--text", "x"), "no ticket 1 in a department of Mia"),
        (("9", "--as", "luca", "--text", "x"), "no ticket 9"),
        (("1", "--as", "bob", "--text", "x"), "No agent is called"),
        (("1", "--as", "luca", "--text", " "), "without words"),
    ):
        result = call("reply", *words)
        assert result.exit_code == 1
        assert told in result.stderr


def test_an_agent_is_away_and_back() -> None:
    assert documents("agent", "sona", "away") == [{"agent": "sona", "state": "away", "changed": True, "tickets": []}]
    assert "Sona was already away" in call("agent", "sona", "away").stdout
    states = {row["agent"]: (row["state"], row["since"] is not None) for row in documents("agents")}
    assert states == {"sona": ("away", True), "luca": ("there", False), "mia": ("there", False)}
    assert [row["why"] for row in documents("agents")] == ["away", None, None]
    assert documents("agents")[0]["departments"] == ["general", "billing"]
    assert "Sona is back" in call("agent", "sona", "back").stdout
    assert {row["state"] for row in documents("agents")} == {"there"}


def test_what_an_agent_is_told_is_shown_as_a_table_with_who_says_so(desk_folder: Path) -> None:
    opened = store(desk_folder)
    with opened.write() as connection:
        choose(connection, "luca", {"ways": {"new": {"others": []}}, "unseen_after": "2h"}, 1.0)
    opened.close()
    shown = call("agent", "luca", "notices").stdout
    assert "Luca is told" in shown
    [new] = [line for line in shown.splitlines() if line.startswith("new ")]
    assert "email slack push in_app apprise" in new
    assert "*" in new
    assert "unseen_after: 2h*" in shown
    [found] = documents("agent", "luca", "notices")
    assert found["own"] == {"ways": {"new": {"others": []}}, "unseen_after": "2h"}
    assert found["counts"]["ways"]["new"]["others"] == {"ways": [], "from": "own"}
    assert (found["agent"], found["paused"]) == ("luca", {})


def test_the_list_of_agents_says_what_each_has_and_why_somebody_is_not_there(desk_folder: Path) -> None:
    more = "email: sona@acme.example, capacity: 3, calendar: never"
    (desk_folder / "desk.yaml").write_text(HEAD.replace("email: sona@acme.example", more), encoding="utf-8")
    call("inject", "billing@acme.example", stdin=MAIL)
    route(desk_folder)
    call("act", "take", "1", "--as", "luca")
    sona, luca, _ = documents("agents")
    assert (sona["state"], sona["why"], sona["since"], sona["load"], sona["capacity"]) == (
        "away",
        "off shift",
        None,
        0,
        3,
    )
    assert (luca["state"], luca["why"], luca["load"], luca["capacity"]) == ("there", None, 1, None)
    table = call("agents").stdout
    assert "0 of 3" in table
    assert "off shift" in table


def test_to_solve_gives_an_agent_the_next_ticket_or_says_that_there_is_none(desk_folder: Path) -> None:
    nothing = call("to-solve", "luca")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "Nothing waits" in nothing.stderr
    call("inject", "billing@acme.example", stdin=MAIL)
    route(desk_folder)
    assert "nobody has it yet" in call("to-solve", "luca", "--look").stdout
    [taken] = documents("to-solve", "luca")
    assert (taken["ticket"], taken["subject"], taken["own"], taken["taken"]) == (1, "My invoice", False, True)
    assert "yours already" in call("to-solve", "luca").stdout
    assert call("to-solve", "mia").exit_code == 1  # not in billing
    assert call("to-solve", "bob").exit_code == 1


def test_an_agent_nobody_knows_is_neither_away_nor_back() -> None:
    result = call("agent", "sonia", "away")
    assert result.exit_code == 1
    assert "did you mean sona?" in result.stderr
    assert call("agent", "sona", "gone").exit_code == 2


def test_the_history_tells_times_people_and_lists_in_words() -> None:
    said = {"from": None, "to": "luca", "since": 1_795_723_764.5, "added": ["vip", "late"], "removed": []}
    words = "from: nobody, to: luca, since: 2026-11-26T20:09:24.500+00:00, added: vip late, removed: none"
    assert _details(said) == words
