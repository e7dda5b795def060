"""Filters of interactions; their callers count what they drop."""

from __future__ import annotations

import numpy as np

from autosample.data.interactions import Interactions


def k_core(pairs: Interactions, k: int) -> Interactions:
    """Drop users and items with fewer than k distinct pairs until none is left."""
    while k > 1:
        keep = (pairs.distinct.degrees_U[pairs.users_E] >= k) & (
            pairs.popularity_I[pairs.items_E] >= k
        )
        if np.all(keep):
            break
        pairs = pairs.take(keep)
    return pairs
