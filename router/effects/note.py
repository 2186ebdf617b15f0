"""A note that a rule writes for colleagues."""

from router.actions.registry import Skipped
from router.actions.words import filled
from router.effects.scene import Scene, effect
from router.event import Change, Effect
from router.ticket import spoken


@effect
def note(scene: Scene, one: Effect) -> str:
    """Write the note as an entry of the ticket; the customer never sees it."""
    text = filled(one.value, scene.values)
    if not text:
        raise Skipped("its text comes to nothing")
    actor = f"rule:{one.rule}"
    entry = scene.pen.write_entry(scene.number, spoken("note", actor, one.rule, text))
    scene.history(Change("ticket.noted", actor, {"entry": entry}))
    return "noted"
