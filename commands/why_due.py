"""`why-due N`: the arithmetic of what a ticket's customer is promised."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import select

from commands.output import AsJson, documents, line, stop
from commands.parts import open_desk, open_store
from commands.parts import settings as read_settings
from config.calendar import ALWAYS
from router.clocks.arithmetic import arithmetic
from router.clocks.sla import duration
from router.state import state_of
from tickets.schema import tickets

MOST_DAYS = 10
"""So many days are shown one by one; of more the first ones are one line."""
STYLES = {"broken": "red", "late": "red", "runs": "green", "kept": "green", "paused": "yellow"}
WORDS = {
    "runs": "runs",
    "broken": "broken, and still waited for",
    "paused": "paused: it waits for the customer",
    "kept": "kept",
    "late": "came too late",
    "dropped": "over without it",
    "off": "not promised any more",
    "never": "never due: the calendar does not open so long",
}


def why_due(
    number: Annotated[int, typer.Argument(help="the ticket's number", min=1)], *, as_json: AsJson = False
) -> None:
    """Tell when what is due in a ticket, and how that was counted."""
    desk = open_desk(read_settings().desk_file).current()
    with open_store() as store, store.read() as connection:
        row = connection.execute(select(tickets).where(tickets.c.id == number)).first()
    if row is None:
        stop(f"There is no ticket {number}. See: frontdesk tickets", 1)
    state = state_of(row)
    found = arithmetic(state, desk, time.time())
    if as_json:
        documents([found])
        return
    agent = state.agent or f"nobody ({state.unassigned_reason})"
    line(f"#{number} {state.subject}", "bold")
    line(f"{state.department} · {agent} · {state.status} · {state.priority}")
    line(
        f"level {found['level']}: {found['because']}" if found["level"] else f"nothing is promised: {found['because']}"
    )
    for target in found["targets"]:
        heading = f"{target['target'].replace('_', ' ')}, {duration(target['promised'])}: {WORDS[target['state']]}"
        line(f"\n{heading}", STYLES.get(target["state"], "dim"))
        for words, meaning in _lines(target, found["level"]):
            line(f"  {words:<18}{meaning}")


def _lines(target: dict[str, Any], level: str | None) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a target: what it is, and when or how much."""
    zone = ZoneInfo(target["timezone"] or "UTC")

    def at(moment: str) -> str:
        return f"{datetime.fromisoformat(moment).astimezone(zone):%a %Y-%m-%d %H:%M:%S}"

    hours = "around the clock" if target["calendar"] == ALWAYS else f"open hours of {target['calendar']}"
    yield "counted in", f"{hours} ({zone})"
    if target["level"] != level:
        yield "level", f"{target['level']}, as it was when it began"
    yield "began", at(target["began_at"])
    if target["counted_since"] != target["began_at"]:
        yield "counted since", at(target["counted_since"])
    for pause in target["pauses"]:
        until = at(pause["to"]) if pause["to"] else "now"
        left_out = duration(pause["open_seconds"] or 0.0)
        yield "paused", f"{at(pause['from'])} to {until} ({left_out} open, not counted)"
    for day, seconds in _days(target["days"]):
        yield day, f"{duration(seconds):>11}"
    left = f", {duration(target['left'])} left" if target["state"] in ("runs", "paused") else ""
    yield "together", f"{duration(target['spent']):>11} of {duration(target['promised'])}{left}"
    told = (("warns", "warns_at"), ("due", "due_at"), ("warned", "warned_at"), ("breach told", "breached_at"))
    for words, key in told:
        if target[key] and not (key == "warns_at" and target["warned_at"]):
            yield words, at(target[key])
    if target["ended_at"]:
        yield "over" if target["state"] == "dropped" else "done", at(target["ended_at"])


def _days(days: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    early, shown = days[:-MOST_DAYS], days[-MOST_DAYS:]
    if early:
        yield f"{len(early)} days before", sum(day["seconds"] for day in early)
    for day in shown:
        yield f"{datetime.fromisoformat(day['date']):%a %Y-%m-%d}", day["seconds"]
