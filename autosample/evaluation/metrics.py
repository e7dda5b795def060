"""Ranking metrics at K, all from one pass of hits; one value a user.

Binary relevance. Recall, Precision, hit rate and NDCG as in LightGCN's evaluation
(He et al., 2020, arXiv:2002.02126): the ideal DCG holds min(K, relevant) hits, recall
divides by all relevant. MRR is 1 / rank of the first hit, 0 beyond K.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from autosample.data.interactions import Bools, Floats, Ints
from autosample.errors import SpecError

Values = NDArray[np.float64]


def recall(hits_UK: Bools, relevant_U: Ints) -> Values:
    return np.asarray(hits_UK.sum(1) / relevant_U)


def precision(hits_UK: Bools, relevant_U: Ints) -> Values:
    return np.asarray(hits_UK.mean(1))


def hit(hits_UK: Bools, relevant_U: Ints) -> Values:
    return np.asarray(hits_UK.any(1), np.float64)


def mrr(hits_UK: Bools, relevant_U: Ints) -> Values:
    first_U = hits_UK.argmax(1)
    return np.asarray(np.where(hits_UK.any(1), 1 / (first_U + 1.0), 0.0))


def ndcg(hits_UK: Bools, relevant_U: Ints) -> Values:
    discounts_K: Floats = 1 / np.log2(np.arange(2, hits_UK.shape[1] + 2))
    ideal_K = np.cumsum(discounts_K)
    best_U = ideal_K[np.minimum(relevant_U, hits_UK.shape[1]) - 1]
    return np.asarray(hits_UK @ discounts_K / best_U)


METRICS: dict[str, Callable[[Bools, Ints], Values]] = {
    "hit": hit,
    "mrr": mrr,
    "ndcg": ndcg,
    "precision": precision,
    "recall": recall,
}


class Metric(str):
    """A metric and its cut, as `ndcg@20`."""

    name: str
    k: int

    def __new__(cls, text: str) -> Self:
        """Read `name@k`; raises SpecError where there is no such metric or cut."""
        match = re.fullmatch(r"([a-z]+)@([1-9][0-9]{0,3})", str(text).lower())
        if match is None or match[1] not in METRICS:
            raise SpecError(
                f"{text!r} is not a metric; write one of {', '.join(METRICS)} and a K"
                " from 1 to 9999, as in ndcg@20"
            )
        self = super().__new__(cls, match[0])
        self.name, self.k = match[1], int(match[2])
        return self

    def of(self, hits_UK: Bools, relevant_U: Ints) -> Values:
        """Return the metric of each user from hits by rank: (U,)."""
        if hits_UK.shape[1] < self.k:
            raise SpecError(
                f"{self} needs {self.k} ranks, and {hits_UK.shape[1]} exist"
            )
        return METRICS[self.name](hits_UK[:, : self.k], relevant_U)
