"""The devices agents are told on by push: what a browser gave us to reach it (https://www.w3.org/TR/push-api/)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from tickets.lock import lock
from tickets.pauses import resume
from tickets.schema_told import devices
from tickets.store import Store

MOST: Final = 20
"""Devices of one agent."""


class CannotAddError(Exception):
    """A device cannot be added; the message says why."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device: where its push service takes messages (RFC 8030), and its keys for them, in base64url (RFC 8291)."""

    endpoint: str
    p256dh: str
    auth: str
    label: str = ""
    id: int = 0
    made_at: float = 0.0


def add(store: Store, agent: str, device: Device, now: float) -> int:
    """Keep a device of an agent, and return its row; one that is known gets its new keys and label, and stays the same row.

    A browser in which another agent takes over becomes theirs, if it shows the same keys. Whoever adds a device wants to be
    told by push again. Raises `CannotAddError`, and `Temporary`.
    """
    said = {"p256dh": device.p256dh, "auth": device.auth, "label": device.label, "made_at": now, "agent": agent}
    with store.write() as connection:
        lock(connection, (f"devices:{agent}", f"device:{device.endpoint}"))
        known = connection.execute(select(devices).where(devices.c.endpoint == device.endpoint)).first()
        if known is not None and known.agent != agent and (known.p256dh, known.auth) != (device.p256dh, device.auth):
            raise CannotAddError("this endpoint is another agent's")
        if known is None or known.agent != agent:
            many = connection.scalar(select(func.count()).where(devices.c.agent == agent)) or 0
            if many >= MOST:
                raise CannotAddError(f"{MOST} devices are enough; take one away first")
        resume(connection, agent, "push")
        if known is not None:
            connection.execute(update(devices).where(devices.c.id == known.id).values(**said))
            return int(known.id)
        made = insert(devices).returning(devices.c.id)
        return int(connection.execute(made, {**said, "endpoint": device.endpoint}).scalar_one())


def of(store: Store, agent: str) -> Sequence[Device]:
    """Return an agent's devices, the oldest first. Raises `Temporary`."""
    with store.read() as connection:
        rows = connection.execute(select(devices).where(devices.c.agent == agent).order_by(devices.c.id))
        return [Device(row.endpoint, row.p256dh, row.auth, row.label, row.id, row.made_at) for row in rows]


def remove(store: Store, agent: str, id_: int) -> bool:
    """Forget a device of an agent; false when there is none. Raises `Temporary`."""
    gone: Any = delete(devices).where(devices.c.id == id_, devices.c.agent == agent)
    with store.write() as connection:
        return bool(connection.execute(gone).rowcount)


def dead(store: Store, device: Device) -> None:
    """Forget a device whose push service does not know it any more, unless it has got new keys meanwhile. Raises `Temporary`."""
    same = (devices.c.id == device.id) & (devices.c.p256dh == device.p256dh) & (devices.c.auth == device.auth)
    with store.write() as connection:
        connection.execute(delete(devices).where(same))
