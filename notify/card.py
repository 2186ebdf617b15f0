"""What Slack shows of a ticket: its card, what is posted below it, a digest. Pure: nothing is asked, nothing is sent.

Names and subjects are plain text, which Slack shows as it is. What is mrkdwn is escaped before it is cut
(https://docs.slack.dev/messaging/formatting-message-text/#escaping), so that no text of a customer mentions anybody or hides
where a link leads. Slack refuses a message whose blocks hold more than about 10,000 characters in all (slackapi/bolt-js issue
2867); each of these has fewer than 8,000.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from notify.note import Note, one_line, quotable
from tickets.reply_address import signed

CARD: Final = "frontdesk_card"
NOTICE: Final = "frontdesk_notice"
"""What a message is, in its `metadata.event_type`: a ticket's card, or something that was told."""

MAX_HEADER: Final = 150
MOST_QUOTES: Final = 8
MOST_TICKETS: Final = 30

_MAX_LINE: Final = 150
_MAX_QUOTE: Final = 1_500
_MAX_URL: Final = 3_000
_QUOTED_IN_ALL: Final = 4_500
_MOST_KEYS: Final = 100
_OVER: Final = frozenset({"resolved", "closed", "spam"})

_REPLIES: Final = {
    "answer": "What agents write in this thread goes to the customer; what begins with note: does not.",
    "note": "What agents write in this thread is a note; what begins with reply: goes to the customer.",
}
_BUTTONS: Final = {
    "take": ("Take", "primary"),
    "reply": ("Reply", None),
    "transfer": ("Transfer", None),
    "snooze": ("Snooze", None),
    "resolve": ("Resolve", None),
    "reopen": ("Reopen", None),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A ticket as its card shows it. Names and texts are as people wrote them.

    `agent` is nothing when nobody has it; `due` is when the nearest promise breaks (UTC seconds); `author` wrote `text`; `reason`
    is why it is there; `button` is what its buttons send back, nothing where there are none; `link` is where the ticket is seen in a browser; `replies`
    is what agents write below it, a note or an answer, nothing where nobody hears it. `hidden` says why nothing of the ticket is shown any more.
    """

    number: int
    subject: str
    customer: str
    channel: str
    department: str
    agent: str | None
    priority: str
    author: str
    text: str
    reason: str
    status: str | None = None
    due: float | None = None
    button: str | None = None
    link: str | None = None
    replies: str | None = None
    hidden: str | None = None


def button_of(key: bytes, ticket: int) -> str:
    """Return the `value` of the buttons of a ticket's card: it names the ticket, with a proof that this desk made it."""
    return signed(key, f"s.{ticket}")


def card_of(note: Note) -> Card:
    """Return the card of a note's ticket as far as the note knows it; its buttons would lead nowhere, so it has none."""
    return Card(
        number=note.number,
        subject=note.subject,
        customer=note.customer_line,
        channel=note.channel,
        department=note.department,
        agent=note.agent,
        priority=note.priority,
        author=one_line(note.author) or note.who,
        text=note.text,
        reason=note.reason,
        link=note.link,
    )


def blocks_of(card: Card) -> list[dict[str, Any]]:
    """Return the blocks of a card."""
    header: dict[str, Any] = {
        "type": "header",
        "text": _plain(f"#{card.number} {one_line(card.subject) or '(no subject)'}", MAX_HEADER),
    }
    if card.hidden is not None:
        return [header | {"text": _plain(f"#{card.number}", MAX_HEADER)}, _line(card.hidden)]
    facts = (
        ("Customer", card.customer),
        ("Channel", card.channel),
        ("Department", card.department),
        ("Agent", card.agent or "nobody yet"),
        ("Status", card.status or ""),
        ("Priority", card.priority),
    )
    fields = [_plain(f"{label}\n{one_line(value)}", _MAX_LINE) for label, value in facts if one_line(value)]
    if card.due is not None and card.status not in _OVER:
        fields.append({"type": "mrkdwn", "text": f"Answer due\n{_moment(card.due)}"})
    blocks: list[dict[str, Any]] = [header, {"type": "section", "fields": fields}]
    if quote := quotable(card.text[: 2 * _MAX_QUOTE]):
        blocks += _quoted(f"{one_line(card.author) or 'The customer'} wrote:", quote, _MAX_QUOTE)
    why = _plain(f"Here because: {one_line(card.reason)}", 2 * _MAX_LINE)
    more = [_plain(_REPLIES[card.replies], _MAX_LINE)] if card.replies in _REPLIES else []
    blocks.append({"type": "context", "elements": [why, _plain(f"frontdesk ticket {card.number}", _MAX_LINE), *more]})
    if buttons := list(_buttons(card)):
        blocks.append({"type": "actions", "block_id": f"ticket:{card.number}", "elements": buttons})
    return blocks


def title_of(card: Card) -> str:
    """Return the number and subject of a card as the text that is read where blocks are not shown."""
    subject = "" if card.hidden is not None else one_line(card.subject)
    return cut_escaped(escape(f"#{card.number} {subject}".strip()), 2 * MAX_HEADER)


def digest(blocks: Sequence[dict[str, Any]]) -> str:
    """Return what tells blocks apart from others."""
    return hashlib.sha256(json.dumps(blocks).encode()).hexdigest()[:32]


def below(notes: Sequence[Note]) -> list[dict[str, Any]]:
    """Return the blocks of what is told below a ticket's card: what was written is quoted, anything else is a line.

    Of many the newest are shown.
    """
    entries = {note.entry_id or f"of {note.id}" for note in notes if note.text}
    room = max(300, min(_MAX_QUOTE, _QUOTED_IN_ALL // max(1, min(len(entries), MOST_QUOTES))))
    quotes: dict[object, list[dict[str, Any]]] = {}
    lines: dict[object, list[dict[str, Any]]] = {}
    told: list[object] = []  # the keys of both, in their order
    for note in notes:
        entry, line = note.entry_id or f"of {note.id}", one_line(note.headline)
        plainly = note.event in ("message.received", "ticket.answered", "ticket.noted")
        if not (plainly and note.text) and line not in lines:
            lines[line] = [_line(line)]
            told.append(line)
        if note.text and entry not in quotes:
            quotes[entry] = _quoted(f"{one_line(note.author) or note.who} wrote:", note.text, room)
            told.append(entry)
    kept = {**dict(list(quotes.items())[-MOST_QUOTES:]), **dict(list(lines.items())[-MOST_QUOTES:])}
    blocks = [block for one in told if one in kept for block in kept[one]]
    left = len(told) - len(kept)
    return [_line(f"{left} more before these: {notes[0].command}"), *blocks] if left else blocks


def several(notes: Sequence[Note]) -> list[dict[str, Any]]:
    """Return the blocks of a digest: a line for each ticket, with what happened there."""
    tickets: dict[int, list[Note]] = {}
    for note in notes:
        tickets.setdefault(note.number, []).append(note)
    lines = []
    for told in tickets.values():
        happened = ", ".join(dict.fromkeys(one_line(note.headline) for note in told))
        lines.append(cut(f"{told[-1].title}: {happened}", _MAX_LINE))
    blocks = [{"type": "header", "text": _plain(f"{len(notes)} notices about {len(tickets)} tickets", MAX_HEADER)}]
    blocks += [_line(line) for line in lines[:MOST_TICKETS]]
    left = len(lines) - MOST_TICKETS
    return [*blocks, _line(f"and {left} tickets more")] if left > 0 else blocks


def message(kind: str, notes: Sequence[Note], blocks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the arguments of chat.postMessage that tell these notes: the last one is what a telephone shows.

    The keys of all of them go along, by which a repetition is recognised (`keys`).
    """
    note = notes[-1]
    words = f"{one_line(note.headline)}: {note.title} ({note.who})"
    if len({one.number for one in notes}) > 1:
        words = f"{len(notes)} notices"
    return {
        "text": cut_escaped(escape(words), 2 * MAX_HEADER),
        "blocks": list(blocks),
        "metadata": {
            "event_type": kind,
            "event_payload": {
                "delivery": " ".join(one.key for one in notes[:_MOST_KEYS]), "ticket": note.number, "event": note.event
            },
        },
        "unfurl_links": False,
        "unfurl_media": False,
    }  # fmt: skip


def keys(said: Any) -> tuple[str, frozenset[str]]:
    """Return what a message Slack gives back is (`CARD`, `NOTICE` or something else), and the keys of the notes it told."""
    metadata = said.get("metadata") or {}
    delivery = (metadata.get("event_payload") or {}).get("delivery")
    return str(metadata.get("event_type")), frozenset(delivery.split() if isinstance(delivery, str) else ())


def escape(text: str) -> str:
    """Return the text with the three characters that mean something to Slack as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int) -> str:
    """Return at most `limit` UTF-16 units of the text, never half a character, with an ellipsis when cut."""
    if len(text) <= limit and (text.isascii() or len(text.encode("utf-16-le")) <= 2 * limit):
        return text
    return text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", "ignore") + "…"


def cut_escaped(text: str, limit: int) -> str:
    """Return an escaped text cut like `cut`, and never inside an entity."""
    head = cut(text, limit)
    entity = head.rfind("&")
    return head if entity < 0 or ";" in head[entity:] else f"{head[:entity]}…"


def _buttons(card: Card) -> Iterator[dict[str, Any]]:
    actions: list[str] = []
    if card.button is None or card.status == "merged":
        pass
    elif card.status in _OVER:
        actions = ["reopen", "reply"] if card.status != "spam" else ["reopen"]
    else:
        actions = [*([] if card.agent else ["take"]), "reply", "transfer", "snooze", "resolve"]
    for action in actions:
        words, style = _BUTTONS[action]
        yield {**_button(action, words), "value": card.button, **({"style": style} if style else {})}
    if card.link is not None and len(card.link) <= _MAX_URL:
        yield {**_button("open", "Open"), "url": card.link}


def _button(action: str, words: str) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": _plain(words, 75)}


def _moment(at: float) -> str:
    """Return a time as each reader's Slack shows it in their own zone."""
    plain = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{plain}>"


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}


def _line(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, _MAX_LINE)}


def _quoted(who: str, quote: str, limit: int) -> list[dict[str, Any]]:
    """Return a quote: every line marked, escaped, and cut at a line's inside if need be."""
    lines = cut_escaped("\n".join(f">{line}" for line in escape(quote).split("\n")), limit)
    said = {"type": "mrkdwn", "text": lines, "verbatim": True}
    return [{"type": "context", "elements": [_plain(who, _MAX_LINE)]}, {"type": "section", "text": said}]
