"""Ctrl-C ends the work also where Python has dropped it."""

from __future__ import annotations

import os
import signal
import weakref

import pytest

from autosample.cli.interrupts import Interrupts
from autosample.core.events import Tick
from autosample.core.progress import Progress, Stage

HALF = Progress(Stage.SEARCHING, 0.5, Tick())


class Thing:
    """Something to refer to."""


def press(_: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):  # until the handler has run
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_callback_swallowed_is_raised_at_the_next_report() -> None:
    interrupts, told = Interrupts(), list[Progress]()
    tell = interrupts.heed(told.append)
    with interrupts.remember():
        tell(HALF)
        thing = Thing()
        _reference = weakref.ref(thing, press)
        del thing  # as a lock's reference in an import
        with pytest.raises(KeyboardInterrupt):
            tell(HALF)
    assert told == [HALF]


def test_elsewhere_it_is_raised_at_once_and_the_handler_before_is_back() -> None:
    interrupts, before = Interrupts(), signal.getsignal(signal.SIGINT)
    with interrupts.remember(), pytest.raises(KeyboardInterrupt):
        press(None)
    assert signal.getsignal(signal.SIGINT) is before
