"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever it happens to be. In a destructor or in a weak
reference's callback, which imports are full of, nobody can catch it: it is printed as
ignored and the program goes on. So it is also remembered, and the next report of
progress raises it again.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from autosample.core.progress import Listener, Progress


class Interrupts:
    """Whether Ctrl-C was pressed since they are remembered."""

    def __init__(self) -> None:
        self.pressed = False

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """Remember them from here on; in the main thread alone."""
        before = signal.signal(signal.SIGINT, self._press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def heeded(self, tell: Listener) -> Listener:
        """Return a listener that raises KeyboardInterrupt once one was pressed."""

        def told(progress: Progress) -> None:
            if self.pressed:
                raise KeyboardInterrupt
            tell(progress)

        return told

    def _press(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        raise KeyboardInterrupt


INTERRUPTS = Interrupts()
"""Those of the command line."""
