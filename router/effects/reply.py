"""An automatic answer to the customer: with a template, in the way the customer wrote last.

It never answers what a program wrote, and goes nowhere the governor (router/governor.py) keeps it from: what is not sent for
such a reason stands in the outbox with the reason. It is no answer of a person: no promise is kept by it.
"""

import json
from typing import Any, Final

from sqlalchemy import func, select

from config.check import CUSTOMER
from notify.template import Letter, Words, speaks, words_of
from router import governor
from router.actions.registry import Skipped
from router.actions.words import written
from router.conversation import said
from router.effects.scene import Scene, effect
from router.event import Change, Effect
from router.tell import Intent
from router.ticket import spoken
from router.way import Way, way_of
from tickets.language import language_of
from tickets.message import SPEAKS
from tickets.reply import AUTO_ANSWER
from tickets.schema import entries, tickets

WITHHELD: Final = "ticket.auto_answer_withheld"
PERSONAL: Final = ("message", "postback", "unsupported")
"""The kinds of messages that a person has written to us."""


@effect
def reply(scene: Scene, one: Effect) -> str:
    """Write the answer and owe it to the customer, or note why it is withheld."""
    letter = _letter(scene, one)
    row = scene.pen.connection.execute(select(tickets).where(tickets.c.id == scene.number)).one()
    way = way_of(scene.pen.connection, scene.desk, row, scene.pen.now)
    why_not = _why_not(scene, one, way)
    actor = f"rule:{one.rule}"
    if why_not is not None:
        [event] = scene.history(Change(WITHHELD, actor, {"why": why_not}))
        deliveries = [(each.notifier, each.address) for each in way.deliveries] or [("mail", "")]
        scene.owe(
            [
                Intent(event, WITHHELD, CUSTOMER, notifier, address, f"not sent: {why_not}", suppressed=True)
                for notifier, address in deliveries
            ]
        )
        raise Skipped(f"not sent: {why_not}")
    return _sent(scene, one, way, letter)


def _sent(scene: Scene, one: Effect, way: Way, letter: Letter) -> str:
    actor, department = f"rule:{one.rule}", scene.desk.departments_by_id[scene.ticket.department].name
    written = spoken("answer", actor, department, letter.text)
    facts = {"goes": way.words, "automatic": True, **({"mail": way.mail} if way.mail else {})}
    facts |= {"subject": letter.subject} if letter.subject else {}
    place = said(scene.pen.connection, way.conversation) if way.conversation else None
    entry = scene.pen.write_entry(scene.number, {**written, "facts": json.dumps(facts), "state": "pending"}, place)
    [event] = scene.history(Change(AUTO_ANSWER, actor, {"entry": entry}))
    reason = f'rule "{one.rule}" answers automatically'
    if way.mail_to:
        scene.pen.remember(scene.number, (), [way.mail_to])
    owed = [Intent(event, AUTO_ANSWER, CUSTOMER, each.notifier, each.address, reason) for each in way.deliveries]
    scene.owe(owed, entry, {each.notifier: each.after for each in way.deliveries if each.after})
    return f"answers {way.words}"


def _letter(scene: Scene, one: Effect) -> Letter:
    language = None
    if (text := one.value.get("text")) is not None:
        words = Words("", None, text)
    else:
        department, name = scene.desk.departments_by_id[scene.ticket.department], one.value["template"]
        language = _language(scene) if speaks(scene.desk, department, name) else None
        try:
            words = words_of(scene.desk, department, name, [language] if language else ())
        except (OSError, ValueError) as error:
            raise Skipped(f"its template cannot be read: {error}") from error
    if not (letter := written(words, scene.values_in(language))).text:
        raise Skipped("its text comes to nothing")
    return letter


def _language(scene: Scene) -> str | None:
    newest = _newest(scene)
    return language_of(newest.facts, newest.reply_text or newest.text) if newest else None


def _why_not(scene: Scene, one: Effect, way: Way) -> str | None:
    """Return why the answer is not sent, in words, or nothing when it is."""
    if way.why_not is not None:
        return way.why_not
    if scene.quiet or scene.decision.silent:
        return "nobody is told of this"
    message, trust = scene.event.message, scene.event.trust
    if message is not None and message.kind not in PERSONAL:
        return f"no person wrote it ({message.kind}), and a program is not answered by one"
    if message is not None and ((trust and trust.authentic is False) or (message.spam and message.spam.spam)):
        return "it is spam, or its sender is forged"
    return _by_what_was_said(scene, one) or governor.why_not(
        scene.pen.connection, scene.desk, scene.number, scene.ticket.contact_id, way, scene.pen.now
    )


def _by_what_was_said(scene: Scene, one: Effect) -> str | None:
    newest = _newest(scene)
    if newest is None or (scene.event.message is not None and newest.id != scene.entry):
        return "the customer has not written"
    if newest.kind not in PERSONAL:
        return f"no person wrote last ({newest.kind}), and a program is not answered by one"
    again = select(func.count()).where(
        entries.c.ticket_id == scene.number, entries.c.author == f"rule:{one.rule}", entries.c.kind == "answer",
        entries.c.id > newest.id,
    )  # fmt: skip
    if scene.pen.connection.scalar(again):
        return "this rule has answered already, and the customer has not written since"
    return None


def _newest(scene: Scene) -> Any:
    """Return the newest entry that an agent has not written."""
    heard = select(entries).where(
        entries.c.ticket_id == scene.number, entries.c.inbox_id.is_not(None), entries.c.kind.in_(SPEAKS),
        entries.c.author.not_like("agent:%"),
    )  # fmt: skip
    return scene.pen.connection.execute(heard.order_by(entries.c.id.desc()).limit(1)).first()
