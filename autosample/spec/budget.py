"""Limits on what a search may cost."""

from __future__ import annotations

from typing import NamedTuple

from autosample.core.bounds import Count, Positive
from autosample.core.config import Config


class Budget(Config):
    """Most that a search with its final training may cost; `verify` is not included."""

    seconds: Positive | None = None
    """Most seconds on the clock, from the start of the job's work; None: no limit."""
    pair_updates: Count | None = None
    """Most pair updates, which are training pairs times epochs, over all trainings;
    None: no limit."""


class Room(NamedTuple):
    """What a budget leaves for the search itself."""

    ratio: float
    """Share of the planned search that fits; 1 or more: all of it fits."""
    epochs: int | None
    """Epochs of all trainings together that fit; None: they are not limited."""
    seconds: float | None
    """Seconds on the clock; None: they are not limited."""
