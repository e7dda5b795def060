"""Filters of interactions; their callers count what they drop."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from autosample.data.interactions import Interactions
from autosample.data.table import Table


def at_least(table: Table, min_rating: float) -> Table:
    """Keep the rows rated `min_rating` or more."""
    keep = pc.greater_equal(table.ratings, min_rating)
    return Table(
        table.users.filter(keep),
        table.items.filter(keep),
        table.ratings.filter(keep),  # type: ignore[union-attr]  # has ratings
        None if table.times is None else table.times.filter(keep),
    )


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
