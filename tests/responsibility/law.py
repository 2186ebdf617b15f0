"""The law of responsibility, told without the router: who may have an open ticket, and what may wait in a queue."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from config.desk import Agent, Desk
from router.hand import CannotActError
from tests.responsibility.desks import team
from tests.responsibility.shift import Shift
from tickets.schema import events, tickets

AGENTS: dict[str, dict[str, Any]] = {
    "sona": {"capacity": 2, "substitute": "luca"},
    "luca": {"capacity": 3, "calendar": "office"},
    "mia": {"vacations": [{"from": "2026-11-24", "to": "2026-11-24", "substitute": "nora"}]},
    "nora": {"capacity": 1, "timezone": "Pacific/Auckland", "substitute": "sona"},
}
HOURS = ((8 * 60, 12 * 60 + 30), (13 * 60 + 30, 17 * 60))
OFFICE = {"id": "office", "hours": {"mon-fri": ["08:00-12:30", "13:30-17:00"]}}
MAILBOXES = ("turns", "least", "plain", "calm", "kept")


def _desk(*without: str, **members: list[str]) -> Desk:
    here = {name: said for name, said in AGENTS.items() if name not in without}
    here = {
        name: {
            key: [{k: v for k, v in one.items() if v not in without} for one in value] if key == "vacations" else value
            for key, value in said.items()
            if key != "substitute" or value not in without
        }
        for name, said in here.items()
    }
    said: dict[str, dict[str, Any]] = {
        "turns": {"assignment": "round_robin", "react_within": "20m"},
        "least": {"assignment": "least_loaded", "when_away": "substitute", "away_after": "10m"},
        "plain": {"when_away": "substitute"},
        "calm": {"away_after": "2h"},
        "kept": {"when_away": "keep", "assignment": "random"},
    }
    departments = [
        {
            "id": one,
            "name": one.title(),
            "addresses": [f"{one}@acme.example"],
            "agents": members.get(one, "all"),
            **more,
        }
        for one, more in said.items()
    ]
    return team(here, departments=departments, calendars=[OFFICE])


DESKS = (_desk(), _desk("luca"), _desk(turns=["mia", "nora"], least=["sona"], kept=["luca"]), _desk("nora", "mia"))


@dataclass
class World:
    """A desk under the law: people come and go, customers and agents write, time goes by."""

    shift: Shift
    name: str = ""
    away: dict[str, float] = field(default_factory=dict)
    sent: dict[int, str] = field(default_factory=dict)

    def writes(self, mailbox: str, *, again: int | None = None) -> None:
        """Let a customer begin a ticket, or write in one."""
        self.shift.count += 1
        message = f"{self.name}{self.shift.count}@customer"
        said = {"answers": self.sent[again]} if again in self.sent else {}
        number = self.shift.send(message, to=f"{mailbox}@acme.example", **said)
        self.sent[number] = message

    def does(self, agent: str, number: int, act: str, to: str) -> None:
        """Let an agent do something to a ticket, if they may."""
        acts, shift = self.shift.acts, self.shift
        ways = {
            "answer": lambda: shift.answer(number, agent),
            "take": lambda: acts.take(number, agent),
            "assign": lambda: acts.assign(number, agent, to),
            "back": lambda: acts.assign(number, agent, "nobody"),
            "transfer": lambda: acts.transfer(number, agent, to),
            "note": lambda: acts.note(number, agent, "Hm."),
            "resolve": lambda: acts.status(number, agent, "resolved"),
            "open": lambda: acts.status(number, agent, "open"),
        }
        try:
            ways[act]()
        except CannotActError:
            return

    def goes(self, agent: str, *, away: bool) -> None:
        """Let an agent say that they are away, or back."""
        if away:
            self.away.setdefault(agent, self.shift.now)
            self.shift.away(agent)
        else:
            self.away.pop(agent, None)
            self.shift.back(agent)

    def anything(self, dice: random.Random) -> None:
        """Let something happen."""
        agent, mailbox = dice.choice([*AGENTS]), dice.choice(MAILBOXES)
        number = dice.choice([*self.sent, 1])
        act = dice.choice(["answer", "take", "assign", "back", "transfer", "note", "resolve", "open"])
        what = dice.randrange(10)
        if what < 3:  # as likely as it is said
            self.writes(mailbox, again=number if what else None)
        elif what < 6:
            self.does(agent, number, act, mailbox if act == "transfer" else dice.choice([*AGENTS]))
        elif what < 8:
            self.goes(agent, away=what % 2 == 0)
        else:
            self.shift.tick(dice.choice([0.0, 1.0, 600.0]))

    def broken(self) -> list[str]:
        """Return what is against the law now, after a tick, in words."""
        with self.shift.store.read() as connection:
            rows = connection.execute(select(tickets).order_by(tickets.c.id)).all()
            about = events.c.name.in_(("ticket.assigned", "ticket.unassigned"))
            lines = connection.execute(select(events).where(about).order_by(events.c.id)).all()
        opened = [row for row in rows if row.status in ("new", "open")]
        held: dict[str, int] = {}
        for row in opened:
            held[row.agent] = held.get(row.agent, 0) + 1
        wrong = [said for row in opened if (said := self._with_whom(row) or self._in_queue(row, held))]
        past = {row.id: [line for line in lines if line.ticket_id == row.id] for row in rows}
        return wrong + [said for row in rows if (said := _history(row, past[row.id]))]

    def _with_whom(self, row: Any) -> str | None:
        if row.agent is None:
            return None
        department = self.shift.at.departments_by_id[row.department]
        if row.agent not in self.shift.at.members(row.department):
            return f"{row.id} is with {row.agent}, who is not in {row.department}"
        if department.when_away == "keep" or not self._absent(row.agent, department.away_after or 0.0):
            return None
        return f"{row.id} is with {row.agent}, who has been away from {row.department} for too long"

    def _in_queue(self, row: Any, held: Mapping[str, int]) -> str | None:
        department = self.shift.at.departments_by_id[row.department]
        if row.agent is not None or department.assignment == "none":
            return None
        passed = json.loads(row.clocks or "{}").get("react", {}).get("passed", [])
        for agent in self.shift.at.agents:
            there = agent.id in self.shift.at.members(row.department) and not self._absent(agent.id, 0.0)
            free = agent.capacity is None or held.get(agent.id, 0) + 1 <= agent.capacity
            if there and free and agent.id not in passed:
                return f"{row.id} waits in {row.department}, and {agent.id} is free"
        return None

    def _absent(self, agent: str, seconds: float) -> bool:
        """Tell, minute by minute, whether one cause has kept an agent away for so long."""
        now, known = self.shift.now, self.shift.at.agents_by_id[agent]
        moments = [now - min(back * 60.0, seconds) for back in range(int(seconds // 60) + 2)]
        causes = (
            [self.away.get(agent, now + 1) <= at for at in moments],
            [_on_vacation(known, at) for at in moments],
            [known.calendar is not None and not _in_hours(at) for at in moments],
        )
        return any(all(cause) for cause in causes)


def _history(row: Any, lines: Sequence[Any]) -> str | None:
    agent = None
    for line in lines:
        data = json.loads(line.data)
        if data.get("from") != agent:
            return f"the history of {row.id} takes it from {data.get('from')}, and {agent} had it"
        if not line.actor or not data.get("reason"):
            return f"the history of {row.id} says not why: {line.name} by {line.actor}"
        agent = data.get("to") if line.name == "ticket.assigned" else None
    return None if agent == row.agent else f"{row.id} is with {row.agent}, and its history says {agent}"


def _in_hours(at: float) -> bool:
    there = datetime.fromtimestamp(at, UTC)
    minute = there.hour * 60 + there.minute
    return there.weekday() < 5 and any(begins <= minute < ends for begins, ends in HOURS)  # Saturday


def _on_vacation(agent: Agent, at: float) -> bool:
    return any(one.from_ <= datetime.fromtimestamp(at, UTC).date() <= one.to for one in agent.vacations)
