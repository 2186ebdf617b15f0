"""Slack as a customer channel: what only Slack has, beside its payloads and sending cases."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from ingest.channel import Refused
from ingest.channels import slack
from ingest.channels.slack.words import escape, plain
from ingest.outbound import Answered, File, Outbound
from tests.channels import conformance, sending
from tickets.reply import Reply
from tickets.trouble import Permanent, Temporary

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SENT = 1795348800
TOKEN = {"SLACK_TOKEN": "xoxb-secret-1"}
BEARER = {"authorization": "Bearer xoxb-secret-1"}


def config(base: str = "https://slack.com", **more: Any) -> slack.Config:
    settings = {"signing_secrets": ["env:SIGNING"], "token": "env:SLACK_TOKEN", "base_url": f"{base}/api", **more}
    return slack.Config.model_validate({"name": "customers", "type": "slack", **settings})


def asked(method: str, form: list[list[str]], **said: Any) -> dict[str, Any]:
    """Return one step of a platform: a call of a method with these arguments, and what it says to it."""
    expect = {"method": "POST", "path": f"/api/{method}", "headers": BEARER, "form": form}
    return {"expect": expect, "answer": {"json": said}}


def given_out(path: str, with_headers: dict[str, Any], **answer: Any) -> dict[str, Any]:
    return {"expect": {"method": "GET", "path": path, "headers": with_headers}, "answer": answer}


class Then(Clock):
    """The moment the sample was sent."""

    def now(self) -> float:
        """Return it."""
        return SENT


@dataclass(frozen=True)
class Taking(Outbound):
    """A Slack that takes every post, and remembers its text."""

    texts: list[str] = field(default_factory=list)

    def call(self, method: str, url: str, **said: Any) -> Answered:
        """Take it."""
        assert (method, url) == ("POST", "https://slack.com/api/chat.postMessage")
        self.texts.append(said["json"]["text"])
        return Answered(200, {}, b'{"ok": true, "ts": "1795350001.000000"}')


# --- what comes -----------------------------------------------------------------------------------------------------


@given(body=st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_what_slacks_own_library_signs_is_taken_and_not_one_byte_more(body: bytes) -> None:
    sample = conformance.delivery("slack")
    signature = SignatureVerifier(SECRET, Then()).generate_signature(timestamp=str(SENT), body=body)
    request = replace(sample.with_proof(signature), raw=body)
    with sample.environs():
        sample.channel.verify(sample.config, request)
        with pytest.raises(Refused):
            sample.channel.verify(sample.config, replace(request, raw=body + b" "))


def test_a_request_is_taken_for_five_minutes() -> None:
    sample = conformance.delivery("slack")
    with sample.environs():
        for away in (-300, 0, 300):
            sample.channel.verify(sample.config, replace(sample.request, at=SENT + away))
        for away in (-301, 301, 86_400):
            with pytest.raises(Refused, match="five minutes") as refused:
                sample.channel.verify(sample.config, replace(sample.request, at=SENT + away))
            assert refused.value.status == 401


@pytest.mark.parametrize("when", ["abc", "1.5", "", "-1795348800", "9" * 400, "\u0661\u0667", "1795348800\r\n"])
def test_a_time_that_is_none_is_refused_even_when_it_is_signed(when: str) -> None:
    sample = conformance.delivery("slack")
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=when, body=sample.request.raw)
    request = replace(sample.request, headers={"x-slack-request-timestamp": when, "x-slack-signature": str(signature)})
    with sample.environs(), pytest.raises(Refused) as refused:
        sample.channel.verify(sample.config, request)
    assert refused.value.status == 401


@given(st.text())
def test_what_is_escaped_reads_as_it_was_written(text: str) -> None:
    assert plain(escape(text)) == text


# --- what goes out --------------------------------------------------------------------------------------------------


def test_a_text_of_signs_fits_although_each_of_them_becomes_an_entity() -> None:
    out = Taking()
    with sending.environment(TOKEN):
        list(slack.send(config(), Reply("k", "T0DESK", "C0HELP:1.0", "U0ANN", "&&&& " * 2000, 0.0), out))
    assert len(out.texts) > 1
    assert all(len(text) <= slack.calls.MAX_TEXT for text in out.texts)
    assert "".join("".join(out.texts).split()) == "&amp;" * 8000


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (
            {"name": "ann", "real_name": "Ann", "profile": {"real_name": "Ann Arbor", "display_name": "ann"}},
            "Ann Arbor",
        ),
        ({"name": "ann", "profile": {"real_name": "", "display_name": "annie"}}, "annie"),
        ({"name": "ann"}, "ann"),
        ({}, ""),
    ],
)
def test_a_member_is_called_by_the_real_name_first(user: dict[str, Any], name: str) -> None:
    with (
        sending.platform([asked("users.info", [["user", "U0ANN"]], ok=True, user=user)]) as local,
        sending.environment(TOKEN),
    ):
        assert slack.name(config(local.base), "T0DESK", "U0ANN", Outbound(own=(local.base,))) == name
        assert local.wrong == []


def test_who_is_unknown_has_no_name_and_a_wrong_token_waits() -> None:
    steps = [
        asked("users.info", [["user", "U1"]], ok=False, error=error)
        for error in ("user_not_found", "invalid_auth", "x")
    ]
    with sending.platform(steps) as local, sending.environment(TOKEN):
        settings, out = config(local.base), Outbound(own=(local.base,))
        assert slack.name(settings, "T0DESK", "U1", out) == ""
        with pytest.raises(Temporary):
            slack.name(settings, "T0DESK", "U1", out)
        with pytest.raises(Permanent):
            slack.name(settings, "T0DESK", "U1", out)


def test_a_file_is_fetched_with_the_token_and_by_its_id_where_slack_told_no_more() -> None:
    with sending.platform([]) as local, sending.environment(TOKEN):
        known = {"id": "F1", "url_private_download": f"{local.base}/files-pri/F1/a.png"}
        local.script = [
            asked("files.info", [["file", "F1"]], ok=True, file=known),
            given_out("/files-pri/F1/a.png", BEARER, headers={"Content-Type": "image/png"}, text="png"),
        ]
        found = slack.fetch(config(local.base), "T0DESK", "slack:F1", Outbound(own=(local.base,)))
        assert found == File(b"png", "image/png")
        assert local.wrong == []


def test_the_token_never_goes_to_another_server_than_slacks() -> None:
    step = given_out("/files.slack.com/a.png", {"authorization": None}, text="x")
    with sending.platform([step]) as other, sending.environment(TOKEN):
        slack.fetch(config(), "T0DESK", f"{other.base}/files.slack.com/a.png", Outbound(own=(other.base,)))
        assert other.wrong == []


@pytest.mark.parametrize("url", ["https://files.slack.com.evil.example/a", "https://files.slack.com@evil.example/a"])
def test_a_server_whose_name_begins_like_slacks_is_another_one(url: str) -> None:
    @dataclass(frozen=True)
    class Watching(Outbound):
        def file(self, url: str, **more: Any) -> File:
            assert more == {}, url
            return File(b"")

    slack.fetch(config(), "T0DESK", url, Watching())


def test_a_sign_in_page_is_not_the_file() -> None:
    pages = [
        given_out(f"/files-pri/{name}", BEARER, headers={"Content-Type": "text/html"}, text="<p>")
        for name in ("a.png", "a.html")
    ]
    with sending.platform(pages) as local, sending.environment(TOKEN):
        settings, out = config(local.base), Outbound(own=(local.base,))
        with pytest.raises(Temporary, match="files:read") as trouble:
            slack.fetch(settings, "T0DESK", f"{local.base}/files-pri/a.png", out)
        assert trouble.value.kind == "auth"
        assert slack.fetch(settings, "T0DESK", f"{local.base}/files-pri/a.html", out).data == b"<p>"
