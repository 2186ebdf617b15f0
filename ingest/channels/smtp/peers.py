"""Who is connected to a listener, who may send, and who has guessed too many passwords."""

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Sequence

from ingest.channels.smtp.config import Config

LOGIN_FAILURES = 10
"""So many wrong passwords from one address, and it must wait."""
LOGIN_SECONDS = 600
_MOST_REMEMBERED = 10_000


class Peers:
    """The connections of one listener, counted by address; an IPv6 peer is its whole /64, which one machine may own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._connected: Counter[str] = Counter()
        self._failures: dict[str, tuple[int, float]] = {}
        self.total = 0

    def enter(self, peer: str, most: int) -> bool:
        """Count a connection of the peer, or return False when it has `most` already."""
        key = _key(peer)
        if self._connected[key] >= most:
            return False
        self._connected[key] += 1
        return True

    def leave(self, peer: str) -> None:
        """Count one of the peer's connections off."""
        key = _key(peer)
        self._connected[key] -= 1
        if not self._connected[key]:
            del self._connected[key]

    def may_guess(self, peer: str) -> bool:
        """Tell whether the peer may try a password now."""
        failures, since = self._failures.get(_key(peer), (0, 0.0))
        return failures < LOGIN_FAILURES or self._clock() - since >= LOGIN_SECONDS

    def guessed_wrong(self, peer: str) -> None:
        """Remember a wrong password; the oldest peers are forgotten when there are too many."""
        key, now = _key(peer), self._clock()
        failures, since = self._failures.pop(key, (0, now))
        self._failures[key] = (1, now) if now - since >= LOGIN_SECONDS else (failures + 1, since)
        if len(self._failures) > _MOST_REMEMBERED:
            del self._failures[next(iter(self._failures))]


def _key(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return peer
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))


def within(peer: str, networks: Sequence[str]) -> bool:
    """Tell whether an address lies in one of the networks (CIDR)."""
    if not networks:
        return False
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ipaddress.ip_network(one) for one in networks)


def may_send(config: Config, peer: str) -> bool:
    """Tell whether the peer may send without a password: anybody, unless the channel names networks or users."""
    return within(peer, config.allowed_peers) or not (config.allowed_peers or config.users)
