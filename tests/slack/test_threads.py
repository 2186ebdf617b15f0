"""What agents write below a card: a note or an answer, once, by whom the desk knows, and never lost without a word."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.desks import HEAD
from tests.slack.clicking import LUCA, MIA, NORA, SONA, Clicking, slack_desk

ANSWERING = HEAD.replace("id: billing,", "id: billing, slack_replies: answer,")


def write(client: TestClient, front: Clicking, ts: str, text: str, user: str = LUCA, **more: Any) -> None:
    """Write below a card."""
    event = front.fake.people.writes(user, front.billing, text, ts, **more)
    assert front.post(client, event).status_code == 200


def test_below_a_card_an_agent_writes_a_note(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    write(client, front, ts, "He called &amp; asked for &lt;3 days&gt;, says <@U0MIA>; see <https://a.example|this>")
    entry = front.last(number)
    assert (entry["kind"], entry["text"]) == (
        "note",
        "He called & asked for <3 days>, says @U0MIA; see this (https://a.example)",
    )
    assert front.ticket(number)["agent"] is None
    assert front.words() == []


def test_where_the_department_says_so_an_agent_answers_the_customer(client: TestClient, front: Clicking) -> None:
    front.at = slack_desk(front.fake, text=ANSWERING)
    number, ts = front.ticket_with_card()
    write(client, front, ts, "It is on its way.")
    assert (front.last(number)["kind"], front.status(number)) == ("answer", "answered")
    assert front.words() == ["Sent to the customer by mail to ann@example.com"]
    [told] = front.fake.workspace.ephemeral
    assert (told["user"], told["channel"], told["thread_ts"]) == (LUCA, front.billing, ts)


@pytest.mark.parametrize("replies", [HEAD, ANSWERING], ids=["notes", "answers"])
@pytest.mark.parametrize(
    ("text", "kind", "taken"),
    [
        ("reply: It is here.", "answer", "It is here."),
        ("Reply :\nIt is here.", "answer", "It is here."),
        ("note: careful", "note", "careful"),
        ("PRIVATE: careful", "note", "careful"),
    ],
)
def test_a_word_at_the_beginning_says_what_it_is(  # a table
    client: TestClient, front: Clicking, replies: str, text: str, kind: str, taken: str
) -> None:
    front.at = slack_desk(front.fake, text=replies)
    number, ts = front.ticket_with_card()
    write(client, front, ts, text)
    assert (front.last(number)["kind"], front.last(number)["text"]) == (kind, taken)


def test_the_same_event_again_and_another_event_about_the_same_message_are_one_note(
    client: TestClient, front: Clicking
) -> None:
    number, ts = front.ticket_with_card()
    event = front.fake.people.writes(LUCA, front.billing, "Once.", ts)
    for again in (0, 1, 2, 3):
        assert front.post(client, event, again=again).status_code == 200
    assert front.post(client, front.fake.people.event(event["event"])).status_code == 200
    assert [one["text"] for one in front.ticket(number)["entries"]].count("Once.") == 1
    assert front.words() == []


def test_what_nobody_newly_wrote_below_a_card_is_heard_and_nothing_more(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    write(client, front, ts, "by our own app", bot_id="B0DESK", app_id="A0DESK")
    write(client, front, ts, "by another app", bot_id="B0OTHER")
    write(client, front, ts, "edited", subtype="message_changed")
    write(client, front, ts, "deleted", subtype="message_deleted")
    write(client, front, ts, "joined", subtype="channel_join")
    channel = front.billing
    assert front.post(client, front.fake.people.writes(LUCA, channel, "lunch?")).status_code == 200
    lunch = front.fake.messages(channel)[-1]["ts"]
    write(client, front, lunch, "yes")
    reaction = {"type": "reaction_added", "user": LUCA, "item": {"channel": channel, "ts": ts}}
    assert front.post(client, front.fake.people.event(reaction)).status_code == 200
    assert len(front.ticket(number)["entries"]) == 1
    assert front.words() == []
    assert front.fake.called("users.info") == []


def test_in_a_direct_message_below_a_card_it_is_the_same(client: TestClient, front: Clicking) -> None:
    number = front.send("a@customer", to="billing@acme.example")
    direct = front.fake.workspace.direct(SONA).id
    ts = front.card(number, direct)
    assert front.post(client, front.fake.people.writes(SONA, direct, "note: mine", ts)).status_code == 200
    assert front.last(number)["text"] == "mine"


@pytest.mark.parametrize(("user", "words"), [(NORA, "does not know you as an agent"), (MIA, "There is no ticket")])
def test_who_may_not_is_told_so_alone_and_nothing_is_done(
    client: TestClient, front: Clicking, user: str, words: str
) -> None:
    front.fake.member(NORA, name="Nora", email="nora@acme.example")
    number, ts = front.ticket_with_card()
    write(client, front, ts, "reply: let me in", user)
    [told] = front.fake.workspace.ephemeral
    assert words in told["text"]
    assert (told["user"], told["thread_ts"]) == (user, ts)
    assert len(front.ticket(number)["entries"]) == 1


@pytest.mark.parametrize("key", ["team", "user_team", "source_team"])
def test_somebody_of_another_company_in_a_shared_channel_is_nobody(
    client: TestClient, front: Clicking, key: str
) -> None:
    number, ts = front.ticket_with_card()
    write(client, front, ts, "reply: let me in", SONA, **{key: "T0OTHER"})
    assert "only knows members of its own Slack workspace" in front.words()[0]
    assert len(front.ticket(number)["entries"]) == 1


def test_an_answer_that_reaches_nobody_is_told_to_who_wrote_it(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.at = slack_desk(front.fake, text=HEAD.replace("agents: [sona, luca]", "agents: [sona]"))
    write(client, front, ts, "reply:   ", SONA)
    assert "was not sent" in front.words()[0]
    assert len(front.ticket(number)["entries"]) == 1


def test_files_stand_in_a_note_by_name_and_an_answer_with_files_is_not_sent(
    client: TestClient, front: Clicking
) -> None:
    number, ts = front.ticket_with_card()
    files = [{"id": "F1", "name": "scan.pdf"}, {"id": "F2", "title": "A photo", "name": "p.jpg"}]
    write(client, front, ts, "reply: see these", subtype="file_share", files=files)
    assert len(front.ticket(number)["entries"]) == 1
    assert "Nothing was sent to the customer: files from Slack are not taken (scan.pdf, A photo)" in front.words()[0]
    write(client, front, ts, "see these", subtype="file_share", files=files)
    assert front.last(number)["text"] == "see these\n[file in Slack: scan.pdf]\n[file in Slack: A photo]"
    write(client, front, ts, "", subtype="file_share", files=files[:1])
    assert front.last(number)["text"] == "[file in Slack: scan.pdf]"


def test_below_the_card_of_a_merged_ticket_it_goes_where_that_went(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    other = front.send("b@customer", to="billing@acme.example")
    front.acts.merge(number, "sona", other)
    write(client, front, ts, "for both")
    assert front.last(other)["text"] == "for both"
