"""How much anybody may do in how long: counted by the `limits` library, in Redis for all processes, or in memory for one.

A limit keeps strangers from filling the desk; it must not keep anybody out because Redis is away, so then each process counts
for itself.
"""

import time
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final

import structlog
from limits import parse_many
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from redis import RedisError
from redis.asyncio import ConnectionPool

SWEEP_SECONDS: Final = 10.0
"""How often counters whose time is over are thrown away."""
ALONE_SECONDS: Final = 10.0
"""How long Redis is not asked again when it did not answer."""

log = structlog.get_logger()


class Memory(Storage):
    """Counters in memory. The library's own looks at all of them at every hit, which is slow where there are many visitors."""

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._counted: dict[str, tuple[float, int]] = {}
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What this storage may raise: nothing of its own."""
        return OSError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and return how many there are within the time that began with the first."""
        now = time.time()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_SECONDS
            self._counted = {key: one for key, one in self._counted.items() if one[0] > now}
        ends, count = self._counted.get(key, (0.0, 0))
        if ends <= now:
            ends, count = now + expiry, 0
        self._counted[key] = ends, count + amount
        return count + amount

    async def get(self, key: str) -> int:
        """Return how many there are."""
        ends, count = self._counted.get(key, (0.0, 0))
        return count if ends > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """Return when it begins anew (UTC seconds)."""
        return self._counted.get(key, (time.time(), 0))[0]

    async def check(self) -> bool:
        """Tell that it works."""
        return True

    async def reset(self) -> int:
        """Forget everything and return how much that was."""
        count = len(self._counted)
        self._counted = {}
        return count

    async def clear(self, key: str) -> None:
        """Forget a counter."""
        self._counted.pop(key, None)


class Limiter:
    """Counts in Redis where `url` names one. For one event loop."""

    def __init__(self, url: str | None = None) -> None:
        self._memory = FixedWindowRateLimiter(Memory())
        self._pool = ConnectionPool.from_url(url, socket_connect_timeout=1, socket_timeout=2) if url else None
        self._redis = FixedWindowRateLimiter(_redis(url, self._pool)) if url else None
        self._redis_from = 0.0  # monotonic seconds

    async def close(self) -> None:
        """Give back the connections."""
        if self._pool is not None:
            await self._pool.aclose()

    async def wait(self, rates: str, *who: str) -> float | None:
        """Count one more, and return the seconds to wait when that is too much (`30/minute;200/hour`), else nothing."""
        if self._redis is not None and time.monotonic() >= self._redis_from:
            try:
                return await _hit(self._redis, rates, who)
            except (RedisError, OSError) as error:
                self._redis_from = time.monotonic() + ALONE_SECONDS
                log.warning("limits are counted by each process alone, Redis does not answer", error=str(error))
        return await _hit(self._memory, rates, who)


_parsed = lru_cache(maxsize=256)(parse_many)


async def _hit(counter: FixedWindowRateLimiter, rates: str, who: tuple[str, ...]) -> float | None:
    for rate in _parsed(rates):
        if not await counter.hit(rate, *who):
            ends = (await counter.get_window_stats(rate, *who)).reset_time
            return max(1.0, ends - time.time())
    return None


def _redis(url: str, pool: ConnectionPool | None) -> Storage:
    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage(f"async+{url}", implementation="redispy", key_prefix="frontdesk-limits", **options)


def counted_address(address: str | None) -> str | None:
    """Return what an address is counted by: itself, or its /64 (RFC 6177); nothing for this machine's own and for none.

    Who comes from this machine is a proxy that does not say for whom, or a program of ours.
    """
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback:
        return None
    return str(found) if found.version == 4 else str(ip_network((found, 64), strict=False))
