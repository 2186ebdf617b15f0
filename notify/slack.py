"""Notices by Slack: a card for each ticket and place, what happens later in its thread, and the card follows the ticket.

Slack knows no idempotency key: when the connection breaks after the request went out, nobody knows whether the message stands
there. So each message carries the keys of the notes it tells in its `metadata`, and before a note is told again its own
message is looked for (conversations.replies and .history). Where that cannot be done it may stand there twice.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import Field

from config.desk import Desk
from config.model import MissingSecretError, Model, Secret
from config.notices import URGENT
from notify.card import CARD, NOTICE, below, blocks_of, card_of, digest, keys, message, several, title_of
from notify.cards import Cards, Standing
from notify.folder import Folder
from notify.note import Note, one_line
from notify.notifier import Notifier
from notify.pace import Pace
from notify.slack_api import APP_WORDS, Api, Refused, Unclear
from tickets.store import Store
from tickets.trouble import Temporary

ATTEMPTS: Final = 12
FIRST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 600.0
"""How often a card is brought up to date when that fails, and the seconds between: the first, doubled each time, and the most."""

CLOCKS_APART: Final = 300.0
MOST_PAGES: Final = 5
PAGE: Final = 200

log = structlog.get_logger()


class Config(Model):
    """`notifiers: slack:` the app that posts the notices, and signs what its buttons send back."""

    token: Secret = Field(description="the app's bot token, xoxb-…")
    signing_secret: Secret | None = Field(default=None, description="the app's signing secret, for its buttons")
    app_token: Secret | None = Field(default=None, description="an app-level token, xapp-…, for Socket Mode")
    base_url: str = Field(
        default="https://slack.com/api/", pattern=r"^https?://[^\s/]", description="only for a proxy or a test"
    )

    @property
    def clickable(self) -> bool:
        """Whether clicks on buttons are heard."""
        return (self.signing_secret or self.app_token) is not None


def open_slack(config: Config, store: Store, desk: Desk, folder: Path, clock: Callable[[], float]) -> Notifier:
    """Return the notifier, or one that writes into the folder while the token is missing. `clock` gives UTC seconds."""
    try:
        token = config.token.reveal()
    except MissingSecretError as error:
        return Folder(folder, "slack", ".json", as_json, str(error))
    return Slack(Api(token, config.base_url), Cards(store, desk, config.clickable, clock))


class Slack:
    """Tells by one app, and remembers its cards. Threads may share it."""

    def __init__(self, api: Api, rows: Cards) -> None:
        self._api = api
        self._pace = Pace(rows.clock)
        self.cards = rows

    def send(self, note: Note) -> str:
        """Post the ticket's card at the note's place, or below the card that stands there, and return the message's `ts`.

        Raises `NotYet` when the place got a message less than a second ago, `Temporary` for a limit (with the wait Slack
        asks for) and for trouble at Slack or on the way there, `Permanent` with words that say what to do when Slack will
        never take it. When the process dies after the message was posted,
        the next attempt finds it there.
        """
        notes = note.all
        if note.attempt > 1:
            told, ts = self._told(note, notes)
            notes = tuple(one for one in notes if one.key not in told)
            if not notes:
                return ts
        place, number = note.address, note.number
        self._pace.wait(place, notes[0].key)
        if len({one.number for one in notes}) > 1:
            return str(self._post(place, message(NOTICE, notes, several(notes)))["ts"])
        card = self.cards.standing(number, place)
        return self._post_card(place, number, notes) if card is None else self._post_below(card, notes)

    def follow(self, row: int) -> str | None:
        """Bring a card up to date that is due: `same`, `updated`, `again`, `ended` or `failed`; nothing when it is not ours to do now.

        Raises `Temporary` when the database is in trouble; then the lease ends, and it is done again.
        """
        card = self.cards.claim(row)
        if card is None:
            return None
        if card.attempt > ATTEMPTS:
            return self._again(card, f"{ATTEMPTS} attempts ended without an answer", None)
        now = self.cards.card(card.ticket, card.place)
        blocks = blocks_of(now)
        shown = digest(blocks)
        if shown == card.shown:
            self.cards.shows(card, shown)
            return "same"
        try:
            self._api.call("chat.update", channel=card.channel, ts=card.ts, text=title_of(now), blocks=blocks)
        except Refused as error:
            return self._refused(card, error)
        except Temporary as error:
            return self._again(card, str(error), error.retry_after)
        self.cards.shows(card, shown)
        return "updated"

    def describe(self) -> str:
        """Return the address of the API."""
        return f"slack → {self._api.address}"

    def close(self) -> None:
        """Nothing is kept open."""

    def _post(self, channel: str, said: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"ts": "", "channel": "", **self._api.call("chat.postMessage", channel=channel, **said)}
        except Refused as error:
            if error.word in APP_WORDS:  # it is the same for every place, and told once
                raise
            raise Refused(error.word, f"{one_line(channel)[:100]}: {error}") from error

    def _post_below(self, card: Standing, notes: Sequence[Note]) -> str:
        said = {**message(NOTICE, notes, below(notes)), "thread_ts": card.ts}
        if card.place[:1] not in "DUW" and any(note.word in URGENT for note in notes):
            said["reply_broadcast"] = True  # else only who follows the thread would see it
        return str(self._post(card.channel, said)["ts"])

    def _post_card(self, place: str, number: int, notes: Sequence[Note]) -> str:
        key = notes[0].key
        if not self.cards.reserve(number, place, key):
            if (card := self.cards.standing(number, place)) is not None:
                return self._post_below(card, notes)
            raise Temporary("the ticket's card is being posted", 1.0)
        blocks = blocks_of(self.cards.card(number, place))
        try:
            posted = self._post(place, message(CARD, notes, blocks))
        except Unclear:
            raise  # it may stand there: the place stays reserved until that is looked up
        except Exception:
            self.cards.release(number, place, key)
            raise
        self.cards.posted(number, place, str(posted["channel"]), str(posted["ts"]), digest(blocks))
        return str(posted["ts"])

    def _refused(self, card: Standing, error: Refused) -> str:
        if error.word in APP_WORDS:  # the card still stands there; it follows when the app is put right
            return self._again(card, str(error), None)
        self.cards.end(card, str(error))
        log.warning("a card cannot follow its ticket any more", ticket=card.ticket, place=card.place, error=str(error))
        return "ended"

    def _again(self, card: Standing, why: str, retry_after: float | None) -> str:
        if card.attempt >= ATTEMPTS and retry_after is None:
            self.cards.later(card, None)
            log.error("a card is not up to date", ticket=card.ticket, place=card.place, error=why)
            return "failed"
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (card.attempt - 1)) if retry_after is None else retry_after
        self.cards.later(card, wait)
        log.warning("a card follows later", ticket=card.ticket, place=card.place, error=why, seconds=wait)
        return "again"

    def _told(self, note: Note, notes: Sequence[Note]) -> tuple[frozenset[str], str]:
        """Return the keys of those notes that stand in Slack already, and the `ts` of the last such message.

        A card among them whose row was not written, because the process died, gets its row here. Raises `Temporary`.
        """
        wanted, found, last = {one.key for one in notes}, set[str](), ""
        card = self.cards.standing(note.number, note.address)
        oldest = min(one.created_at for one in notes) - CLOCKS_APART
        try:
            channel = card.channel if card else self._channel(note.address)
            for said in self._written(channel, card, oldest) if channel else ():
                kind, told = keys(said)
                if not wanted & told:
                    continue
                found |= wanted & told
                last = str(said.get("ts", ""))
                if card is None and kind == CARD and channel:
                    self.cards.posted(note.number, note.address, channel, last)
                if found == wanted:
                    break
        except Refused as error:
            log.warning(
                "an earlier attempt cannot be looked up, it may be told twice", outbox=note.id, error=str(error)
            )
        else:
            if channel is None:
                log.warning("an earlier attempt cannot be looked up, it may be told twice", outbox=note.id)
        return frozenset(found), last

    def _channel(self, place: str) -> str | None:
        """Return Slack's id of a place, if it can be known."""
        if place[:1] in "UW":
            return str(self._api.call("conversations.open", users=place)["channel"]["id"])
        return place if place[:1] in "CDG" else self.cards.channel(place)

    def _written(self, channel: str, card: Standing | None, oldest: float) -> Iterator[dict[str, Any]]:
        """Yield what stands in a card's thread, then what stands in the channel, since a time."""
        if card is not None:
            yield from self._pages("conversations.replies", channel=channel, ts=card.ts, oldest=f"{oldest:.6f}")
        yield from self._pages("conversations.history", channel=channel, oldest=f"{oldest:.6f}")

    def _pages(self, method: str, **said: Any) -> Iterator[dict[str, Any]]:
        cursor = ""
        for _ in range(MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            answer = self._api.ask(method, **said, **more, limit=PAGE, include_all_metadata=True)
            yield from answer.get("messages", ())
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return
        log.warning("only the newest messages were looked through for an earlier attempt", channel=said["channel"])


def as_json(note: Note) -> bytes:
    """Return what would be posted for a note if there were a token."""
    notes = note.all
    if len({one.number for one in notes}) > 1:
        said = message(NOTICE, notes, several(notes))
    else:
        said = message(CARD, notes, blocks_of(card_of(note)))
    return (
        json.dumps({"channel": note.address, **said}, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"
    )
