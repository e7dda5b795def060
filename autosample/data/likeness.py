"""How like the test pairs the validation pairs are, of what is known before a search.

A search decides by the validation pairs. Where their items are of other popularity, or
their users of other activity, than those of the test, its answer may not hold there. No
model is asked, so nothing of the test's outcome is learned.
"""

from __future__ import annotations

import numpy as np
from pydantic import NonNegativeFloat

from autosample.core.config import Config
from autosample.data.interactions import Interactions, Ints
from autosample.data.splits import Split

GROUPS = 10
"""Groups of items, or users, that hold equally many training pairs each."""
LARGE = 0.1
"""Distance from which on it is told as a warning."""


class Likeness(Config):
    """Total variation distances between validation and test pairs, 0 to 1: the share of
    pairs that would have to be others. What is due to their number is taken off."""

    items: NonNegativeFloat
    """Of the popularity of their items in training."""
    users: NonNegativeFloat
    """Of the activity of their users in training."""

    @property
    def is_far(self) -> bool:
        """Whether a decision by these validation pairs may not hold on the test."""
        return max(self.items, self.users) >= LARGE

    @property
    def sentence(self) -> str:
        """The distances in words."""
        found = (
            f"Validation and test pairs differ by {self.items:.0%} in the popularity of"
            f" their items and by {self.users:.0%} in the activity of their users"
        )
        if not self.is_far:
            return f"{found}."
        return (
            f"{found}, which is much: what is best on the validation pairs may not be"
            " best on the test pairs. Give a validation file that is like the test"
            " file, or split by time where the test is of a later time."
        )


def likeness(split: Split) -> Likeness:
    """Measure how like the test pairs of a split its validation pairs are."""
    train, valid, test = split.train, split.valid, split.test
    return Likeness(
        items=_distance(train.popularity_I, _items(valid), _items(test)),
        users=_distance(train.degrees_U, _users(valid), _users(test)),
    )


def _items(pairs: Interactions) -> Ints:
    return pairs.items_E.astype(np.int64)


def _users(pairs: Interactions) -> Ints:
    return np.repeat(np.arange(pairs.num_users), pairs.degrees_U).astype(np.int64)


def _distance(counts: Ints, ours: Ints, theirs: Ints) -> float:
    """Return the distance of two sets of items by how often they are trained on."""
    if not len(ours) or not len(theirs):
        return 0.0
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    group = np.empty(len(counts), np.int64)
    group[order] = np.minimum(before * GROUPS // max(counts.sum(), 1), GROUPS - 1)
    group[counts == 0] = GROUPS  # never trained on
    shares = [
        np.bincount(group[some], minlength=GROUPS + 1) / len(some)
        for some in (ours, theirs)
    ]
    mean = (shares[0] * len(ours) + shares[1] * len(theirs)) / (len(ours) + len(theirs))
    # The mean absolute difference of two samples of one law, by the normal law.
    spread = np.sqrt(mean * (1 - mean) * (1 / len(ours) + 1 / len(theirs)))
    by_chance = float(spread.sum()) * np.sqrt(2 / np.pi) / 2
    found = float(np.abs(shares[0] - shares[1]).sum()) / 2
    return float(max(found - by_chance, 0.0))
