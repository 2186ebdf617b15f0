"""What an agent is told of, by which ways, and when: the desk's defaults, the agent's part of the desk file, the agent's own choice."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, get_args

from pydantic import StringConstraints

from config.calendar import Days, Spans
from config.model import Duration, Model

Word = Literal[
    "new", "reopened", "assigned", "taken", "replied", "colleague", "chat_ringing", "chat_message", "chat_missed",
    "sla_warning", "sla_breached", "unassigned_too_long", "undelivered", "rated",
]  # fmt: skip
"""What an agent may be told of. `new` is a ticket that is new to the department, or nobody's any more; `taken` is from the
agent told, whose it was; a `chat_message` is `replied` as well; `colleague` is what a colleague wrote into the ticket."""

Whose = Literal["mine", "unassigned", "others", "followed"]
"""Whose ticket it is: the agent's, nobody's in their departments, a colleague's there, or one the agent follows."""

Way = Literal["email", "slack", "push", "in_app", "apprise"]
"""How an agent is told."""

WORDS: Final[tuple[Word, ...]] = get_args(Word)
WHOSE: Final[tuple[Whose, ...]] = get_args(Whose)
WAYS: Final[tuple[Way, ...]] = get_args(Way)

URGENT: Final[frozenset[Word]] = frozenset({"chat_ringing", "chat_missed", "sla_breached"})
"""What quiet hours do not hold back, unless the agent says otherwise."""


class Choices(Model):
    """One layer of choices; what it does not name is as in the layer below.

    `ways` are by word and by whose ticket it is. In `quiet_hours` (the agent's time zone) only what is `important` goes out.
    `digest` gathers what goes by a way into one notice every hour, or every day at `digest_at`. When a way fails, or nothing
    was seen for `unseen_after` (seconds), the next way of `fall_back` is used. `replies` says what an agent's reply to a
    notice is: an answer to the customer, or a note.
    """

    ways: Mapping[Word, Mapping[Whose, tuple[Way, ...]]] | None = None
    important: tuple[Word, ...] | None = None
    quiet_hours: Mapping[Days, Spans] | None = None
    digest: Mapping[Way, Literal["hourly", "daily"]] | None = None
    digest_at: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    fall_back: tuple[Way, ...] | None = None
    unseen_after: Duration | None = None
    replies: Literal["answer", "note"] | None = None

    def over(self, below: "Choices") -> "Choices":
        """Return both layers as one: what this one says counts, of `ways` for each word and each whose."""
        said = {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None}
        if self.ways is not None and below.ways is not None:
            said["ways"] = {
                word: {**below.ways.get(word, {}), **self.ways.get(word, {})} for word in {**below.ways, **self.ways}
            }
        return below.model_copy(update=said)

    def told(self, word: Word, whose: Whose) -> tuple[Way, ...]:
        """Return by which ways an agent with these choices is told."""
        return (self.ways or {}).get(word, {}).get(whose, ())


_HERE: Final[tuple[Way, ...]] = ("in_app",)
_ALL: Final[tuple[Way, ...]] = ("email", "slack", "push", "in_app", "apprise")
_AT_ONCE: Final[tuple[Way, ...]] = ("slack", "push", "in_app", "apprise")
_WRITTEN: Final[tuple[Way, ...]] = ("email", "slack", "in_app")

DEFAULTS: Final = Choices(
    ways={
        "new": {"unassigned": _ALL, "others": _WRITTEN, "followed": _HERE},
        "assigned": {"mine": _ALL, "followed": _HERE},
        "replied": {"mine": _ALL, "unassigned": _HERE, "followed": _HERE},
        "reopened": {"mine": ("push", "in_app"), "unassigned": _HERE, "followed": _HERE},
        "taken": {"mine": ("push", "in_app")},
        "colleague": {"mine": _WRITTEN, "followed": _HERE},
        "chat_ringing": {"mine": _AT_ONCE, "unassigned": _AT_ONCE},
        "chat_message": {"mine": ("push", "in_app"), "followed": _HERE},
        "chat_missed": {"mine": ("push", "in_app"), "unassigned": ("push", "in_app")},
        "sla_warning": {"mine": _WRITTEN, "unassigned": _WRITTEN, "followed": _HERE},
        "sla_breached": {"mine": _WRITTEN, "unassigned": _WRITTEN, "followed": _HERE},
        "unassigned_too_long": {"unassigned": _WRITTEN},
        "undelivered": {"mine": _WRITTEN, "unassigned": _WRITTEN},
        "rated": {"mine": _HERE, "followed": _HERE},
    },
    important=tuple(sorted(URGENT)),
    digest_at="08:00",
    fall_back=("email", "slack", "push"),
    replies="answer",
)
"""LiveAgent's: three by email and Slack, seven by push; besides, what must not lie unseen. In the console stands all that is mine or nobody's."""
