"""What a benchmark says: a ratio of paired runs, with its spread and its goal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

Progress = Callable[[str], None]


class BrokenBenchmarkError(Exception):
    """The benchmark itself did not work; the message says what."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The ratio of ours to the other's: median, least and most of the pairs, and the bound it should keep.

    `at_least` says whether the goal is a lower bound; `details` are the absolute numbers behind it, which belong to this
    machine at this hour.
    """

    name: str
    what: str
    ratio: float
    least: float
    most: float
    pairs: int
    goal: float
    at_least: bool
    details: Mapping[str, float]

    @property
    def met(self) -> bool:
        """Whether the median keeps the goal."""
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    @property
    def document(self) -> dict[str, Any]:
        """The figure for JSON."""
        return {**asdict(self), "met": self.met}


def figure(
    name: str,
    what: str,
    pairs: Sequence[tuple[float, float]],
    *,
    goal: float,
    at_least: bool,
    details: Mapping[str, float],
) -> Figure:
    """Return the figure of (ours, other's) pairs that were run one after the other."""
    ratios = [ours / others for ours, others in pairs]
    rounded = {key: round(value, 3) for key, value in details.items()}
    return Figure(
        name=name,
        what=what,
        ratio=round(median(ratios), 3),
        least=round(min(ratios), 3),
        most=round(max(ratios), 3),
        pairs=len(ratios),
        goal=goal,
        at_least=at_least,
        details=rounded,
    )
