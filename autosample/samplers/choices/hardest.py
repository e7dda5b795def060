"""Dynamic negative sampling (Zhang et al., SIGIR 2013, doi:10.1145/2484028.2484126)."""

from __future__ import annotations

from typing import Literal

from torch import Generator

from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.pool import ScoredPool


class Hardest(Choice):
    """The best-scored slots, alike."""

    kind: Literal["hardest"] = "hardest"

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        ranked_BM = pool.ranked
        if self.keep == 1:  # argmax is several times cheaper than topk
            slots_BN = ranked_BM.argmax(1, keepdim=True)
        else:
            slots_BN = ranked_BM.topk(self.keep, dim=1).indices
        return Chosen(slots_BN, pool.equal_weights(slots_BN))
