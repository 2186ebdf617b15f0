"""Clicks on cards in Slack: one act for a click, by whom the desk knows, in words when it cannot be done."""

import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.desks import HEAD
from tests.slack.clicking import LUCA, MIA, NORA, SONA, Clicking, slack_desk
from tickets.trouble import Temporary

# --- buttons --------------------------------------------------------------------------------------------------------


def test_a_click_on_take_takes_the_ticket_and_rings_for_what_that_owes(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    answer = front.click(client, LUCA, ts, "take")
    assert (answer.status_code, answer.content) == (200, b"")
    assert front.ticket(number)["agent"] == "luca"
    assert [one.ticket for one in front.rung] == [number]
    assert front.words() == []


def test_who_was_too_late_hears_who_was_faster_and_nobody_else_does(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, SONA, ts, "take")
    front.now += 3
    assert front.click(client, LUCA, ts, "take").status_code == 200
    [told] = front.fake.workspace.responses
    assert told["text"].startswith("Sona took it 3 s before you")
    assert (told["response_type"], told["replace_original"]) == ("ephemeral", False)
    assert front.ticket(number)["agent"] == "sona"


def test_resolve_and_reopen_do_what_they_say(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "resolve")
    assert front.status(number) == "resolved"
    front.click(client, LUCA, ts, "reopen")
    assert front.status(number) == "open"
    assert front.words() == []


def test_a_link_and_a_button_nobody_knows_are_heard_and_nothing_more(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    before = front.events(number)
    assert front.click(client, LUCA, ts, "open").status_code == 200
    payload = front.fake.people.clicks(LUCA, front.billing, ts, "take")
    payload["actions"][0]["action_id"] = "explode"
    assert front.post(client, payload).status_code == 200
    for odd in ({"type": "block_actions"}, {"type": "view_closed"}, {"type": "shortcut", "callback_id": "x"}):
        assert front.post(client, odd).status_code == 200
    assert front.events(number) == before
    assert front.words() == []


def test_two_agents_who_click_at_the_same_moment_a_hundred_times_are_one_winner_each_time(front: Clicking) -> None:
    for turn in range(100):
        number = front.send(f"{turn}@race", to="billing@acme.example")
        card, begin = front.value(number), threading.Barrier(2)
        heard: dict[str, Any] = {}

        def click(user: str, card: str = card, begin: threading.Barrier = begin, heard: Any = heard) -> None:
            action = {"action_id": "take", "value": card, "action_ts": f"{card} {user}"}
            payload = {
                "type": "block_actions", "user": {"id": user, "team_id": "T0ACME"}, "team": {"id": "T0ACME"},
                "actions": [action], "channel": {"id": front.billing},
            }  # fmt: skip
            begin.wait(10)
            heard[user] = front.slack.interaction(payload)

        threads = [threading.Thread(target=click, args=(user,)) for user in (SONA, LUCA)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winner = front.ticket(number)["agent"]
        won, lost = (SONA, LUCA) if winner == "sona" else (LUCA, SONA)
        assert heard[won].later is None
        front.fake.workspace.ephemeral.clear()
        heard[lost].later()
        [told] = front.fake.workspace.ephemeral
        assert told["user"] == lost
        assert told["text"].startswith(f"{winner.title()} took it 0 s before you: ticket {number} is theirs")
        assert front.events(number).count("ticket.assigned") == 1
    assert len(front.rung) == 100


# --- again ----------------------------------------------------------------------------------------------------------


def test_a_click_that_is_sent_again_does_nothing_even_when_its_act_was_undone(
    client: TestClient, front: Clicking
) -> None:
    number, ts = front.ticket_with_card()
    payload = front.fake.people.clicks(LUCA, front.billing, ts, "take")
    front.post(client, payload)
    front.acts.assign(number, "sona", "nobody")
    assert front.post(client, payload).status_code == 200
    assert front.ticket(number)["agent"] is None
    assert len(front.rung) == 1
    assert front.words() == []


def test_two_clicks_of_one_hand_are_one_act(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    for action in ("take", "take", "resolve", "resolve"):
        assert front.click(client, LUCA, ts, action).status_code == 200
    assert front.events(number)[-2:] == ["ticket.assigned", "ticket.status_changed"]
    assert front.words() == []


def test_the_card_of_a_ticket_that_was_merged_acts_on_the_one_that_took_it_in(
    client: TestClient, front: Clicking
) -> None:
    number, ts = front.ticket_with_card()
    other = front.send("b@customer", to="billing@acme.example")
    front.acts.merge(number, "sona", other)
    front.click(client, LUCA, ts, "take")
    assert front.ticket(other)["agent"] == "luca"
    front.click(client, LUCA, ts, "reply")
    assert front.modal()["title"]["text"] == f"Reply to #{other}"


# --- who may --------------------------------------------------------------------------------------------------------


def unchanged(client: TestClient, front: Clicking, user: str, /, **changed: Any) -> str:
    """Click on every button and return the words; nothing has happened."""
    number, ts = front.ticket_with_card(f"{user}@customer")
    before = front.events(number)
    for action in ("take", "resolve", "reply", "transfer", "snooze"):
        payload = front.fake.people.clicks(user, front.billing, ts, action)
        assert front.post(client, payload | changed).status_code == 200
    assert front.events(number) == before
    assert front.fake.called("views.open") == []
    [words] = set(front.words())
    assert len(front.words()) == 5
    return words


def test_who_left_the_department_can_do_nothing_more(client: TestClient, front: Clicking) -> None:
    front.at = slack_desk(front.fake, text=_without("sona, luca", "sona"))
    assert "There is no ticket 1 in a department of Luca" in unchanged(client, front, LUCA)


def test_who_is_not_in_the_department_learns_nothing(client: TestClient, front: Clicking) -> None:
    assert "There is no ticket 1 in a department of Mia" in unchanged(client, front, MIA)


@pytest.mark.parametrize(
    "facts",
    [
        {"email": "nora@acme.example"},
        {"email": ""},
        {"email": "luca@acme.example", "restricted": True},
        {"email": "luca@acme.example", "confirmed": False},
        {"email": "luca@acme.example", "bot": True},
        {"email": "luca@acme.example", "deleted": True},
        {"email": "luca@acme.example", "team": "T0OTHER"},
        {"email": "sona@acme.example"},
    ],
    ids=["stranger", "no address", "guest", "not confirmed", "bot", "left", "of elsewhere", "not the member of the id"],
)
def test_nobody_is_an_agent_but_who_has_proven_it(client: TestClient, front: Clicking, facts: dict[str, Any]) -> None:
    front.fake.member(NORA, name="Nora", **facts)
    ours = {"user": {"id": NORA, "team_id": "T0ACME"}}
    assert f"does not know you as an agent, so nothing was done. An administrator can write your member id {NORA}" in (
        unchanged(client, front, NORA, **ours)
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"team": {"id": "T0OTHER"}},
        {"team": None},
        {"user": {"id": SONA, "team_id": "T0OTHER"}},
        {"user": {"id": SONA, "team_id": "T0OTHER"}, "team": None},
        {"user": {"id": "", "team_id": "T0ACME"}},
        {"user": None, "team": None},
    ],
)
def test_another_workspace_is_not_ours_even_with_the_member_id_of_an_agent(
    client: TestClient, front: Clicking, changed: dict[str, Any]
) -> None:
    if changed == {"team": None}:
        changed = {"team": None, "user": {"id": SONA}}
    assert "only knows members of its own Slack workspace" in unchanged(client, front, SONA, **changed)


def test_a_value_that_proves_another_ticket_or_none_does_nothing(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    other = front.send("b@customer", to="billing@acme.example")
    mine, theirs = front.value(number), front.value(other)
    proof = mine.rpartition(".")[2]
    values = [
        theirs, f"s.{other}.{proof}", f"s.{number}", "", "s.1.", f"t.{number}.{proof}", mine[:-1], mine + "a", mine.upper(),
        f"s.0{number}.{proof}", f"s.{'9' * 30}.{proof}", f" {mine}", f"{mine}\n", "s.\u0661.aaaaaaaaaaaaaaaa",
    ]  # fmt: skip
    for value in values:
        payload = front.fake.people.clicks(LUCA, front.billing, ts, "take")
        payload["actions"][0]["value"] = value
        assert front.post(client, payload).status_code == 200, value
    assert front.ticket(number)["agent"] is None
    assert front.ticket(other)["agent"] is None
    assert front.words() == ["This button is not one of the desk's. Nothing was done"] * len(values)


def test_what_slack_says_of_a_member_is_asked_once_and_of_a_member_by_id_never(
    client: TestClient, front: Clicking
) -> None:
    _, ts = front.ticket_with_card()
    for user in (LUCA, LUCA, SONA, LUCA):
        front.click(client, user, ts, "resolve")
    assert [one["user"] for one in front.fake.called("users.info")] == [LUCA]
    assert len(front.fake.called("auth.test")) == 1


def test_an_app_that_may_not_read_addresses_says_what_to_do(client: TestClient, front: Clicking) -> None:
    front.fake.methods.scopes.discard("users:read")
    words = unchanged(client, front, LUCA)
    assert "missing_scope" in words
    assert f"write your member id {LUCA} into the desk file" in words


# --- trouble --------------------------------------------------------------------------------------------------------


def test_a_database_in_trouble_becomes_words_and_a_typed_answer_is_not_lost(
    client: TestClient, front: Clicking, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "reply")
    with monkeypatch.context() as patch:
        patch.setattr(front.store, "write", _away)
        assert front.click(client, LUCA, ts, "take").status_code == 200
        answer = front.submit(client, LUCA, to="answer", text="It is on its way.").json()
    assert "The desk is in trouble" in front.words()[-1]
    assert answer["response_action"] == "errors"
    assert "Nothing you wrote is lost" in answer["errors"]["text"]
    assert front.ticket(number)["agent"] is None
    assert front.submit(client, LUCA, to="answer", text="It is on its way.").json() == {"response_action": "clear"}


def test_slack_in_trouble_when_it_is_asked_who_somebody_is_becomes_words(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.fake.say("internal_error", method="users.info")
    front.click(client, LUCA, ts, "take")
    assert "The desk is in trouble" in front.words()[-1]
    front.click(client, LUCA, ts, "take")
    assert front.ticket(number)["agent"] == "luca"


def test_words_are_posted_to_slack_alone(client: TestClient, front: Clicking) -> None:
    _, ts = front.ticket_with_card()
    front.click(client, SONA, ts, "take")
    for url in ("http://169.254.169.254/", "https://hooks.slack.com.evil.example/x", "", "no url"):
        payload = front.fake.people.clicks(LUCA, front.billing, ts, "take") | {"response_url": url}
        front.post(client, payload)
    assert len(front.fake.workspace.ephemeral) == 4
    assert {one["channel"] for one in front.fake.workspace.ephemeral} == {front.billing}


# --- modals ---------------------------------------------------------------------------------------------------------


def test_an_answer_is_written_in_a_modal_and_goes_to_the_customer(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "reply")
    assert front.submit(client, LUCA, to="answer", text="It is on its way.").json() == {"response_action": "clear"}
    ticket = front.ticket(number)
    assert (ticket["agent"], ticket["status"], ticket["entries"][-1]["text"]) == (
        "luca",
        "answered",
        "It is on its way.",
    )
    assert front.rung[-1].goes == "by mail to ann@example.com"
    assert front.rung[-1].notices


def test_a_note_is_written_in_a_modal_and_the_customer_gets_nothing(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "reply")
    front.submit(client, LUCA, to="note", text="He is right.")
    assert front.ticket(number)["entries"][-1]["kind"] == "note"
    assert front.status(number) == "new"


def test_a_modal_that_is_sent_twice_is_one_answer(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "reply")
    for _ in range(3):
        assert front.submit(client, LUCA, to="answer", text="Once.").json() == {"response_action": "clear"}
    assert [one["text"] for one in front.ticket(number)["entries"]].count("Once.") == 1


def test_what_a_modal_cannot_do_stands_in_it_as_words(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "reply")
    for user, text, words in (
        (LUCA, "   ", "was not sent"),
        (MIA, "Hello", "There is no ticket"),
        (NORA, "Hello", "does not know you"),
    ):
        front.fake.member(NORA, name="Nora")
        answer = front.submit(client, user, to="answer", text=text).json()
        assert answer["response_action"] == "errors"
        assert words in answer["errors"]["text"], answer
    assert len(front.ticket(number)["entries"]) == 1


def test_a_transfer_is_chosen_among_the_other_departments(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "transfer")
    offered = [one["value"] for one in front.modal()["blocks"][1]["element"]["options"]]
    assert offered == ["general", "empty"]
    front.submit(client, LUCA, department="general")
    assert front.ticket(number)["department"] == "general"


def test_a_snooze_puts_a_ticket_off(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "snooze")
    assert front.submit(client, LUCA, until="1h", day="2020-01-01").json() == {
        "response_action": "errors",
        "errors": {"until": "That moment is over already. Choose one that comes"},
    }
    front.submit(client, LUCA, until="4h")
    assert front.status(number) == "postponed"
    assert front.ticket(number)["history"][-1]["data"]["until"] == front.now + 4 * 3600


def test_the_shortcut_on_a_message_of_the_thread_opens_the_modal(client: TestClient, front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    below = front.fake.people.writes(LUCA, front.billing, "look", ts)["event"]
    who = front.fake.people.clicks(LUCA, front.billing, ts, "reply")
    said = {"type": "message_action", "callback_id": "frontdesk_reply", "message": below, "message_ts": below["ts"]}
    kept = ("user", "team", "channel", "trigger_id", "response_url")
    front.post(client, said | {key: who[key] for key in kept})
    assert front.modal()["title"]["text"] == f"Reply to #{number}"
    assert front.modal()["private_metadata"] == front.value(number)
    elsewhere = front.fake.people.writes(LUCA, front.billing, "lunch?")["event"]
    front.post(client, said | {key: who[key] for key in kept} | {"message": elsewhere})
    assert "not in the thread of a ticket's card" in front.words()[-1]


def test_a_trigger_that_is_too_old_becomes_words(client: TestClient, front: Clicking) -> None:
    _, ts = front.ticket_with_card()
    front.fake.say("expired_trigger_id", method="views.open")
    front.click(client, LUCA, ts, "reply")
    assert front.words() == ["Slack did not open the window (expired_trigger_id). Please click again"]


@pytest.mark.parametrize("metadata", ["", "17", "s.17", "s.17.aaaaaaaaaaaaaaaa", None, ["s"]])
def test_a_modal_that_proves_no_ticket_says_so_and_one_that_is_not_ours_is_heard_alone(
    client: TestClient, front: Clicking, metadata: object
) -> None:
    number, ts = front.ticket_with_card()
    front.click(client, LUCA, ts, "reply")
    payload = front.fake.people.submits(LUCA, front.modal()["id"], {})
    payload["view"]["private_metadata"] = metadata
    assert "not one of the desk's" in front.post(client, payload).json()["errors"]["text"]
    payload["view"]["callback_id"] = "another"
    assert front.post(client, payload).content == b""
    assert len(front.ticket(number)["entries"]) == 1


def _away(*_: object, **__: object) -> Any:
    raise Temporary("the database is away")


def _without(what: str, instead: str) -> str:
    return HEAD.replace(f"agents: [{what}]", f"agents: [{instead}]")
