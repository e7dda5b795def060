"""Wakes the streams of events when something new is in the database.

One thread asks for all of them; each by itself would be a query per stream and poll.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

_log = logging.getLogger(__name__)


class Notifier:
    """Counts the changes that it sees, and wakes who waits for the next one."""

    def __init__(self, newest: Callable[[], int], poll: float) -> None:
        """`newest` returns the id of the newest event; `poll` is in seconds."""
        self._newest, self._poll = newest, poll
        self._lock = threading.Lock()
        self._changes = 0
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def changes(self) -> int:
        """Number of changes so far."""
        return self._changes

    def watch(self, stop: threading.Event) -> None:
        """Look for changes while anybody waits, until `stop` is set."""
        last = -1
        while not stop.wait(self._poll):
            if not self._waiting:
                continue
            try:
                newest = self._newest()
            except SQLAlchemyError:
                _log.exception("the database cannot be reached; trying again")
                continue
            if newest != last:
                last = newest
                self._wake()

    def _wake(self) -> None:
        with self._lock:
            self._changes += 1
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            with suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(event.set)

    async def wait(self, seen: int, seconds: float) -> None:
        """Return once there are more changes than `seen`, or some seconds later."""
        place = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            if self._changes != seen:
                return
            self._waiting.add(place)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(place[1].wait(), seconds)
        finally:
            with self._lock:
                self._waiting.discard(place)
