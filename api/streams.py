"""How many streams of events each key has open."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from threading import Lock

from autosample.errors import LimitReached


class Streams:
    """Counts open streams by key, up to a limit each."""

    def __init__(self, most: int) -> None:
        self._most, self._open, self._lock = most, Counter[str](), Lock()

    def take(self, key: str) -> None:
        """Count one more; raises LimitReached where the key has too many."""
        with self._lock:
            if self._open[key] >= self._most:
                raise LimitReached(
                    f"this key has {self._most} streams of events open; close one", 5.0
                )
            self._open[key] += 1

    async def release_after(
        self, key: str, rows: AsyncIterator[str]
    ) -> AsyncIterator[str]:
        """Yield rows, and count one less once the stream has ended or was left."""
        try:
            async for row in rows:
                yield row
        finally:
            with self._lock:
                self._open[key] -= 1
