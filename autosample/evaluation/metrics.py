"""Ranking metrics at K, all computed from the same hits; one value per case.

Relevance is binary. Recall, precision, hit rate and NDCG are those of LightGCN's
evaluation (He et al., 2020, arXiv:2002.02126): the ideal DCG holds min(K, relevant)
hits, recall divides by all relevant items. MRR is 1 / rank of the first hit, 0 beyond
K. A case with one relevant item has recall = hit rate and NDCG = 1 / log2(rank + 1).
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


def recall(hits_QK: Bools, relevant_Q: Ints) -> Values:
    return np.asarray(hits_QK.sum(1) / relevant_Q)


def precision(hits_QK: Bools, relevant_Q: Ints) -> Values:
    return np.asarray(hits_QK.mean(1))


def hit(hits_QK: Bools, relevant_Q: Ints) -> Values:
    return np.asarray(hits_QK.any(1), np.float64)


def mrr(hits_QK: Bools, relevant_Q: Ints) -> Values:
    first_Q = hits_QK.argmax(1)
    return np.asarray(np.where(hits_QK.any(1), 1 / (first_Q + 1.0), 0.0))


def ndcg(hits_QK: Bools, relevant_Q: Ints) -> Values:
    discounts_K: Floats = 1 / np.log2(np.arange(2, hits_QK.shape[1] + 2))
    ideal_K = np.cumsum(discounts_K)
    best_Q = ideal_K[np.minimum(relevant_Q, hits_QK.shape[1]) - 1]
    return np.asarray(hits_QK @ discounts_K / best_Q)


METRICS: dict[str, Callable[[Bools, Ints], Values]] = {
    "hit": hit,
    "mrr": mrr,
    "ndcg": ndcg,
    "precision": precision,
    "recall": recall,
}


class Metric(str):
    """A metric and its cut-off K, such as `ndcg@20`."""

    name: str
    k: int

    def __new__(cls, text: str) -> Self:
        """Read `name@k`; raises SpecError on another name, or a K outside 1 to 9999."""
        match = re.fullmatch(r"([a-z]+)@([1-9][0-9]{0,3})", str(text).lower())
        if match is None or match[1] not in METRICS:
            raise SpecError(
                f"{text!r} is not a metric; write one of {', '.join(METRICS)} and a K"
                " from 1 to 9999, as in ndcg@20"
            )
        self = super().__new__(cls, match[0])
        self.name, self.k = match[1], int(match[2])
        return self

    def of(self, hits_QK: Bools, relevant_Q: Ints) -> Values:
        """Return the metric of each case from hits by rank: (Q,)."""
        if hits_QK.shape[1] < self.k:
            raise SpecError(
                f"{self} needs {self.k} ranks, and {hits_QK.shape[1]} exist"
            )
        return METRICS[self.name](hits_QK[:, : self.k], relevant_Q)
