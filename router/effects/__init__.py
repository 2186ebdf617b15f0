"""What rules ask for that is more than another value of the ticket: each effect is done in the decision's transaction."""

from router.effects import contact, joining, note, reply, webhook
from router.effects.scene import EFFECTS, Scene, perform

__all__ = ["EFFECTS", "Scene", "contact", "joining", "note", "perform", "reply", "webhook"]
