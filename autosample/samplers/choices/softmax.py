"""Draws by the softmax of the scores (Sun et al., ICLR 2019, arXiv:1902.10197).

Several items are drawn by the Gumbel-max trick (Kool et al., ICML 2019,
arXiv:1903.06059).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator

from autosample.core.bounds import Positive
from autosample.core.ranges import Between
from autosample.samplers.choices.base import Choice, Chosen, softmax
from autosample.samplers.multinomial import draw_columns
from autosample.samplers.pool import ScoredPool


class Softmax(Choice):
    """Items drawn with probability softmax(score / tau), without replacement and with
    equal weights."""

    paper: ClassVar[str] = "Sun et al., ICLR 2019, arXiv:1902.10197"
    kind: Literal["softmax"] = "softmax"
    tau: Positive = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature, in units of a score: near 0 the hardest item is drawn, and a large
    value draws uniformly."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        if self.keep == 1:  # inverting the cumulative sum is cheaper for one draw
            assert pool.scores is not None
            slots_B1 = draw_columns(softmax(pool, pool.scores / self.tau), 1, rng)
            return Chosen(slots_B1, pool.equal_weights(slots_B1))
        ranked_BM = pool.ranked
        noise_BM = torch.empty_like(ranked_BM).exponential_(generator=rng).log_()
        slots_BN = (ranked_BM / self.tau - noise_BM).topk(self.keep, dim=1).indices
        return Chosen(slots_BN, pool.equal_weights(slots_BN))
