"""What an agent is told, cell by cell: by which ways of what, and who says so, in the words of the desk file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from config.desk import Desk
from config.notices import DEFAULTS, WHOSE, WORDS, Choices, Way, Whose, Word
from tickets.preferences import Chosen

Source = Literal["own", "desk file", "usual"]
"""Who says so: the agent, the desk file (for them or for everybody), or nobody, so that it is as usual."""

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Matrix:
    """The ways for each word and each whose, and what else counts by its key in the desk file; each with its source."""

    ways: Mapping[Word, Mapping[Whose, tuple[tuple[Way, ...], Source]]]
    rest: Mapping[str, tuple[Any, Source]]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        ways = {
            word: {whose: {"ways": list(ways), "from": source} for whose, (ways, source) in by_whose.items()}
            for word, by_whose in self.ways.items()
        }
        return {"ways": ways, **{key: {"is": value, "from": source} for key, (value, source) in self.rest.items()}}


def matrix(desk: Desk, chosen: Chosen, agent: str) -> Matrix:
    """Return what counts for an agent of the desk."""
    layers: dict[Source, Choices] = {
        "own": chosen.layers.get(agent, Choices()),
        "desk file": desk.agents_by_id[agent].notices.over(desk.desk.notices),
        "usual": DEFAULTS,
    }
    keys = [key for key in Choices.model_fields if key != "ways"]
    return Matrix(
        {word: {whose: _cell(layers, word, whose) for whose in WHOSE} for word in WORDS},
        {key: _value(layers, key) for key in keys},
    )


def _cell(layers: Mapping[Source, Choices], word: Word, whose: Whose) -> tuple[tuple[Way, ...], Source]:
    for source, layer in layers.items():
        if (ways := (layer.ways or {}).get(word, {}).get(whose)) is not None:
            return ways, source
    return (), "usual"


def _value(layers: Mapping[Source, Choices], key: str) -> tuple[Any, Source]:
    for source, layer in layers.items():
        if (value := getattr(layer, key)) is not None:
            return _written(key, value), source
    return None, "usual"


def _written(key: str, value: Any) -> Any:
    """Return a value as it is written down, ready for JSON."""
    if key == "quiet_hours":
        return {days: [f"{_clock(begin)}-{_clock(end)}" for begin, end in spans] for days, spans in value.items()}
    if key == "unseen_after":
        unit, size = next((unit, size) for unit, size in _UNITS if value % size == 0)
        return f"{int(value) // size}{unit}"
    return list(value) if isinstance(value, tuple) else value


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
