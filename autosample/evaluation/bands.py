"""Beyond one number: whether the head or the tail of the catalogue is recommended.

Bands are thirds of the training interactions, so the head is a few items and the tail
most of them (as in Abdollahpouri et al., FLAIRS 2019, arXiv:1901.07555, who cut where
20 % of the ratings end). A metric of a band counts right answers of that band alone, at
the ranks they have among all items, over the cases that have any there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import NonNegativeFloat, NonNegativeInt

from autosample.core.config import Config
from autosample.data.interactions import Interactions, Ints
from autosample.evaluation.cases import Cases
from autosample.evaluation.metrics import ndcg, recall
from autosample.evaluation.ranking import Hits

NAMES = ("head", "middle", "tail")


class Band(Config):
    """A third of the training interactions."""

    name: str
    """head, middle or tail."""
    items: NonNegativeInt
    """Items in the band."""
    users: NonNegativeInt
    """Users with held-out items in the band."""
    recall: NonNegativeFloat
    """Recall of the band's held-out items, over the users who have any."""
    ndcg: NonNegativeFloat
    """NDCG of the band's held-out items, over the users who have any."""
    recommended: NonNegativeFloat
    """Share of all recommendations that are in the band."""


class Reach(Config):
    """What is recommended, and which held-out items that finds."""

    k: NonNegativeInt
    """Recommendations per ranking."""
    bands: tuple[Band, ...]
    """Head, middle, tail."""
    balance: NonNegativeFloat
    """The lowest recall of a band over the highest: 1 where they are equal."""
    coverage: NonNegativeFloat
    """Share of the catalogue that is recommended at least once."""
    popularity: NonNegativeFloat
    """Mean number of users in training who have a recommended item."""
    held_out_popularity: NonNegativeFloat
    """Mean number of users in training who have a held-out item, as users choose."""


def bands_of(train: Interactions) -> Ints:
    """Return each item's band, 0 for the head: (I,).

    Items are sorted by popularity, ties by number. An item belongs to the band in which
    its first interaction falls.
    """
    popularity_I = train.popularity_I
    order = np.argsort(-popularity_I, kind="stable")
    before = np.cumsum(popularity_I[order]) - popularity_I[order]
    total = max(int(popularity_I.sum()), 1)
    bands_I = np.empty(train.num_items, np.int64)
    bands_I[order] = np.minimum(before * len(NAMES) // total, len(NAMES) - 1)
    return bands_I


def reach(hits: Hits, cases: Cases, train: Interactions, k: int) -> Reach:
    """Describe the first K ranks of the cases."""
    bands_I, popularity_I = bands_of(train), train.popularity_I
    items_QK, hits_QK = hits.items_QK[:, :k], hits.hits_QK[:, :k]
    filled_QK = items_QK >= 0
    recommended = items_QK[filled_QK]
    bands_QK = np.where(filled_QK, bands_I[items_QK], -1)
    relevant_QG = _count_relevant(cases, bands_I)
    bands = []
    for band, name in enumerate(NAMES):
        with_any = np.flatnonzero(relevant_QG[:, band])
        band_hits_QK = (hits_QK & (bands_QK == band))[with_any]
        relevant_Q = relevant_QG[with_any, band]
        bands.append(
            Band(
                name=name,
                items=int((bands_I == band).sum()),
                users=len(np.unique(cases.owners_Q[with_any])),
                recall=_mean(recall(band_hits_QK, relevant_Q)),
                ndcg=_mean(ndcg(band_hits_QK, relevant_Q)),
                recommended=float((bands_QK == band).sum() / max(len(recommended), 1)),
            )
        )
    recalls = [band.recall for band in bands if band.users]
    best = max(recalls, default=0.0)
    return Reach(
        k=k,
        bands=tuple(bands),
        balance=min(recalls) / best if best else 0.0,
        coverage=len(np.unique(recommended)) / train.num_items,
        popularity=_mean(popularity_I[recommended]),
        held_out_popularity=_mean(popularity_I[cases.relevant.items]),
    )


def evenness(values: Sequence[float]) -> float:
    """Return 1 - the Gini coefficient of a metric's values in the bands: 1 where all
    are equal, 1/3 where one of three has everything, nan where all are zero.

    Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276, call it balance.
    """
    each = np.asarray(values, np.float64)
    total = each.sum()
    if not total:
        return float("nan")
    gaps = np.abs(each[:, None] - each[None]).sum()
    return float(1 - gaps / (2 * len(each) * total))


def _count_relevant(cases: Cases, bands_I: Ints) -> Ints:
    """Count each case's right answers by band: (Q, 3)."""
    case_E = np.repeat(np.arange(len(cases)), cases.relevant_Q)
    cells_E = case_E * len(NAMES) + bands_I[cases.relevant.items]
    counts = np.bincount(cells_E, minlength=len(cases) * len(NAMES))
    return counts.reshape(-1, len(NAMES))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
