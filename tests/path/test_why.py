"""`why`: what is kept with a ticket tells everything, whatever was asked: a message, an act, a clock."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from router.act import Acts
from router.book import Shelf
from router.explain import explain
from router.rules import compile_rules
from router.trace import kept
from router.why import why
from tests.clocks.ticking import HOUR, Desktop
from tests.desks import HEAD, desk
from tests.path.stories import Front
from tickets import look
from tickets.schema import decisions, desk_versions
from tickets.store import Store

RULES = """
  - {name: Other customers, when: [{from_domain: globex.example}], then: [{tag: vip}]}
  - {name: Bills, when: [{subject: {contains: invoice}}], then: [{transfer: billing}, {notify: [agent:mia, agent:luca]}]}
  - {name: Moved, on: [ticket.transferred], then: [{priority: high}]}
  - {name: Answered, on: [ticket.answered], when: [{body: {contains: sorry}}], then: [{tag: vip}]}
"""


@pytest.fixture
def front(store: Store) -> Front:
    return Front(store, desk(HEAD, RULES))


def versions(store: Store) -> int:
    with store.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(desk_versions)) or 0)


def results(turn: dict[str, Any]) -> list[tuple[str, str]]:
    return [(line["rule"], line["result"]) for line in turn["trace"]["rules"]]


def test_a_message_tells_each_rule_each_pass_and_who_was_told_and_who_was_not(front: Front) -> None:
    number = front.send("1@example.com", subject="Invoice 12")
    [turn] = why(front.store, number)
    assert turn["asked"] == {"what": "message", "event": "ticket.created", "by": "customer"}
    assert turn["desk_version"] == front.at.version
    assert results(turn) == [
        ("Other customers", "failed"),
        ("Bills", "matched"),
        ("Moved", "not_for_event"),
        ("Answered", "not_for_event"),
    ]
    missed = turn["trace"]["rules"][0]["failed"]
    assert [(one["word"], one["wanted"], one["saw"]) for one in missed] == [
        ("from_domain", "globex.example", "example.com")
    ]
    assert [line["rule"] for line in turn["trace"]["next"][0]["rules"]] == ["Moved"]
    told = {(one["recipient"], one["state"]): one["reason"] for one in turn["told"]}
    assert told["luca", "pending"]
    assert "not a member" in told["mia", "suppressed"]


def test_an_act_is_told_with_who_did_it(front: Front) -> None:
    number = front.send("1@example.com", subject="Invoice 12")
    Acts(front.store, lambda: front.at, lambda: front.now).answer(number, "luca", "We are sorry.")
    asked = why(front.store, number)[-1]
    assert asked["asked"] == {"what": "act", "event": "ticket.answered", "by": "agent:luca"}
    assert ("Answered", "matched") in results(asked)


def test_a_clock_that_struck_is_told_with_the_rule_it_struck_for(store: Store) -> None:
    late = "  - {name: Late, on: [{time.waiting_for_agent: 1h}], then: [{priority: high}]}\n"
    front = Desktop(store, desk(HEAD, RULES + late))
    number = front.send("1@example.com")
    front.later(2 * HOUR)
    struck = why(store, number)[-1]
    assert (struck["asked"]["what"], struck["asked"]["event"]) == ("clock", "time.waiting_for_agent")
    assert [one for one in results(struck) if one[1] != "not_for_event"] == [("Late", "matched")]


def test_the_rules_of_a_version_are_kept_once_and_again_when_that_was_undone(store: Store) -> None:
    at = desk(HEAD, RULES)
    front = Front(store, at)
    for n in range(3):
        front.send(f"{n}@example.com")
    assert versions(store) == 1
    other = replace(Shelf(lambda: at).book(), rules=compile_rules(at.model_copy(update={"version": "other"})))
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        other.record.keep(connection, other.rules, 1.0)
        other.record.keep(connection, other.rules, 1.0)
        raise ZeroDivisionError
    assert versions(store) == 1
    for _ in range(3):
        with store.write() as connection:
            other.record.keep(connection, other.rules, 1.0)
    assert versions(store) == 2


def test_a_desk_without_rules_keeps_none(store: Store) -> None:
    Front(store, desk()).send("1@example.com")
    assert versions(store) == 0


def test_a_trace_from_before_is_told_as_it_was(front: Front) -> None:
    number = front.send("1@example.com")
    old = {
        "because": "a new ticket in general", "version": "old", "events": ["message.received", "ticket.created"],
        "rules": [{"rule": "Gone", "result": "inactive"}, {"rule": "Bills", "result": "not_for_event"}],
        "department": "general", "agent": None, "reason": "several_agents", "by": None,
    }  # fmt: skip
    with front.store.write() as connection:
        connection.execute(update(decisions).values(trace=json.dumps(old), events_from=None, events_to=None))
        connection.execute(delete(desk_versions))
    [turn] = why(front.store, number)
    assert turn["trace"]["rules"] == old["rules"]
    assert explain(turn["trace"])[1:3] == ["· Gone: inactive", "· Bills: not for this event"]
    assert turn["asked"]["what"] == "message"


def test_a_trace_is_small_whatever_the_number_of_rules(front: Front) -> None:
    many = "".join(
        f"\n  - {{name: r{n}, when: [{{from_domain: c{n}.example, subject: {{contains: x}}}}], then: [{{tag: vip}}]}}"
        for n in range(300)
    )
    large = Front(front.store, desk(HEAD, RULES + many))
    sizes = list[int]()
    for one in (front, large):
        one.send(f"{len(sizes)}@example.com", subject="Hello")
        with front.store.read() as connection:
            sizes.append(
                len(connection.scalars(select(decisions.c.trace).order_by(decisions.c.id.desc())).first() or "")
            )
    assert sizes[1] < sizes[0] + 100
    assert len(kept(compile_rules(large.at))) == 304
    assert look.rules_of(front.store, "never seen") == []
