"""How often one may knock: token buckets on wall time, for as many callers as fit into a bounded memory."""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable

from services.kernel.clock import monotonic_s
from services.kernel.problems import Problem

KEYS_MAX = 10_000


class RateLimiter:
    """One bucket a key: `burst` at once, `rate_per_s` for long; 0 is no limit. Used on the event loop only."""

    def __init__(self, rate_per_s: float, burst: float, now_s: Callable[[], float] = monotonic_s) -> None:
        self._rate_per_s, self._burst, self._now_s = rate_per_s, burst, now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # Least recently used first.
        self.refused = 0

    def wait_s(self, key: str) -> float:
        """Seconds until `key` may come; 0 means now."""
        if self._rate_per_s <= 0:
            return 0.0
        level, _ = self._level(key)
        return max(0.0, (1.0 - level) / self._rate_per_s)

    def take(self, key: str) -> float:
        """Count one, unless it has to wait; returns the seconds to wait."""
        wait_s = self.wait_s(key)
        if self._rate_per_s > 0 and wait_s == 0:
            level, now_s = self._level(key)
            self._buckets[key] = (level - 1.0, now_s)
            self._buckets.move_to_end(key)
            if len(self._buckets) > KEYS_MAX:
                self._buckets.popitem(last=False)
        elif wait_s:
            self.refused += 1
        return wait_s

    def statistics(self) -> dict[str, int]:
        """Callers that are remembered, and requests that were refused."""
        return {"callers": len(self._buckets), "refused": self.refused}

    def _level(self, key: str) -> tuple[float, float]:
        now_s = self._now_s()
        level, at_s = self._buckets.get(key, (self._burst, now_s))
        return min(self._burst, level + (now_s - at_s) * self._rate_per_s), now_s


def too_many(wait_s: float) -> Problem:
    """429 that says when to come again."""
    seconds = max(1, math.ceil(wait_s))
    return Problem(
        "too-many-requests",
        429,
        f"请求过于频繁，请在 {seconds} 秒后重试。",
        f"Too many requests: try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
        retry_after_s=seconds,
    )


def address_key(host: str) -> str:
    """What stands for a caller that nobody knows: its address; of IPv6 the network, of which one caller has many."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address:{host[:64]}"
    if address.version == 6:
        return f"address:{ipaddress.ip_network((address, 64), strict=False).network_address}"
    return f"address:{address}"
