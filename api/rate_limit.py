"""How often one key may ask: a bucket of requests that fills at a steady rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from autosample.errors import LimitReached

MANY = 10_000
"""Buckets, after which full ones are forgotten."""


class Rates:
    """A bucket for each key, in this process alone."""

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> None:
        """Count a request; raises LimitReached with the seconds to wait."""
        with self._lock:
            at = self.clock()
            left, before = self._left.get(key, (float(self.burst), at))
            left = min(left + (at - before) * self.rate, self.burst)
            if left < 1:
                wait = (1 - left) / self.rate
                raise LimitReached(
                    f"more than {self.rate:g} requests a second; try again in"
                    f" {wait:.1f} s",
                    after=wait,
                )
            self._left[key] = (left - 1, at)
            if len(self._left) > MANY:
                self._forget(at)

    def _forget(self, at: float) -> None:
        full = self.burst / self.rate
        self._left = {k: v for k, v in self._left.items() if at - v[1] < full}
