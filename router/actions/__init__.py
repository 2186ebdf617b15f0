"""The actions a rule can name, by family: each returns another decision and does nothing itself."""

from router.actions import aside, contact, joining, responsibility, tell, ticket
from router.actions.registry import ACTIONS, Act, Action, Do, Given, Read, Skipped, action

__all__ = [
    "ACTIONS", "Act", "Action", "Do", "Given", "Read", "Skipped", "action", "aside", "contact", "joining", "responsibility", "tell",
    "ticket",
]  # fmt: skip
