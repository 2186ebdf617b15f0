"""What agents write in the thread of a card in Slack: a note, or an answer to the customer."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from ingest.channels.slack.words import plain
from ingest.payload import Fields, digest, part, parts, word
from router.act import Acted, DoneBeforeError
from router.hand import CannotActError
from router.opened import Opened
from tickets.cards import ticket_of
from tickets.trouble import Temporary
from web.slack_clicks import Counter, Heard
from web.slack_workspace import Click

_SAID: Final = re.compile(r"\s*(reply|note|private)\s*:\s*", re.IGNORECASE)
_KINDS: Final = frozenset({"", "file_share", "thread_broadcast"})
"""Subtypes of what a person newly writes; every other one is about something else, such as an edit."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Said:
    """What somebody wrote below a card; `how` is what they said it is, if they did; `files` are the names of theirs."""

    text: str
    how: str
    files: tuple[str, ...]


def heard(counter: Counter, payload: Fields, *, last: bool) -> Heard:
    """Put what an agent wrote below a card into its ticket, once; anything else is heard, and nothing more.

    `last` says that Slack does not repeat it again: then trouble is told to whoever wrote. Raises `Temporary`.
    """
    event = part(payload, "event")
    if word(payload, "type") != "event_callback" or not _of_a_person(event):
        return Heard()
    teams = {word(payload, "team_id"), *(word(event, one) for one in ("team", "user_team", "source_team"))} - {""}
    click = Click(word(event, "user"), frozenset(teams), word(event, "channel"), word(event, "thread_ts"))
    try:
        number = ticket_of(counter.store, click.channel, click.thread)
        if number is None:
            return Heard()
        return _written(counter, number, click, event)
    except DoneBeforeError:
        return Heard()
    except CannotActError as error:
        return Heard(later=partial(counter.workspace.tell, click, str(error)))
    except Temporary as error:
        if not last:
            raise
        log.warning("what an agent wrote in Slack was not taken", channel=click.channel, error=str(error))
        words = "The desk was in trouble and has not taken this. Please write it again in a minute"
        return Heard(later=partial(counter.workspace.tell, click, words))


def _of_a_person(event: Fields) -> bool:
    """Tell whether an event is a message that a person newly wrote in a thread."""
    below = word(event, "thread_ts") not in ("", word(event, "ts"))
    person = bool(word(event, "user")) and not (event.get("bot_id") or event.get("app_id"))
    return word(event, "type") == "message" and word(event, "subtype") in _KINDS and below and person


def _written(counter: Counter, number: int, click: Click, event: Fields) -> Heard:
    agent = counter.workspace.agent(counter.desk, click)
    said = _said(event)
    once = digest("message", click.channel, word(event, "ts"))  # the same in every event about it, by whatever way
    with counter.acts.once(f"slack:{once}").open(number, agent.id) as ticket:
        acted, public = _put(ticket, said)
    counter.acted(acted)
    words = f"Sent to the customer {acted.goes}" if public else ""
    return Heard(later=partial(counter.workspace.tell, click, words)) if words else Heard()


def _put(ticket: Opened, said: _Said) -> tuple[Acted, bool]:
    """Write it into the ticket; true when the customer gets it. Raises `CannotActError`."""
    department = ticket.hand.desk.departments_by_id.get(ticket.row.department)
    how = said.how or (department.slack_replies if department else "note")
    if how != "answer":
        named = "".join(f"\n[file in Slack: {one}]" for one in said.files)
        return ticket.note((said.text + named).strip()), False
    if said.files:
        raise CannotActError(
            "Nothing was sent to the customer: files from Slack are not taken "
            f"({', '.join(said.files)}). Send the text alone, or answer with files elsewhere"
        )
    return ticket.answer(said.text), True


def _said(event: Fields) -> _Said:
    text = plain(word(event, "text"))
    found = _SAID.match(text)
    how = "" if found is None else "answer" if found[1].lower() == "reply" else "note"
    files = tuple(word(one, "title", "name", "id") or "a file" for one in parts(event, "files"))
    return _Said(text[found.end() :] if found else text, how, files)
