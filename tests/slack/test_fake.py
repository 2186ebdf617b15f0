"""The fake Slack keeps to what Slack does: without that, the stories about it would prove nothing."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.notify.desk import Clock
from tests.slack.fake import FakeSlack

BUTTON = {"type": "button", "action_id": "take", "text": {"type": "plain_text", "text": "Take"}, "value": "17"}
BLOCKS: list[dict[str, Any]] = [{"type": "actions", "block_id": "ticket:17", "elements": [BUTTON]}]
NOTE = {"type": "input", "block_id": "text", "label": {"type": "plain_text", "text": "Text"},
        "element": {"type": "plain_text_input", "action_id": "said"}}  # fmt: skip
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "Reply"}, "blocks": [NOTE],
         "submit": {"type": "plain_text", "text": "Send"}}  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slack(clock: Clock) -> Iterator[FakeSlack]:
    with FakeSlack(clock) as running:
        running.member("U1", name="Sona", email="sona@acme.example")
        running.channel("#billing")
        yield running


@pytest.fixture
def client(slack: FakeSlack) -> WebClient:
    return WebClient(slack.token, slack.base_url, retry_handlers=[])


def refused(call: Any, /, **said: Any) -> str:
    with pytest.raises(SlackApiError) as no:
        call(**said)
    return str(no.value.response["error"])


def test_a_message_stands_where_it_was_posted_and_as_it_was_changed(slack: FakeSlack, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="#billing", text="one", blocks=BLOCKS)
    client.chat_postMessage(channel="#billing", text="below", thread_ts=posted["ts"])
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="two")
    [card, reply] = slack.messages("#billing")
    assert (card["text"], card["blocks"], reply["text"]) == ("two", BLOCKS, "below")
    assert slack.messages("#billing", card["ts"]) == [reply]
    assert refused(client.chat_update, channel="#billing", ts=posted["ts"], text="x") == "channel_not_found"
    assert refused(client.chat_update, channel=posted["channel"], ts="1.2", text="x") == "message_not_found"
    theirs = slack.people.writes("U1", posted["channel"], "mine")["event"]["ts"]
    assert refused(client.chat_update, channel=posted["channel"], ts=theirs, text="x") == "cant_update_message"


def test_a_member_is_written_to_in_a_direct_conversation(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="U1", text="hello")
    assert posted["channel"].startswith("D")
    assert client.conversations_open(users="U1")["channel"]["id"] == posted["channel"]
    assert refused(client.chat_postMessage, channel="U9", text="hello") == "channel_not_found"
    assert client.users_lookupByEmail(email="SONA@acme.example")["user"]["id"] == "U1"
    assert refused(client.users_lookupByEmail, email="x@acme.example") == "users_not_found"


def test_a_channel_takes_one_message_a_second_with_a_small_burst(
    slack: FakeSlack, client: WebClient, clock: Clock
) -> None:
    other = slack.channel("#other")
    for _ in range(3):
        client.chat_postMessage(channel="#billing", text="x")
    with pytest.raises(SlackApiError) as no:
        client.chat_postMessage(channel="#billing", text="x")
    assert (no.value.response.status_code, no.value.response.headers["Retry-After"]) == (429, "1")
    client.chat_postMessage(channel=other.id, text="x")
    clock.now += 1
    client.chat_postMessage(channel="#billing", text="x")
    assert len(slack.messages("#billing")) == 4


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"blocks": [*BLOCKS, *BLOCKS]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": " "}}]}, "invalid_blocks"),
        (
            {"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2_001}]}]},
            "invalid_blocks",
        ),
        ({"blocks": [{"type": "actions", "elements": [BUTTON, BUTTON]}]}, "invalid_blocks"),
        ({"blocks": [{"type": "actions", "elements": [{**BUTTON, "url": "ftp://x"}]}]}, "invalid_blocks"),
        (
            {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}] * 4},
            "msg_blocks_too_long",
        ),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x", "event_payload": {"a": "x" * 9_000}}}, "metadata_too_large"),
        ({"text": ""}, "no_text"),
    ],
)
def test_what_slack_does_not_take(slack: FakeSlack, client: WebClient, said: dict[str, Any], error: str) -> None:
    assert refused(
        client.api_call, api_method="chat.postMessage", json={"channel": "#billing", "text": "x", **said}
    ) == (error)
    assert len(slack.complaints) == 1
    slack.complaints.clear()


def test_metadata_is_given_only_to_who_asks_for_it(client: WebClient) -> None:
    mark = {"event_type": "mark", "event_payload": {"delivery": "1"}}
    posted = client.chat_postMessage(channel="#billing", text="x", metadata=mark)
    client.chat_postMessage(channel="#billing", text="y", thread_ts=posted["ts"], metadata=mark)
    where = posted["channel"]
    [plain] = client.conversations_history(channel=where)["messages"]
    assert "metadata" not in plain
    [whole] = client.conversations_history(channel=where, include_all_metadata=True)["messages"]
    assert whole["metadata"] == mark
    assert len(client.conversations_replies(channel=where, ts=posted["ts"])["messages"]) == 2
    first = client.conversations_replies(channel=where, ts=posted["ts"], limit=1)
    rest = client.conversations_replies(
        channel=where, ts=posted["ts"], cursor=first["response_metadata"]["next_cursor"]
    )
    assert [one["text"] for one in (*first["messages"], *rest["messages"])] == ["x", "y"]


def test_a_modal_opens_once_within_three_seconds(slack: FakeSlack, client: WebClient, clock: Clock) -> None:
    posted = client.chat_postMessage(channel="#billing", text="x", blocks=BLOCKS)
    click = slack.people.clicks("U1", posted["channel"], posted["ts"], "take")
    assert click["actions"][0]["value"] == "17"
    opened = client.views_open(trigger_id=click["trigger_id"], view=MODAL)["view"]
    assert refused(client.views_open, trigger_id=click["trigger_id"], view=MODAL) == "exchanged_trigger_id"
    late = slack.people.clicks("U1", posted["channel"], posted["ts"], "take")
    clock.now += 4
    assert refused(client.views_open, trigger_id=late["trigger_id"], view=MODAL) == "expired_trigger_id"
    client.views_update(view_id=opened["id"], view={**MODAL, "private_metadata": "17"})
    sent = slack.people.submits("U1", opened["id"], {"text": {"said": {"type": "plain_text_input", "value": "Hi"}}})
    assert (sent["view"]["private_metadata"], sent["view"]["state"]["values"]["text"]["said"]["value"]) == ("17", "Hi")
    long = {**MODAL, "title": {"type": "plain_text", "text": "x" * 25}}
    assert refused(client.views_update, view_id=opened["id"], view=long) == "invalid_arguments"
    slack.complaints.clear()


def test_a_response_url_is_good_five_times_in_half_an_hour(slack: FakeSlack, client: WebClient, clock: Clock) -> None:
    posted = client.chat_postMessage(channel="#billing", text="x", blocks=BLOCKS)
    url = slack.people.clicks("U1", posted["channel"], posted["ts"], "take")["response_url"]

    def respond(**said: Any) -> None:
        urlopen(Request(url, json.dumps(said).encode(), {"Content-Type": "application/json"})).close()

    respond(replace_original=True, text="done")
    assert slack.messages("#billing")[0]["text"] == "done"
    for _ in range(4):
        respond(text="hm")
    with pytest.raises(HTTPError) as gone:
        respond(text="hm")
    gone.value.close()
    assert len(slack.workspace.responses) == 5
    clock.now += 1


def test_what_it_sends_is_signed_and_a_repetition_says_so(slack: FakeSlack, clock: Clock) -> None:
    event = slack.people.writes("U1", slack.workspace.find("#billing").id, "hello")
    body, headers = slack.signed(event, again=1)
    stamp, signed = headers["X-Slack-Request-Timestamp"], headers["X-Slack-Signature"]
    assert stamp == str(int(clock()))
    assert SignatureVerifier(slack.signing_secret).generate_signature(timestamp=stamp, body=body) == signed
    assert headers["X-Slack-Retry-Num"] == "1"


def test_it_can_drop_a_connection_before_and_after_it_has_taken_the_message(
    slack: FakeSlack, client: WebClient
) -> None:
    slack.hang_up()
    slack.hang_up(after=True)
    slack.fail(500, method="chat.postMessage")
    for expected in (0, 1, 2):
        with pytest.raises((OSError, SlackApiError)):
            client.chat_postMessage(channel="#billing", text="x")
        assert len(slack.messages("#billing")) == expected


def test_socket_mode_sends_envelopes_and_hears_acknowledgements(slack: FakeSlack) -> None:
    url = WebClient(slack.app_token, slack.base_url).apps_connections_open(app_token=slack.app_token)["url"]
    with connect(url) as app:
        assert json.loads(app.recv())["type"] == "hello"
        sent = slack.sockets.send("events_api", {"type": "event_callback"}, again="timeout")
        envelope = json.loads(app.recv())
        assert (envelope["envelope_id"], envelope["retry_attempt"]) == (sent, 1)
        app.send(json.dumps({"envelope_id": sent, "payload": {"text": "ok"}}))
        assert slack.sockets.answer(sent) == {"text": "ok"}
        slack.sockets.refresh()
        assert json.loads(app.recv())["type"] == "disconnect"
    with connect(url) as again, pytest.raises(ConnectionClosed):
        again.recv()
