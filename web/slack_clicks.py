"""Clicks in Slack: what a card's buttons, the modals behind them and the message shortcut do, each as an act of an agent."""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from config.desk import Agent, Desk
from ingest.payload import Fields, digest, part, parts, word
from notify import modal
from notify.card import button_of
from router.act import Acted, Acts, DoneBeforeError
from router.hand import CannotActError
from tickets.cards import ticket_of
from tickets.keys import signing_key
from tickets.store import Store
from tickets.trouble import Permanent, Temporary
from web.slack_workspace import Click, Workspace

SHORTCUT: Final = "frontdesk_reply"
"""The callback id of the message shortcut."""
TROUBLE: Final = "The desk is in trouble right now. Look at the card in a minute, and try again if nothing has changed"
_VALUE: Final = re.compile(r"s\.([0-9]{1,18})\.[a-z2-7]{16}")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Heard:
    """What Slack is answered (nothing means: heard), and what is to be done after the answer, because it may take longer."""

    body: Mapping[str, Any] | None = None
    later: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Counter:
    """What a click is served with: the tickets, the desk of the moment, the app in Slack. `acted` is told what acts came to."""

    store: Store
    acts: Acts
    desk: Desk
    workspace: Workspace
    acted: Callable[[Acted], None]
    clock: Callable[[], float]

    def heard(self, payload: Fields) -> Heard:
        """Do what somebody asks for by a click; trouble becomes words to them. What is not known is heard, and nothing more."""
        match word(payload, "type"):
            case "block_actions":
                return self._clicked(payload)
            case "message_action" if word(payload, "callback_id") == SHORTCUT:
                return self._shortcut(payload)
            case "view_submission":
                return self._submitted(payload)
        return Heard()

    def _clicked(self, payload: Fields) -> Heard:
        """Do what a button of a card says, or open its modal."""
        action = next(iter(parts(payload, "actions")), {})
        act = _BUTTONS.get(word(action, "action_id"))
        if act is None:  # a link, or nothing of ours
            return Heard()
        click = _click(payload)
        once = digest("click", *sorted(click.teams), click.user, word(action, "action_ts"), word(payload, "trigger_id"))
        pressed = _Pressed(click, word(payload, "trigger_id"), once)
        return self._or_words(click, lambda: act(self, pressed, self._ticket(word(action, "value"), action)))

    def _shortcut(self, payload: Fields) -> Heard:
        """Open the modal for the ticket in whose thread a message stands."""
        click, message = _click(payload), part(payload, "message")
        ts = word(message, "thread_ts", "ts")
        pressed = _Pressed(click, word(payload, "trigger_id"), "")

        def opened() -> Heard:
            number = ticket_of(self.store, click.channel, ts)
            if number is None:
                raise CannotActError("This message is not in the thread of a ticket's card. Nothing was done")
            return _reply(self, pressed, number)

        return self._or_words(click, opened)

    def _submitted(self, payload: Fields) -> Heard:
        """Do what a modal says; what cannot be done stands as words in the modal, and what was typed is not lost."""
        view = part(payload, "view")
        done, value = _MODALS.get(word(view, "callback_id")), word(view, "private_metadata")
        if done is None:
            return Heard()
        kind, act = done
        click = _click(payload)
        once = digest("view", *sorted(click.teams), click.user, word(view, "id"))
        try:
            agent = self.workspace.agent(self.desk, click)
            self.acted(act(self, self.acts.once(f"slack:{once}"), self._ticket(value), agent, view))
        except DoneBeforeError:
            pass
        except CannotActError as error:
            return Heard({"response_action": "errors", "errors": {modal.FIRST[kind]: str(error)}})
        except Temporary as error:
            log.warning("a modal of Slack was not done", error=str(error))
            words = "The desk is in trouble right now. Nothing you wrote is lost: send it again in a minute"
            return Heard({"response_action": "errors", "errors": {modal.FIRST[kind]: words}})
        return Heard({"response_action": "clear"})

    def _or_words(self, click: Click, act: Callable[[], Heard]) -> Heard:
        """Return what an act is answered with; one that cannot be done is told to whoever clicked."""
        try:
            return act()
        except DoneBeforeError:
            return Heard()
        except CannotActError as error:
            return Heard(later=partial(self.workspace.tell, click, str(error)))
        except Temporary as error:
            log.warning("a click in Slack was not done", error=str(error))
            return Heard(later=partial(self.workspace.tell, click, TROUBLE))

    def _ticket(self, value: str, action: Fields | None = None) -> int:
        """Return the ticket a card's value proves; raises `CannotActError` when it proves none, or its card is another's."""
        found = _VALUE.fullmatch(value)
        named = word(action, "block_id") if action is not None else ""
        if found is None or named not in ("", f"ticket:{found[1]}"):
            raise CannotActError("This button is not one of the desk's. Nothing was done")
        if not hmac.compare_digest(value, button_of(signing_key(self.store), int(found[1]))):
            raise CannotActError("This button is not one of the desk's. Nothing was done")
        return int(found[1])

    def show(self, pressed: "_Pressed", number: int, view: Callable[[str, Any], dict[str, Any]]) -> Heard:
        """Open a modal for whoever may act in the ticket; raises `CannotActError`, and `Temporary`.

        Slack is answered first: the trigger is good for three seconds, and so is our answer.
        """
        agent = self.workspace.agent(self.desk, pressed.click)
        with self.acts.open(number, agent.id) as ticket:
            row = ticket.row
        value = button_of(signing_key(self.store), row.id)
        shown = {"trigger_id": pressed.trigger, "view": view(value, row)}

        def later() -> None:
            try:
                self.workspace.call("views.open", json=shown)
            except (Temporary, Permanent) as error:
                log.warning("a modal was not opened", ticket=row.id, error=str(error))
                self.workspace.tell(pressed.click, f"Slack did not open the window ({error}). Please click again")

        return Heard(later=later)

    def do(self, pressed: "_Pressed", act: Callable[[Acts, str], Acted]) -> Heard:
        """Do an act that needs no modal, once for a click; raises `CannotActError`, and `Temporary`."""
        agent = self.workspace.agent(self.desk, pressed.click)
        self.acted(act(self.acts.once(f"slack:{pressed.once}"), agent.id))
        return Heard()


@dataclass(frozen=True, slots=True)
class _Pressed:
    """A click on a card: who, the trigger for a modal, and what the click is known by."""

    click: Click
    trigger: str
    once: str


def _click(payload: Fields) -> Click:
    user = part(payload, "user")
    teams = {word(part(payload, "team"), "id"), word(user, "team_id")} - {""}
    channel = word(part(payload, "channel"), "id") or word(part(payload, "container"), "channel_id")
    return Click(word(user, "id"), frozenset(teams), channel, response_url=word(payload, "response_url"))


def _take(counter: Counter, pressed: _Pressed, number: int) -> Heard:
    return counter.do(pressed, lambda acts, agent: acts.take(number, agent))


def _resolve(counter: Counter, pressed: _Pressed, number: int) -> Heard:
    return counter.do(pressed, lambda acts, agent: acts.status(number, agent, "resolved"))


def _reopen(counter: Counter, pressed: _Pressed, number: int) -> Heard:
    return counter.do(pressed, lambda acts, agent: acts.status(number, agent, "open"))


def _reply(counter: Counter, pressed: _Pressed, number: int) -> Heard:
    return counter.show(pressed, number, lambda value, row: modal.reply(value, row.id, row.subject))


def _snooze(counter: Counter, pressed: _Pressed, number: int) -> Heard:
    return counter.show(pressed, number, lambda value, row: modal.snooze(value, row.id, row.subject))


def _transfer(counter: Counter, pressed: _Pressed, number: int) -> Heard:
    def view(value: str, row: Any) -> dict[str, Any]:
        others = [(one.id, one.name) for one in counter.desk.departments if one.id != row.department]
        if not others:
            raise CannotActError("There is no other department")
        return modal.transfer(value, row.id, row.subject, others)

    return counter.show(pressed, number, view)


def _replied(counter: Counter, acts: Acts, number: int, agent: Agent, view: Fields) -> Acted:  # noqa: ARG001  # like the others
    text = _typed(view, modal.TEXT, "value")
    if _chosen(view, modal.TO) == "answer":
        return acts.answer(number, agent.id, text)
    return acts.note(number, agent.id, text)


def _transferred(counter: Counter, acts: Acts, number: int, agent: Agent, view: Fields) -> Acted:  # noqa: ARG001  # like the others
    return acts.transfer(number, agent.id, _chosen(view, modal.DEPARTMENT))


def _snoozed(counter: Counter, acts: Acts, number: int, agent: Agent, view: Fields) -> Acted:
    day = _typed(view, modal.DAY, "selected_date")
    until = modal.until(_chosen(view, modal.UNTIL), day, counter.clock(), agent.timezone)
    if until is None:
        raise CannotActError("Choose until when")
    return acts.postpone(number, agent.id, until)


def _typed(view: Fields, block: str, field: str) -> str:
    return word(part(view, "state", "values", block, modal.VALUE), field)


def _chosen(view: Fields, block: str) -> str:
    return word(part(view, "state", "values", block, modal.VALUE, "selected_option"), "value")


_BUTTONS: Final[Mapping[str, Callable[[Counter, _Pressed, int], Heard]]] = {
    "take": _take, "reply": _reply, "transfer": _transfer, "snooze": _snooze, "resolve": _resolve, "reopen": _reopen,
}  # fmt: skip
_MODALS: Final[Mapping[str, tuple[modal.Kind, Callable[[Counter, Acts, int, Agent, Fields], Acted]]]] = {
    "reply": ("reply", _replied), "transfer": ("transfer", _transferred), "snooze": ("snooze", _snoozed),
}  # fmt: skip
