"""Branches, dealt to candidates by weight."""

from __future__ import annotations

from collections.abc import Sequence

LEAST = 0.1
"""Share of the weight from which on a candidate has a branch."""


def deal(weights: Sequence[float], branches: int) -> list[int]:
    """Return how many of some branches each weight gets, in proportion.

    Whoever has a tenth of the weight gets one, as far as there are branches.
    """
    shares = [weight / sum(weights) for weight in weights]
    counts = [0] * len(shares)
    for at in sorted(range(len(shares)), key=lambda at: -shares[at])[:branches]:
        counts[at] = int(shares[at] >= LEAST)
    while sum(counts) < branches:
        at = max(range(len(shares)), key=lambda at: branches * shares[at] - counts[at])
        counts[at] += 1
    return counts
