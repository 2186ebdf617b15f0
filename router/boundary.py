"""Where a conversation on a platform or in a chat begins a new ticket, as the desk file says."""

from typing import Any

from config.desk import Boundary, Desk


def boundary_of(desk: Desk, channel: str, ticket: Any) -> Boundary | None:
    """Return the boundary of a conversation: its ticket's department's own for the channel, else the channel's."""
    department = desk.departments_by_id.get(ticket.department)
    config = desk.channels_by_name.get(channel)
    own = department.conversations.get(channel) if department else None
    return own if own is not None else config.conversation if config else None


def beyond(boundary: Boundary, ticket: Any, at: float) -> tuple[str, str] | None:
    """Return why a message at a time (UTC seconds) begins a new ticket, as verdict and words, or nothing when it joins."""
    if ticket.status in ("spam", "merged") or (boundary != "never" and ticket.status == "closed"):
        return "over", f"ticket {ticket.id} is {ticket.status}"
    if boundary == "resolved" and ticket.status == "resolved":
        return "over", f"ticket {ticket.id} is resolved"
    if isinstance(boundary, float) and at - ticket.updated_at > boundary:
        return "expired", f"nothing was said in ticket {ticket.id} for more than {boundary:g} seconds"
    return None
