"""Why a ticket went where it went: what is kept with it, made whole."""

from typing import Any

from router.trace import whole
from tickets import look
from tickets.store import Store


def why(store: Store, number: int) -> list[dict[str, Any]]:
    """Return every turn of the rules in a ticket, each with a line for every rule of the desk file it was decided by.

    Raises `Temporary` when the database fails.
    """
    turns = look.passes(store, number)
    rules = {version: look.rules_of(store, version) for version in {one["desk_version"] for one in turns}}
    return [{**one, "trace": whole(one["trace"], rules[one["desk_version"]])} for one in turns]
