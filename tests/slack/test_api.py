"""What Slack answers, and what that means: again, or never, or never by this way."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from notify.slack import Config
from notify.slack_api import Api, Refused, Unclear
from tests.services import free_port
from tests.slack.fake import FakeSlack
from tickets.trouble import Temporary


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as running:
        running.channel("#billing")
        yield running


@pytest.fixture
def api(slack: FakeSlack) -> Api:
    return Api(slack.token, slack.base_url)


def post(api: Api, channel: str = "#billing") -> str:
    return str(api.call("chat.postMessage", channel=channel, text="Zürich & <co>")["ts"])


def test_a_call_is_answered(slack: FakeSlack, api: Api) -> None:
    ts = post(api)
    [message] = slack.messages("#billing")
    assert (message["ts"], message["text"]) == (ts, "Zürich & <co>")
    assert api.ask("conversations.history", channel=message["channel"], include_all_metadata=True)["messages"]


def test_a_limit_is_temporary_for_as_long_as_slack_says(slack: FakeSlack, api: Api) -> None:
    slack.say("ratelimited", status=429, headers={"Retry-After": "7"})
    slack.say("ratelimited", status=429, headers={"Retry-After": "soon"})
    for wait in (7, None):
        with pytest.raises(Temporary, match="wait") as told:
            post(api)
        assert told.value.retry_after == wait
        assert not isinstance(told.value, Unclear)
    assert len(slack.calls) == 2


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_broken_slack_may_have_done_it(slack: FakeSlack, api: Api, status: int) -> None:
    slack.fail(status)
    with pytest.raises(Unclear, match="trouble"):
        post(api)
    assert len(slack.messages("#billing")) == 1


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "service_unavailable", "request_timeout"])
def test_trouble_told_with_200_is_temporary_too(slack: FakeSlack, api: Api, error: str) -> None:
    slack.say(error)
    with pytest.raises(Unclear, match=error):
        post(api)


def test_a_proxy_that_answers_for_slack_is_temporary(slack: FakeSlack, api: Api) -> None:
    slack.say(status=403, body=b"<html>please sign in to the airport</html>")
    slack.say(status=200, body=b"[]")
    for _ in range(2):
        with pytest.raises(Unclear, match="cannot be understood"):
            post(api)


def test_a_slack_that_hangs_up_is_temporary_and_not_asked_twice(slack: FakeSlack, api: Api) -> None:
    slack.hang_up()
    with pytest.raises(Unclear, match="cannot be reached"):
        post(api)
    assert len(slack.calls) == 1
    post(api)


def test_a_slack_that_does_not_answer_in_time_is_temporary(slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.slack_api.TIMEOUT", 0.2)
    api = Api(slack.token, slack.base_url)
    with slack.held(), pytest.raises(Unclear, match="cannot be reached"):
        post(api)


def test_no_slack_at_the_address_is_temporary() -> None:
    with pytest.raises(Temporary, match="cannot be reached"):
        post(Api("xoxb-fake", f"http://127.0.0.1:{free_port()}/api/"))


@pytest.mark.parametrize(
    ("error", "advice", "way"),
    [
        ("token_revoked", "install the app again", True),
        ("account_inactive", "install it again", True),
        ("missing_scope", "docs/slack.md", True),
        ("channel_not_found", "invite the app", True),
        ("not_in_channel", "invite it", True),
        ("is_archived", "another one", True),
        ("user_disabled", "slack", True),
        ("invalid_blocks", "does not take the card", False),
        ("some_new_word", "docs.slack.dev", False),
    ],
)
def test_what_slack_will_never_take_says_what_to_do_and_whether_it_is_the_way(
    slack: FakeSlack, api: Api, error: str, advice: str, *, way: bool
) -> None:
    slack.say(error)
    with pytest.raises(Refused, match=f"{error}: .*{advice}") as refused:
        post(api)
    assert (refused.value.word, refused.value.way) == (error, way)


def test_a_wrong_token_and_an_unknown_channel_are_refused(slack: FakeSlack, api: Api) -> None:
    with pytest.raises(Refused, match="invalid_auth"):
        post(Api("xoxb-other", slack.base_url))
    with pytest.raises(Refused, match="channel_not_found"):
        post(api, "#nowhere")


@pytest.mark.parametrize(
    "said",
    [{}, {"token": "xoxb-inline"}, {"token": "env:T", "base_url": "slack.com"}, {"token": "env:T", "colour": "red"}],
)
def test_a_mistake_in_the_desk_file_is_told(said: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(said)


def test_the_api_is_described_without_the_token() -> None:
    assert Api("xoxb-fake").address == "https://slack.com/api/"
