"""Beyond one number: who is served, the head of the catalogue or its tail.

Bands are thirds of the training interactions, so the head is a few items and the tail
most of them (as in Abdollahpouri et al., FLAIRS 2019, arXiv:1901.07555, who cut where
20 % of the ratings end). A metric of a band counts held-out items of that band alone,
at the ranks they have among all items, over the users who have any there.
"""

from __future__ import annotations

import numpy as np
from pydantic import NonNegativeFloat, NonNegativeInt

from autosample.core.config import Config
from autosample.data.interactions import Interactions, Ints
from autosample.evaluation.metrics import ndcg, recall
from autosample.evaluation.ranking import Hits

NAMES = ("head", "middle", "tail")


class Band(Config):
    """A third of the training interactions."""

    name: str
    items: NonNegativeInt
    """Items in it."""
    users: NonNegativeInt
    """Users with held-out items in it."""
    recall: NonNegativeFloat
    ndcg: NonNegativeFloat
    recommended: NonNegativeFloat
    """Share of all recommendations that are in it."""


class Reach(Config):
    """What is recommended, and whom it serves."""

    k: NonNegativeInt
    """Recommendations a user."""
    bands: tuple[Band, ...]
    """Head, middle, tail."""
    balance: NonNegativeFloat
    """The lowest recall of a band over the highest: 1 where all are served alike."""
    coverage: NonNegativeFloat
    """Share of the catalogue that is recommended to anybody."""
    popularity: NonNegativeFloat
    """Mean training pairs of a recommended item."""
    held_out_popularity: NonNegativeFloat
    """Mean training pairs of a held-out item: what users themselves chose."""


def bands_of(train: Interactions) -> Ints:
    """Return each item's band, 0 the head: (I,).

    Of equally popular items the first stand first; an item belongs where it begins.
    """
    popularity_I = train.popularity_I
    order = np.argsort(-popularity_I, kind="stable")
    before = np.cumsum(popularity_I[order]) - popularity_I[order]
    total = max(int(popularity_I.sum()), 1)
    bands_I = np.empty(train.num_items, np.int64)
    bands_I[order] = np.minimum(before * len(NAMES) // total, len(NAMES) - 1)
    return bands_I


def reach(hits: Hits, held_out: Interactions, train: Interactions, k: int) -> Reach:
    """Return what the first K ranks of a ranking of `held_out` hold."""
    bands_I, popularity_I = bands_of(train), train.popularity_I
    items_UK, hits_UK = hits.items_UK[:, :k], hits.hits_UK[:, :k]
    there_UK = items_UK >= 0
    shown = items_UK[there_UK]
    bands_UK = np.where(there_UK, bands_I[items_UK], -1)
    relevant_UG = _relevant(hits.users_U, held_out, bands_I)
    bands = []
    for band, name in enumerate(NAMES):
        with_any = np.flatnonzero(relevant_UG[:, band])
        mine_UK = (hits_UK & (bands_UK == band))[with_any]
        relevant_U = relevant_UG[with_any, band]
        bands.append(
            Band(
                name=name,
                items=int((bands_I == band).sum()),
                users=len(with_any),
                recall=_mean(recall(mine_UK, relevant_U)),
                ndcg=_mean(ndcg(mine_UK, relevant_U)),
                recommended=float((bands_UK == band).sum() / max(len(shown), 1)),
            )
        )
    recalls = [each.recall for each in bands if each.users]
    best = max(recalls, default=0.0)
    return Reach(
        k=k,
        bands=tuple(bands),
        balance=min(recalls) / best if best else 0.0,
        coverage=len(np.unique(shown)) / train.num_items,
        popularity=_mean(popularity_I[shown]),
        held_out_popularity=_mean(popularity_I[held_out.items_E]),
    )


def _relevant(users_U: Ints, held_out: Interactions, bands_I: Ints) -> Ints:
    """Count each user's held-out items by band: (U, 3)."""
    count = len(NAMES)
    places = held_out.users_E * count + bands_I[held_out.items_E]
    counted = np.bincount(places, minlength=held_out.num_users * count)
    return counted.reshape(-1, count)[users_U]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
