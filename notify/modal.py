"""The modals behind a card's buttons, as views of Slack (https://docs.slack.dev/surfaces/modals), and what is chosen in them."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from notify.card import cut

Kind = Literal["reply", "transfer", "snooze"]
TEXT: Final = "text"
TO: Final = "to"
DEPARTMENT: Final = "department"
UNTIL: Final = "until"
DAY: Final = "day"
VALUE: Final = "value"
"""The blocks with what is chosen, and the one action in each of them."""

FIRST: Final[dict[Kind, str]] = {"reply": TEXT, "transfer": DEPARTMENT, "snooze": UNTIL}
"""The block of a modal where words stand about what could not be done."""

LONGEST_TEXT: Final = 3_000
AT: Final = time(9)
_MOST_OPTIONS: Final = 100
_LATER: Final = {"1h": "In one hour", "4h": "In four hours", "tomorrow": "Tomorrow at 9:00", "monday": "Monday at 9:00"}


def reply(value: str, number: int, subject: str) -> dict[str, Any]:
    """Return the modal in which an agent writes an answer or a note; `value` is the card's, the ticket with its proof."""
    text = {"type": "plain_text_input", "action_id": VALUE, "multiline": True, "max_length": LONGEST_TEXT}
    to = (("answer", "Answer to the customer"), ("note", "Note for colleagues"))
    blocks = [_input(TO, "Who reads it", _select(to, first=True)), _input(TEXT, "Text", text)]
    return _view("reply", value, f"Reply to #{number}", "Send", [_plainly(subject), *blocks])


def transfer(value: str, number: int, subject: str, departments: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the modal in which an agent chooses one of the departments, given as id and name."""
    block = _input(DEPARTMENT, "Department", _select(departments))
    return _view("transfer", value, f"Transfer #{number}", "Transfer", [_plainly(subject), block])


def snooze(value: str, number: int, subject: str) -> dict[str, Any]:
    """Return the modal in which an agent says until when a ticket is put off."""
    day = {"type": "datepicker", "action_id": VALUE}
    blocks = [
        _input(UNTIL, "Until", _select(tuple(_LATER.items()), first=True)),
        {**_input(DAY, "Or until a day, at 9:00", day), "optional": True},
    ]
    return _view("snooze", value, f"Snooze #{number}", "Snooze", [_plainly(subject), *blocks])


def until(chosen: str, day: str, now: float, zone: str) -> float | None:
    """Return when a snooze ends, in UTC seconds, or nothing for what cannot be chosen.

    A day (2026-12-24) counts before the other choice; days begin at nine on the clock of the zone.
    """
    here = datetime.fromtimestamp(now, ZoneInfo(zone))
    if day:
        try:
            return _nine(date.fromisoformat(day), here)
        except ValueError:
            return None
    match chosen:
        case "1h" | "4h":
            return now + int(chosen[0]) * 3600
        case "tomorrow":
            return _nine(here.date() + timedelta(days=1), here)
        case "monday":
            return _nine(here.date() + timedelta(days=7 - here.weekday()), here)
    return None


def _nine(day: date, here: datetime) -> float:
    return datetime.combine(day, AT, here.tzinfo).timestamp()


def _view(kind: Kind, value: str, title: str, submit: str, blocks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": kind,
        "private_metadata": value,
        "title": _plain(title, 24),
        "submit": _plain(submit, 24),
        "close": _plain("Cancel", 24),
        "blocks": list(blocks),
    }


def _plainly(subject: str) -> dict[str, Any]:
    """Return the ticket's subject as a block: plain text, which Slack shows as it is."""
    return {"type": "section", "text": _plain(subject.strip() or "(no subject)", 150)}


def _input(block: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    return {"type": "input", "block_id": block, "label": _plain(label, 150), "element": element}


def _select(choices: Sequence[tuple[str, str]], *, first: bool = False) -> dict[str, Any]:
    """Return a menu; beyond a hundred choices, which Slack allows, they stand in groups."""
    options: list[dict[str, Any]] = [{"text": _plain(words, 75), "value": value} for value, words in choices]
    menu: dict[str, Any] = {"type": "static_select", "action_id": VALUE}
    if len(options) > _MOST_OPTIONS:
        parts = [options[at : at + _MOST_OPTIONS] for at in range(0, len(options), _MOST_OPTIONS)]
        menu["option_groups"] = [
            {"label": _plain(f"{one[0]['text']['text'][:30]} … {one[-1]['text']['text'][:30]}", 75), "options": one}
            for one in parts
        ]
    else:
        menu["options"] = options
    return menu | ({"initial_option": options[0]} if first else {})


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}
