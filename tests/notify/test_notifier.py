"""Which notifiers a desk has, and the folder that stands in for them."""

import errno
import json
import os
from email import message_from_bytes
from pathlib import Path

import pytest

from commands.ways import to_agents
from config.model import Secret
from notify import email, slack
from notify.folder import Folder
from notify.mail import render
from notify.notifier import config_model, find, open_notifiers, words
from notify.outbox import Outbox
from tests.notify.desk import Clock, a_desk, a_note, number_of, owe
from tests.notify.fakes import FakeRelay
from tests.slack.fake import FakeSlack
from tickets.store import Store
from tickets.trouble import Permanent, Temporary

SLACK = slack.Config(token=Secret("env:SLACK_TOKEN_OF_THE_TEST"))


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_TOKEN_OF_THE_TEST", raising=False)


def test_the_words_are_the_modules_with_a_config() -> None:
    assert words() == ("email", "push", "slack", "webhook")
    assert config_model("slack") is slack.Config
    for word in ("folder", "outbox", "pigeon"):
        with pytest.raises(KeyError):
            find(word)


def test_every_notifier_keeps_the_interface(store: Store, tmp_path: Path) -> None:
    for notifier in to_agents(store, a_desk({"slack": SLACK}), tmp_path).values():
        assert notifier.describe()
        notifier.close()


def test_email_is_always_there_and_slack_only_when_the_desk_file_has_it(store: Store, tmp_path: Path) -> None:
    notifiers = to_agents(store, a_desk(), tmp_path)
    assert set(notifiers) == {"email"}
    assert notifiers["email"].describe() == f"email → {tmp_path} (no relay set)"


def test_without_a_token_slack_writes_into_the_folder_and_says_why(store: Store, tmp_path: Path) -> None:
    notifiers = to_agents(store, a_desk({"slack": SLACK}), tmp_path)
    assert notifiers["slack"].describe() == f"slack → {tmp_path} (env:SLACK_TOKEN_OF_THE_TEST is not set)"
    note = a_note(notifier="slack", address="#social")
    name = notifiers["slack"].send(note)
    assert json.loads((tmp_path / name).read_text("utf-8")) == json.loads(slack.as_json(note))
    assert name.endswith(".json")


def test_with_a_relay_and_a_token_nothing_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeRelay() as relay, FakeSlack() as running:
        running.member("U024BE7LH")
        monkeypatch.setenv("SLACK_TOKEN_OF_THE_TEST", running.token)
        config = slack.Config(token=SLACK.token, base_url=running.base_url)
        desk = a_desk({"slack": config, "email": email.Config(relay=relay.url)})
        notifiers = to_agents(store, desk, tmp_path)
        number = number_of(store, owe(store))
        for word, notifier in notifiers.items():
            where = {"slack": "U024BE7LH", "email": "sona@acme.example"}[word]
            notifier.send(a_note(notifier=word, address=where, number=number))
            notifier.close()
        assert (len(relay.mails), len(running.messages())) == (1, 1)
    assert not [path for path in tmp_path.iterdir() if path.suffix in {".eml", ".json"}]


def test_the_file_is_exactly_the_mail_and_a_repetition_overwrites_it(tmp_path: Path) -> None:
    folder = open_notifiers(a_desk(), tmp_path / "a" / "b")["email"]
    note = a_note()
    assert folder.send(note) == folder.send(note) == f"123-{note.key}.eml"
    [file] = (tmp_path / "a" / "b").iterdir()
    assert file.read_bytes() == render(note)
    assert message_from_bytes(file.read_bytes())["Message-ID"] == f"<{note.key}.{note.signed}@support.acme.example>"


def test_the_file_stays_in_the_folder_whatever_the_key(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "outbox", "email", ".eml", render, "no relay set")
    for key in ("../../etc/passwd", "a/b\\c:d\0", "x" * 500, "ž", ".."):
        folder.send(a_note(key=key))
    assert len(list((tmp_path / "outbox").iterdir())) == 5
    assert [entry.name for entry in tmp_path.iterdir()] == ["outbox"]


def test_a_full_disk_is_temporary_and_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path, "email", ".eml", render, "no relay set")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Temporary, match="the disk is full"):
            folder.send(a_note())
    assert list(tmp_path.iterdir()) == []
    folder.send(a_note())


def test_a_folder_that_is_a_file_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("not a folder")
    folder = Folder(tmp_path / "outbox", "email", ".eml", render, "no relay set")
    with pytest.raises(Temporary, match="cannot be written"):
        folder.send(a_note())


def test_an_address_no_mail_reaches_is_permanent_in_the_folder_too(tmp_path: Path) -> None:
    with pytest.raises(Permanent):
        Folder(tmp_path, "email", ".eml", render, "no relay set").send(a_note(address="nobody"))


def test_a_row_goes_all_the_way_to_a_relay_that_first_says_later(store: Store, tmp_path: Path) -> None:
    clock = Clock()
    with FakeRelay() as relay:
        notifiers = open_notifiers(a_desk({"email": email.Config(relay=relay.url)}), tmp_path)
        box = Outbox(store, a_desk(), notifiers, clock)
        owed = owe(store)
        relay.say("RCPT", "450 4.2.0 greylisted")
        outcomes = [box.deliver(owed)]
        clock.now += 60
        outcomes += [box.deliver(outbox_id) for outbox_id in box.due(10)]
        notifiers["email"].close()
    assert [told.outcome for told in outcomes if told] == ["again", "sent"]
    assert len(relay.mails) == 1
