"""Limits the requests of each key by a token bucket, which fills at a steady rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from autosample.errors import LimitReached

MANY = 10_000
"""Buckets above which those that are full again are dropped."""


class RateLimit:
    """One bucket per key; other API processes have buckets of their own."""

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> None:
        """Count a request; raises LimitReached with the seconds to wait."""
        with self._lock:
            now = self.clock()
            left, last = self._left.get(key, (float(self.burst), now))
            left = min(left + (now - last) * self.rate, self.burst)
            if left < 1:
                wait = (1 - left) / self.rate
                raise LimitReached(
                    f"more than {self.rate:g} requests per second; try again in"
                    f" {wait:.1f} s",
                    after=wait,
                )
            self._left[key] = (left - 1, now)
            if len(self._left) > MANY:
                self._drop_full(now)

    def _drop_full(self, now: float) -> None:
        """Drop buckets that have filled up: a new one is full, too."""
        seconds = self.burst / self.rate
        self._left = {
            key: (left, last)
            for key, (left, last) in self._left.items()
            if now - last < seconds
        }
