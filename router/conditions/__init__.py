"""The conditions a rule can name, a module for each family, and the operators they are asked with."""

from router.conditions import contact, files, language, message, sender, spam, ticket, times
from router.conditions.compiled import compile_condition
from router.conditions.condition import CONDITIONS, Condition, View
from router.conditions.groups import compile_group
from router.conditions.operators import OPERATORS
from router.conditions.parts import Anchor, Miss, Part
from router.conditions.patterns import MAX_MATCHED, MAX_PATTERN, BadPatternError, pattern
from router.conditions.seen import UNKNOWN, Seen

FAMILIES = (message, sender, spam, files, contact, ticket, times, language)
"""Where conditions are found: each module's functions are words."""

__all__ = [
    "CONDITIONS", "FAMILIES", "MAX_MATCHED", "MAX_PATTERN", "OPERATORS", "UNKNOWN", "Anchor", "BadPatternError", "Condition",
    "Miss", "Part", "Seen", "View", "compile_condition", "compile_group", "pattern",
]  # fmt: skip
