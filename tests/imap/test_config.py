"""What the desk file may say of a mailbox, and what it may not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingest.channels.imap.config import Config, OAuth
from ingest.channels.imap.session import mailbox_name, uid_set

BASE: dict[str, Any] = {"name": "box", "server": "imaps://imap.acme.example", "user": "support", "password": "env:X"}


def test_tls_from_the_first_byte_is_the_usual_way() -> None:
    config = Config(**BASE)
    assert (config.host, config.port, config.encrypted) == ("imap.acme.example", 993, True)
    assert (config.folders, config.after, config.history) == (("INBOX",), "seen", "import")


@pytest.mark.parametrize("server", ["imap://127.0.0.1", "imap://[::1]:1143", "imap://localhost"])
def test_in_clear_only_on_this_machine(server: str) -> None:
    assert not Config(**{**BASE, "server": server}).encrypted
    assert not Config(**{**BASE, "server": "imap://10.0.0.7", "unencrypted": True}).encrypted


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": "imap://imap.acme.example"},
        {"server": "https://imap.acme.example"},
        {"server": "imaps://"},
        {"server": "imaps://ann@imap.acme.example"},
        {"server": "imaps://imap.acme.example:99999"},
        {"server": "imaps://imap.acme.example/INBOX"},
        {"password": None},
        {"password": "hunter2"},
        {"oauth": {"provider": "google", "client_id": "x", "refresh_token": "env:Y"}},
        {"folders": []},
        {"folders": ["INBOX", "INBOX"]},
        {"folders": ["a\r\nA1 DELETE INBOX"]},
        {"user": "a\nb"},
        {"after": "expunge"},
        {"after": "move:"},
        {"after": "move:INBOX"},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config(**{**BASE, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"provider": "google"},
        {"provider": "google", "client_secret": "env:X"},
        {"refresh_token": "env:X"},
        {"refresh_token": "env:X", "token_url": "http://login.example/token"},
        {"provider": "microsoft", "refresh_token": "env:X", "tenant": "a/b?c"},
    ],
)
def test_oauth_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OAuth(client_id="x", **wrong)


def test_the_providers_are_known() -> None:
    google = OAuth.model_validate({"client_id": "x", "provider": "google", "refresh_token": "env:X"})
    assert (google.url, google.scopes) == ("https://oauth2.googleapis.com/token", None)
    microsoft = OAuth.model_validate(
        {"client_id": "x", "provider": "microsoft", "refresh_token": "env:X", "tenant": "t"}
    )
    assert microsoft.url == "https://login.microsoftonline.com/t/oauth2/v2.0/token"
    assert microsoft.scopes == "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"


@given(st.sets(st.integers(1, 60)))
def test_a_set_of_uids_names_each_and_nothing_else(uids: set[int]) -> None:
    named = [part.split(":") for part in uid_set(sorted(uids)).split(",") if part]
    assert {uid for part in named for uid in range(int(part[0]), int(part[-1]) + 1)} == uids


def test_folders_have_their_names_in_modified_utf_7() -> None:
    assert mailbox_name("INBOX") == '"INBOX"'
    assert mailbox_name("R&D") == '"R&-D"'
    assert mailbox_name("Entwürfe") == '"Entw&APw-rfe"'
    assert mailbox_name('台北 "x"') == '"&U,BTFw- \\"x\\""'
