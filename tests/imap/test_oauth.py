"""OAuth instead of a password: tokens are asked for, renewed in time, and what is refused is told."""

import asyncio
import base64
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from ingest.channels.imap import oauth
from ingest.channels.imap.config import OAuth
from ingest.channels.imap.session import LoginRefused
from tests.desks import mail
from tests.imap.fake import Conversation, Fake
from tests.imap.watching import Watching, desk_with
from tickets.store import Store
from tickets.trouble import Temporary

Form = dict[str, str]


class Endpoint:
    """A token endpoint: checks the form as a provider does, gives `token-1`, `token-2` … and, if told, new refresh tokens."""

    def __init__(self) -> None:
        self.asked: list[Form] = []
        self.lasts = 3_600.0
        self.renews = False
        self.answer: Callable[[Form], tuple[int, bytes]] = self.usual
        self._good = {"first-refresh"}
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
                endpoint.asked.append(form)
                status, said = endpoint.answer(form)
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"

    def usual(self, form: Form) -> tuple[int, bytes]:
        """Answer as a provider does."""
        if (form.get("client_id"), form.get("client_secret")) != ("the-desk", "client-secret"):
            return 401, json.dumps({"error": "invalid_client"}).encode()
        if form["grant_type"] == "refresh_token" and form.get("refresh_token") not in self._good:
            return 400, json.dumps({"error": "invalid_grant", "error_description": "expired or revoked"}).encode()
        given = {"access_token": f"token-{len(self.asked)}", "expires_in": self.lasts, "token_type": "Bearer"}
        if self.renews:
            self._good = {f"refresh-{len(self.asked)}"}
            given |= {"refresh_token": f"refresh-{len(self.asked)}"}
        return 200, json.dumps(given).encode()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("CLIENT_SECRET", "client-secret")
    monkeypatch.setenv("REFRESH_TOKEN", "first-refresh")
    made = Endpoint()
    yield made
    made.close()


def settings(endpoint: Endpoint, **more: Any) -> dict[str, Any]:
    said = {"client_id": "the-desk", "client_secret": "env:CLIENT_SECRET", "refresh_token": "env:REFRESH_TOKEN"}
    oauth_settings = {name: value for name, value in {**said, "token_url": endpoint.url, **more}.items() if value}
    return {"oauth": oauth_settings, "password": None, "user": "support@acme.example"}


class Gmail(Fake):
    """Takes the tokens it is told to; rejects others as Gmail does, with a challenge that wants an empty answer."""

    def __init__(self, *good: str) -> None:
        super().__init__({1: mail("1@example.com")}, authenticate=self.authenticate)
        self.good = set(good)
        self.shown: list[str] = []

    async def authenticate(self, to: Conversation) -> None:
        """Take the token or reject it."""
        words = to.line.split(" ")
        if len(words) == 3:  # no initial response: ask for it
            await to.say("+ ")
            words.append(await to.hear())
        said = base64.b64decode(words[3], validate=True).decode()
        assert said.startswith("user=support@acme.example\1auth=Bearer ")
        assert said.endswith("\1\1")
        self.shown.append(said.split("Bearer ")[1].rstrip("\1"))
        if self.shown[-1] in self.good:
            await to.fine()
            return
        error = {"status": "400", "schemes": "Bearer", "scope": "https://mail.google.com/"}
        await to.say("+ " + base64.b64encode(json.dumps(error).encode()).decode())
        assert await to.hear() == ""
        await to.say(f"{to.tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")


def test_a_mailbox_is_read_with_a_token(endpoint: Endpoint, books: Store) -> None:
    with Gmail("token-1") as gmail, Watching(books, desk_with(gmail.port, **settings(endpoint))) as watching:
        watching.until_kept(1)
    assert endpoint.asked == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "first-refresh",
            "client_id": "the-desk",
            "client_secret": "client-secret",
        }
    ]


def test_a_server_that_asks_for_the_token_by_itself_gets_it(endpoint: Endpoint, books: Store) -> None:
    with Gmail("token-1") as server:
        server.capability = "IMAP4rev1 AUTH=XOAUTH2 IDLE"
        with Watching(books, desk_with(server.port, **settings(endpoint))) as watching:
            watching.until_kept(1)


def test_the_clients_own_credentials_are_used_where_there_is_no_refresh_token(endpoint: Endpoint, books: Store) -> None:
    more = settings(endpoint, refresh_token=None, provider="microsoft", tenant="acme.example")
    with Gmail("token-1") as server, Watching(books, desk_with(server.port, **more)) as watching:
        watching.until_kept(1)
    assert endpoint.asked[0]["grant_type"] == "client_credentials"
    assert endpoint.asked[0]["scope"] == "https://outlook.office365.com/.default"


def test_a_rejected_token_ends_the_login_tells_why_and_the_next_try_has_a_new_one(
    endpoint: Endpoint, books: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.channels.imap.account.REFUSED_SECONDS", 0.1)
    with Gmail("token-2") as gmail, Watching(books, desk_with(gmail.port, **settings(endpoint))) as watching:
        words = str(watching.until_health(lambda one: one.trouble, "it is told").trouble)
        assert "Invalid credentials" in words
        assert '"status": "400"' in words
        assert "token-1" not in words
        watching.until_kept(1)
    assert gmail.shown[:2] == ["token-1", "token-2"]


def test_a_token_is_renewed_before_it_ends_and_kept_until_then(endpoint: Endpoint, books: Store) -> None:
    config = OAuth.model_validate(settings(endpoint)["oauth"])
    now = [1_000_000.0]
    tokens = oauth.Tokens("box", books, lambda: now[0])
    given = []
    for moment in (0, endpoint.lasts - oauth.EARLY_SECONDS - 1, endpoint.lasts - oauth.EARLY_SECONDS + 1):
        now[0] = 1_000_000 + moment
        given.append(asyncio.run(tokens.access_token(config)))
    assert given == ["token-1", "token-1", "token-2"]


def test_a_new_refresh_token_is_used_from_then_on_also_by_the_next_process(endpoint: Endpoint, books: Store) -> None:

    config = OAuth.model_validate(settings(endpoint)["oauth"])
    endpoint.renews = True
    for number in (1, 2, 3):  # each a process of its own
        assert asyncio.run(oauth.Tokens("box", books).access_token(config)) == f"token-{number}"
    assert [form["refresh_token"] for form in endpoint.asked] == ["first-refresh", "refresh-1", "refresh-2"]


def test_a_refresh_token_that_was_replaced_in_the_desks_environment_counts_again(
    endpoint: Endpoint, books: Store, monkeypatch: pytest.MonkeyPatch
) -> None:

    config = OAuth.model_validate(settings(endpoint)["oauth"])
    endpoint.renews = True
    asyncio.run(oauth.Tokens("box", books).access_token(config))
    endpoint._good = {"given-anew"}
    monkeypatch.setenv("REFRESH_TOKEN", "given-anew")
    assert asyncio.run(oauth.Tokens("box", books).access_token(config)) == "token-2"


def test_a_revoked_refresh_token_is_told_and_a_provider_in_trouble_is_waited_for(
    endpoint: Endpoint, books: Store, monkeypatch: pytest.MonkeyPatch
) -> None:

    config = OAuth.model_validate(settings(endpoint)["oauth"])
    monkeypatch.setenv("REFRESH_TOKEN", "revoked")
    with pytest.raises(LoginRefused, match="invalid_grant expired or revoked"):
        asyncio.run(oauth.Tokens("box", books).access_token(config))
    for status, said in ((500, b"oops"), (429, b"{}"), (200, b"not json"), (200, b"[]"), (200, b'{"token": 1}')):
        endpoint.answer = lambda _, told=(status, said): told  # type: ignore[misc]
        with pytest.raises(Temporary):
            asyncio.run(oauth.Tokens("box", books).access_token(config))
    endpoint.answer = lambda _: (200, b" " * (oauth.MOST_BYTES + 1))
    with pytest.raises(Temporary, match="too long"):
        asyncio.run(oauth.Tokens("box", books).access_token(config))


def test_no_secret_stands_in_what_is_told_or_logged(
    endpoint: Endpoint, books: Store, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with Gmail("token-1") as gmail, Watching(books, desk_with(gmail.port, **settings(endpoint))) as watching:
        watching.until_kept(1)
    shown = caplog.text + "".join(capsys.readouterr())
    packed = base64.b64encode(b"user=support@acme.example\1auth=Bearer token-1\1\1").decode()
    for secret in ("client-secret", "first-refresh", "Bearer token-1", packed):
        assert secret not in shown
