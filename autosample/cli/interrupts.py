"""Ctrl-C that cannot be lost.

Python raises KeyboardInterrupt wherever it happens to be. In a destructor or in the
callback of a weak reference, which imports run often, nothing can catch it: Python
prints that it was ignored and continues. So Ctrl-C is also remembered, and the next
report of progress raises it again.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from autosample.core.progress import Listener, Progress


class Interrupts:
    """Remembers whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.pressed = False
        """True once Ctrl-C was pressed inside `remember()`."""

    @contextmanager
    def remember(self) -> Iterator[None]:
        """Remember Ctrl-C while the block lasts; for the main thread only."""
        before = signal.signal(signal.SIGINT, self._press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def heed(self, tell: Listener) -> Listener:
        """Return a listener that raises KeyboardInterrupt once Ctrl-C was pressed."""

        def listen(progress: Progress) -> None:
            if self.pressed:
                raise KeyboardInterrupt
            tell(progress)

        return listen

    def _press(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        raise KeyboardInterrupt


INTERRUPTS = Interrupts()
"""The interrupts of the command line."""
