"""The arithmetic of promises adds up, and people can read it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from router.clocks.arithmetic import arithmetic
from router.clocks.wind import wind
from tests.clocks.test_promises import ACTS, BEGINS, RULES, begun, moved, promising
from tests.clocks.test_sla import OFFICE, Promising, there
from tickets.look import moment
from tickets.store import Store
from worker import cli

STORY = """\
#1 Hello
general · luca · open · normal
level standard: the department general has it

first response, 1h: kept
  counted in        open hours of office (Europe/Bratislava)
  began             Fri 2026-11-27 16:55:00
  Fri 2026-11-27             5m
  Mon 2026-11-30            30m
  together                  35m of 1h
  due               Mon 2026-11-30 08:55:00
  warned            Mon 2026-11-30 08:25:00
  done              Mon 2026-11-30 08:30:00

next response, 2h: broken, and still waited for
  counted in        open hours of office (Europe/Bratislava)
  began             Tue 2026-12-01 09:00:00
  Tue 2026-12-01             3h
  together                   3h of 2h
  due               Tue 2026-12-01 11:00:00
  warned            Tue 2026-12-01 10:30:00
  breach told       Tue 2026-12-01 11:00:00

resolution, 48h: runs
  counted in        open hours of office (Europe/Bratislava)
  began             Fri 2026-11-27 16:55:00
  paused            Mon 2026-11-30 08:30:00 to Tue 2026-12-01 09:00:00 (9h 30m open, not counted)
  Fri 2026-11-27             5m
  Mon 2026-11-30            30m
  Tue 2026-12-01             3h
  together               3h 35m of 48h, 44h 25m left
  warns             Tue 2026-12-08 10:55:00
  due               Tue 2026-12-08 11:25:00
"""


def test_the_arithmetic_is_shown_to_people_and_to_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "desk.yaml").write_text(OFFICE, encoding="utf-8")
    monkeypatch.setenv("FRONTDESK_CONFIG", str(tmp_path / "desk.yaml"))
    monkeypatch.setenv("FRONTDESK_DATA", str(tmp_path))
    monkeypatch.delenv("FRONTDESK_DATABASE_URL", raising=False)
    store = Store(f"sqlite:///{tmp_path / 'frontdesk.sqlite3'}")
    store.migrate()
    at = Promising(store)
    at.now = there("2026-11-27 16:55")
    number = at.send("a@x.example")
    at.to("2026-11-30 08:30")
    at.acts.answer(number, "luca", "Which one?")
    at.to("2026-12-01 09:00")
    at.send("b@x.example", answers="a@x.example")
    at.to("2026-12-01 12:00")
    other = at.send("c@x.example", to="billing@acme.example")
    store.close()
    monkeypatch.setattr("time.time", lambda: at.now)
    shown = CliRunner().invoke(cli, ["why-due", str(number)])
    assert (shown.exit_code, shown.stdout) == (0, STORY)
    [first, following, end] = json.loads(CliRunner().invoke(cli, ["why-due", str(number), "--json"]).stdout)["targets"]
    assert [one["state"] for one in (first, following, end)] == ["kept", "broken", "runs"]
    assert end["pauses"] == [
        {"from": "2026-11-30T07:30:00.000+00:00", "to": "2026-12-01T08:00:00.000+00:00", "open_seconds": 9.5 * 3600}
    ]
    nothing = CliRunner().invoke(cli, ["why-due", str(other)]).stdout.splitlines()[-1]
    assert nothing.startswith("nothing is promised: neither the ticket nor")
    assert CliRunner().invoke(cli, ["why-due", "99"]).exit_code == 1
    at.now = there("2026-12-21 08:00")  # a long wait has its first days in one line
    assert "\n  4 days before             35h\n" in CliRunner().invoke(cli, ["why-due", str(number)]).stdout


@settings(max_examples=80)
@given(
    st.sampled_from(BEGINS),
    st.sampled_from(["from_start", "from_now", "keep"]),
    st.lists(st.tuples(st.integers(0, 40_000), st.sampled_from(ACTS)), max_size=12),
)
def test_the_days_add_up_to_what_was_promised_when_it_is_due(
    begin: int, when: str, story: list[tuple[int, str]]
) -> None:
    at, now = promising(when), float(begin)
    state = wind(begun(now), None, at, RULES, now)
    for pause, act in story:
        now += pause
        state = wind(moved(state, act, now), state, at, RULES, now)
    for target in arithmetic(state, at, now)["targets"]:
        due = state.clocks["sla"]["targets"][target["target"]].get("due")
        assert target["left"] == max(target["promised"] - target["spent"], 0)
        assert len({day["date"] for day in target["days"]}) == len(target["days"])
        if target["state"] != "runs":
            continue
        [then] = [one for one in arithmetic(state, at, due)["targets"] if one["target"] == target["target"]]
        assert (then["state"], then["spent"], then["left"]) == ("broken", then["promised"], 0)
        assert then["due_at"] == moment(due)
