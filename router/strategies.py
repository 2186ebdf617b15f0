"""The strategies: each puts the agents who could have a ticket in an order, and the first has it.

What each is good for stands in docs/decisions/2026-11-26-responsibility.md.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from config.desk import Agent
from router.state import State
from router.workload import Workload


@dataclass(frozen=True, slots=True)
class Choice:
    """What a strategy goes by: the ticket, the moment (UTC seconds), and the load of those who could have it."""

    ticket: State
    at: float
    work: Workload
    load: Mapping[str, float]

    def turns(self, agents: Sequence[Agent]) -> list[Agent]:
        """Return the agents by who has waited longest for a ticket of the department; who never had one is first."""
        had = self.work.turns(self.ticket.department)
        return sorted(agents, key=lambda agent: had.get(agent.id, -math.inf))


def round_robin(agents: Sequence[Agent], choice: Choice) -> list[tuple[Agent, str]]:
    """Who had a turn longest ago is next; among those who never had one, the order of the desk file."""
    return [(agent, "had a turn later, or stands below in the desk file") for agent in choice.turns(agents)]


def least_loaded(agents: Sequence[Agent], choice: Choice) -> list[tuple[Agent, str]]:
    """Who has least of their capacity is next; among equals, who had a turn longest ago.

    Who has no capacity counts as having the largest of the others'.
    """
    largest = max((agent.capacity for agent in agents if agent.capacity is not None), default=1.0)

    def share(agent: Agent) -> float:
        return round(choice.load.get(agent.id, 0.0) / (agent.capacity or largest), 9)

    return [(agent, f"has {has(agent, choice.load)}") for agent in sorted(choice.turns(agents), key=share)]


def random(agents: Sequence[Agent], choice: Choice) -> list[tuple[Agent, str]]:
    """Draw lots, from the ticket and the moment: trying it again draws the same."""
    ticket = choice.ticket
    drawn = f"{ticket.number} {ticket.contact_id} {ticket.subject} {ticket.created_at} {choice.at}"

    def lot(agent: Agent) -> bytes:
        return hashlib.blake2b(f"{agent.id} {drawn}".encode(), digest_size=8).digest()

    return [(agent, "was not drawn") for agent in sorted(agents, key=lot)]


def has(agent: Agent, load: Mapping[str, float]) -> str:
    """Return what an agent has in words: `4 of 10`."""
    held = f"{round(load.get(agent.id, 0.0), 3):g}"
    return held if agent.capacity is None else f"{held} of {agent.capacity:g}"


STRATEGIES: Final[Mapping[str, Callable[[Sequence[Agent], Choice], list[tuple[Agent, str]]]]] = {
    each.__name__: each for each in (round_robin, least_loaded, random)
}
"""The strategies that choose, by their word in the desk file; each agent comes with why they are passed over."""
