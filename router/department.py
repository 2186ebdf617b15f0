"""Where a new ticket begins, and why."""

from collections.abc import Iterator, Mapping
from typing import Any

from config.desk import Desk
from router.aside import asked
from tickets.message import InboundMessage


def begins(desk: Desk, channel: str, message: InboundMessage, meta: Mapping[str, Any]) -> tuple[str, str]:
    """Return the department's id and the reason in words: the customer's choice, an address, the channel, the first one.

    A forwarded mailbox names itself on the way (Delivered-To and the like), which is nearer than the envelope of the last
    hop; To and Cc come last, for a mail can be addressed to several departments.
    """
    if message.confirmation is not None and desk.desk.administrators is not None:
        return desk.desk.administrators, asked(message.confirmation)
    if (chosen := desk.departments_by_id.get(message.department or "")) is not None:
        return chosen.id, "the customer chose it"
    for address, how in _addresses(message, meta):
        if (department := desk.department_of(address)) is not None:
            return department.id, f"the mail {how} {address}"
    config = desk.channels_by_name.get(channel)
    if config is not None and config.department is not None:
        return config.department, f"the channel {config.name} begins there"
    return desk.departments[0].id, "no address or channel says otherwise; it is the first department"


def _addresses(message: InboundMessage, meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for address in message.delivered_to:
        yield address, "was delivered to"
    for address in (*meta.get("recipients", ()), *message.to, *message.cc):
        yield address, "is addressed to"
