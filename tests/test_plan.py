"""`plan`: history replayed by another desk file tells what would change, and touches nothing."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update
from typer.testing import CliRunner, Result

from config.desk import Desk
from config.settings import Settings
from router.rules import compile_rules
from router.trial.before import kept, rebuilt, restored
from router.trial.replay import Plan
from router.trial.tally import Tally, idle
from tests.desks import HEAD, desk, mail
from tests.path.answering import Answering
from tickets import schema
from tickets.blobs import open_blobs
from tickets.schema import decisions, events, inbox, metadata, tickets
from tickets.store import Store
from tickets.trouble import Temporary
from worker import cli

RULES = """
  - name: Invoices
    when: [{subject: {contains: invoice}}]
    then: [transfer: billing, tag: vip]
    stop: true
  - name: Late
    on: [message.received]
    when: [{subject: {contains: late}}]
    then: [priority: high]
"""
Tell = Callable[[str, str], Tally]


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Answering:
    """Give a front desk with a little history: an invoice with an answer and a reply, a late parcel, a hello."""
    made = Answering(store, desk(HEAD, RULES), tmp_path)
    made.now = time.time() - 86_400
    number = made.send("a@x", subject="My invoice")
    made.answer(number, "luca", "It is on its way.")
    made.send("b@x", subject="Re: My invoice", answers="a@x", text="Thanks, but it is late.")
    made.send("c@x", subject="My parcel is late", sender="bob@example.com")
    made.send("d@x", subject="Hello", sender="eve@example.com")
    return made


@pytest.fixture
def replay(front: Answering, migrated_url: str, tmp_path: Path) -> Callable[..., Tally]:
    """Give what replays the history of the front desk by a new desk file."""

    def run(new: Desk, old: Desk | None = None, processes: int = 1, since: float = 0.0) -> Tally:
        found = Settings(database_url=migrated_url, data=tmp_path)
        tally = Tally()
        for tally, _, _ in Plan(found, old or front.at, new, since, 3).run(processes):  # noqa: B007
            pass
        return tally

    return run


def told(tally: Tally) -> list[tuple[str, int, str, str, str]]:
    """Return the examples: what of which ticket, from, to, and who."""
    return [
        (kind, one.ticket, one.changed.was, one.changed.now, one.changed.by)
        for kind, examples in sorted(tally.examples.items())
        for one in examples
    ]


def checksum(store: Store) -> dict[str, str]:
    """Return a digest of every row of every table."""
    with store.read() as connection:
        rows = {
            name: connection.execute(select(table).order_by(*table.primary_key)).all()
            for name, table in metadata.tables.items()
        }
    return {name: hashlib.sha256(repr(found).encode()).hexdigest() for name, found in rows.items()}


# --- what would change ----------------------------------------------------------------------------------------------


def test_the_same_desk_file_changes_nothing(front: Answering, replay: Callable[..., Tally]) -> None:
    tally = replay(front.at)
    assert (tally.replayed, tally.changed, tally.kinds, tally.examples) == (4, 0, {}, {})
    assert (tally.matched, tally.left_out, tally.unknown) == ({"Invoices": 1, "Late": 1}, {}, {})


def test_it_tells_what_would_change_of_which_ticket_and_which_rule_does_it(replay: Callable[..., Tally]) -> None:
    new = RULES.replace("high", "urgent").replace("transfer: billing, tag: vip", "transfer: empty, priority: high")
    tally = replay(desk(HEAD, new))
    assert tally.changed == 2
    assert told(tally) == [
        ("department", 1, "billing", "empty", "rule Invoices"),
        ("priority", 1, "normal", "high", "rule Invoices"),
        ("priority", 2, "high", "urgent", "rule Late"),
        ("tags", 1, "vip", "nothing", "no longer rule Invoices"),
        ("told", 1, "luca, sona", "nothing", "rule Invoices"),
    ]


def test_a_ticket_that_would_begin_elsewhere_is_told(replay: Callable[..., Tally]) -> None:
    moved = HEAD.replace("[support@acme.example]", "[]").replace("[empty@acme.example]", "[support@acme.example]")
    tally = replay(desk(moved, RULES))
    assert ("department", 2, "general", "empty", told(tally)[0][4]) == told(tally)[0]
    assert "addressed to support@acme.example" in told(tally)[0][4]
    assert tally.kinds["department"] == 2  # of the invoice the rule decides, as before


def test_a_later_message_is_tried_on_the_ticket_as_it_stood_then(
    front: Answering, replay: Callable[..., Tally]
) -> None:
    front.set(1, status="closed", agent=None, priority="low", tags="[]", department="empty")  # what is true today
    rules = """
  - name: Comes back
    on: [ticket.reopened]
    when: [{status: open, agent: luca, tags: vip, department: billing, priority: normal, messages: {at_least: 3}}]
    then: [priority: urgent]
"""
    tally = replay(desk(HEAD, RULES + rules))
    assert told(tally) == [("priority", 1, "normal", "urgent", "rule Comes back")]


def test_a_ticket_without_a_kept_state_is_made_from_its_history(front: Answering, replay: Callable[..., Tally]) -> None:
    with front.store.read() as connection:
        row = connection.execute(select(decisions).where(decisions.c.ticket_id == 1).order_by(decisions.c.id)).all()[-1]
        ticket = connection.execute(select(tickets).where(tickets.c.id == 1)).one()
        before = events.c.id < row.events_from
        history = connection.execute(select(events).where(events.c.ticket_id == 1, before).order_by(events.c.id)).all()
    trace = json.loads(row.trace)
    as_kept, as_told = restored(trace["before"], ticket), rebuilt(ticket, history)
    assert [json.loads(json.dumps(kept(one))) for one in (as_told, as_kept)] == [trace["before"]] * 2
    del trace["before"]
    with front.store.write() as connection:
        connection.execute(update(decisions).where(decisions.c.id == row.id).values(trace=json.dumps(trace)))
        connection.execute(update(decisions).values(events_from=None))
    rules = "\n  - {name: Again, on: [ticket.reopened], when: [{tags: vip, agent: luca}], then: [priority: urgent]}\n"
    assert told(replay(desk(HEAD, RULES + rules))) == [("priority", 1, "normal", "urgent", "rule Again")]


# --- the rules of the new desk file -----------------------------------------------------------------------------------


def test_rules_that_did_nothing_are_told_with_the_reason(replay: Callable[..., Tally]) -> None:
    more = """
  - name: Hidden
    when: [{subject: {contains: invoice}}]
    then: [priority: low]
  - name: Never
    when: [{subject: {contains: giraffe}}]
    then: [priority: low]
  - name: So already
    when: [{subject: hello}]
    then: [priority: normal]
  - name: Other events
    on: [ticket.rated]
    then: [priority: low]
  - name: Off
    active: false
    then: [priority: low]
"""
    new = desk(HEAD, RULES + more)
    tally = replay(new)
    assert tally.changed == 0
    assert [(one.rule, one.why) for one in idle(compile_rules(new), tally)] == [
        ("Hidden", "hidden: it would have matched, but Invoices stops before it (1 messages)"),
        ("Never", "never matched"),
        ("So already", "matched, but everything was so already"),
        ("Other events", "not tried: nothing in this history asks it (ticket.rated)"),
    ]


# --- what cannot be known ---------------------------------------------------------------------------------------------


def test_a_strategy_is_compared_by_whom_it_chooses_among(replay: Callable[..., Tally]) -> None:
    turns = HEAD.replace("agents: [sona, luca]", "agents: [sona, luca], assignment: round_robin")
    loads = turns.replace("round_robin", "least_loaded")
    fewer = turns.replace("agents: [sona, luca]", "agents: [luca]")
    assert told(replay(desk(turns, RULES)))[0][:4] == ("agent", 1, "nobody", "round_robin of luca, sona")
    assert replay(desk(turns, RULES), desk(turns, RULES)).changed == 0
    assert told(replay(desk(loads, RULES), desk(turns, RULES)))[0][2:4] == (
        "round_robin of luca, sona",
        "least_loaded of luca, sona",
    )
    assert told(replay(desk(fewer, RULES), desk(turns, RULES)))[0][2:4] == (
        "round_robin of luca, sona",
        "round_robin of luca",
    )
    assert replay(desk(turns, RULES)).given == 1


def test_what_cannot_be_replayed_is_counted_with_the_reason(
    front: Answering, replay: Callable[..., Tally], tmp_path: Path
) -> None:
    open_blobs(Settings(data=tmp_path)).put(b"another")  # else the folder may just not be mounted
    front.keep(mail("waits@x"))
    [broken] = front.keep(mail("broken@x"))
    with front.store.write() as connection:
        connection.execute(update(inbox).where(inbox.c.id == broken).values(state="quarantined", cause="x"))
        connection.execute(update(inbox).where(inbox.c.id == 1).values(stored="0" * 64, raw=b""))
    gone = desk(HEAD.replace("id: billing", "id: money").replace("department: billing", "department: money"))
    assert dict(replay(gone).left_out) == {
        "not routed yet": 1,
        "in quarantine": 1,
        "its bytes are lost": 1,
        "the new desk file has no department billing": 1,
    }
    elsewhere = desk(HEAD.replace("name: mail", "name: post"), RULES)
    tally = replay(elsewhere)
    assert (tally.replayed, tally.left_out["the new desk file has no channel mail"]) == (0, 3)


def test_a_mail_that_lies_in_a_blob_is_replayed(front: Answering, replay: Callable[..., Tally], tmp_path: Path) -> None:
    raw = mail("large@x", subject="Large", text="word " * 100)
    digest = open_blobs(Settings(data=tmp_path)).put(raw)
    number = front.route(raw)
    with front.store.write() as connection:
        connection.execute(update(inbox).where(inbox.c.ticket_id == number).values(stored=digest, raw=b""))
    rules = "\n  - {name: Large, when: [{subject: large, body: {contains: word}}], then: [priority: low]}\n"
    assert told(replay(desk(HEAD, RULES + rules))) == [("priority", number, "normal", "low", "rule Large")]


def test_what_history_does_not_know_is_counted_and_what_it_knows_is_asked(replay: Callable[..., Tally]) -> None:
    rules = """
  - {name: Busy, when: [{queue: {more_than: 0}}], then: [priority: low]}
  - {name: Tagged, when: [{not: {contact_tags: vip}}], then: [priority: low]}
  - {name: Again, on: [message.received], when: [{earlier_tickets: {at_least: 1}}], then: [priority: low]}
  - {name: From, when: [{header: {from: {contains: eve@}}}], then: [priority: low]}
"""
    tally = replay(desk(HEAD, RULES + rules))
    assert told(tally) == [("priority", 3, "normal", "low", "rule From")]
    assert tally.unknown == {"queue": 2, "contact_tags": 2}  # the invoice stopped before


def test_only_what_came_since_then_is_replayed(front: Answering, replay: Callable[..., Tally]) -> None:
    with front.store.write() as connection:
        connection.execute(update(inbox).where(inbox.c.id <= 2).values(received_at=100.0))
    assert replay(front.at, since=200.0).replayed == 2
    assert replay(front.at, since=50.0).replayed == 4
    assert replay(front.at, since=time.time() + 10).replayed == 0


# --- it touches nothing -----------------------------------------------------------------------------------------------


def test_nothing_is_touched(front: Answering, replay: Callable[..., Tally]) -> None:
    before, path = checksum(front.store), front.store.engine.url.database
    whole = Path(path).read_bytes() if front.store.sqlite and path else b""
    replay(desk(HEAD, RULES.replace("billing", "empty")))
    assert checksum(front.store) == before
    assert (Path(path).read_bytes() if front.store.sqlite and path else b"") == whole


def test_a_store_that_is_only_read_refuses_every_change(migrated_url: str, store: Store, tmp_path: Path) -> None:
    only = Store(migrated_url, read_only=True)
    with pytest.raises(Exception, match=r"(?i)read-?only"), only.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'x'"))
    only.close()
    assert store.version() == schema.HEAD
    nowhere = Store(f"sqlite:///{tmp_path / 'new' / 'none.sqlite3'}", read_only=True)
    with pytest.raises(Temporary):
        nowhere.version()
    assert not (tmp_path / "new").exists()


# --- many -------------------------------------------------------------------------------------------------------------


def test_several_processes_come_to_what_one_does(replay: Callable[..., Tally], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.trial.replay.ALONE", 0)
    monkeypatch.setattr("router.trial.replay.CHUNK", 2)
    new = desk(HEAD, RULES.replace("billing", "empty"))
    assert replay(new, processes=2) == replay(new, processes=1)


WORDS = ("invoice", "late", "hello", "parcel")
CONDITIONS = st.one_of(
    st.sampled_from(WORDS).map(lambda word: {"subject": {"contains": word}}),
    st.sampled_from(WORDS).map(lambda word: {"not": {"body": {"contains": word}}}),
    st.sampled_from(["general", "billing"]).map(lambda name: {"department": name}),
    st.just({"tags": "vip"}),
)
ACTIONS = st.sampled_from(
    [
        {"transfer": "billing"}, {"assign": "luca"}, {"assign": "nobody"}, {"priority": "high"}, {"tag": "vip"},
        {"notify": ["agent:sona"]},
    ]
)  # fmt: skip
RANDOM_RULES = st.lists(
    st.fixed_dictionaries(
        {
            "on": st.sampled_from(
                [["ticket.created"], ["message.received"], ["ticket.transferred"], ["ticket.tagged"]]
            ),
            "when": st.lists(CONDITIONS, max_size=2),
            "then": st.lists(ACTIONS, min_size=1, max_size=3),
            "stop": st.booleans(),
        }
    ),
    max_size=5,
)


def _ruled(head: str, rules: list[dict[str, Any]]) -> Desk:
    named = [{"name": f"rule {place}", **rule} for place, rule in enumerate(rules)]
    return desk(f"{head}\nrules: {json.dumps(named)}\n")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=RANDOM_RULES, strategy=st.sampled_from(["none", "random", "round_robin", "least_loaded"]))
def test_whatever_the_rules_are_the_same_desk_file_changes_nothing(
    replay: Callable[..., Tally], rules: list[dict[str, Any]], strategy: str
) -> None:
    head = HEAD.replace("agents: [sona, luca]", f"agents: [sona, luca], assignment: {strategy}")
    tally = replay(_ruled(head, rules), _ruled(head, rules))
    assert (tally.replayed, tally.changed) == (4, 0)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def call(front: Answering, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Give the command, with the front desk's own files."""
    (tmp_path / "desk.yaml").write_text(f"{HEAD}\nrules:{RULES}", encoding="utf-8")
    changed = f"{HEAD}\nrules:{RULES}".replace("priority: high", "priority: urgent")
    (tmp_path / "new.yaml").write_text(changed, encoding="utf-8")
    monkeypatch.setenv("FRONTDESK_CONFIG", str(tmp_path / "desk.yaml"))
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("FRONTDESK_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "200")
    del front

    def run(name: str, *words: str) -> Result:
        return CliRunner().invoke(cli, ["plan", "--config", str(tmp_path / name), *words])

    return run


def test_the_command_says_what_would_change_and_ends_with_1(call: Callable[..., Result]) -> None:
    shown = call("new.yaml")
    assert shown.exit_code == 1, shown.output
    assert "4 messages since" in shown.stdout
    assert "priority of #2 My parcel is late: high → urgent (rule Late)" in shown.stdout
    said = call("new.yaml", "--json", "--most", "0")
    [one] = map(json.loads, said.stdout.splitlines())
    assert (said.exit_code, one["changed"], one["kinds"], one["examples"]) == (1, 1, {"priority": 1}, [])


def test_the_command_ends_with_0_when_nothing_would_change(call: Callable[..., Result]) -> None:
    shown = call("desk.yaml", "--since", "2d")
    assert (shown.exit_code, "Nothing would change." in shown.stdout) == (0, True), shown.output


def test_the_command_ends_with_2_for_a_broken_desk_file_and_for_wrong_usage(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "broken.yaml").write_text(f"{HEAD}\nrules: [{{name: x, then: [{{transfer: nowhere}}]}}]")
    broken = call("broken.yaml")
    assert (broken.exit_code, "broken.yaml:" in broken.output) == (2, True)
    assert call("new.yaml", "--since", "soon").exit_code == 2
    assert call("missing.yaml").exit_code == 2


def test_the_command_never_migrates(call: Callable[..., Result], store: Store) -> None:
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    result = call("new.yaml")
    assert (result.exit_code, "See: frontdesk migrate" in result.output, store.version()) == (2, True, "0003")


def test_an_interrupt_ends_it_cleanly(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Tally:
        raise KeyboardInterrupt

    monkeypatch.setattr("router.trial.replay.replayed", interrupted)
    result = call("new.yaml")
    assert (result.exit_code, "Stopped. Nothing was changed" in result.output) == (130, True)


def test_a_trace_keeps_the_ticket_as_it_stood_in_few_bytes(front: Answering) -> None:
    with front.store.read() as connection:
        traces = [json.loads(one) for one in connection.scalars(select(decisions.c.trace).order_by(decisions.c.id))]
        assert connection.scalar(select(func.count()).select_from(decisions)) == len(traces)
    [before] = [trace["before"] for trace in traces if "before" in trace]
    assert before["agent"] == "luca"
    assert len(json.dumps(before)) < 300
