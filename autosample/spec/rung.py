"""A round of a strategy that compares its candidates in rounds."""

from __future__ import annotations

from math import floor

from autosample.core.bounds import DrawCount, EpochCount
from autosample.core.config import Config


class Rung(Config):
    """One round of a race or of a soup."""

    epochs: EpochCount
    """Epochs that each candidate that is left trains further."""
    keep: DrawCount
    """Most candidates that stay after it."""


def shorten(epochs: int, ratio: float) -> int:
    """Return this share of some epochs, at least one."""
    return max(floor(epochs * ratio), 1)
