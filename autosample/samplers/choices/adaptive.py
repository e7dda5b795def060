"""Adaptive hardness (Lai et al., AAAI 2024, arXiv:2401.05191)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Generator

from autosample.core.bounds import Positive, Real
from autosample.core.ranges import Between
from autosample.samplers.choices.base import Choice, Chosen, best
from autosample.samplers.pool import ScoredPool

LEAST = 0.1
"""Lower bound of s_ui + alpha, because a power of a negative number has no use here."""


class AdaptiveHardness(Choice):
    """Items whose score is nearest to beta * (s_ui + alpha)^(p + 1), so a positive that
    already scores high gets an easier negative."""

    paper: ClassVar[str] = "Lai et al., AAAI 2024, arXiv:2401.05191"
    kind: Literal["adaptive"] = "adaptive"
    alpha: Real = Field(1.0, json_schema_extra=Between(0.1, 2))
    """Added to the positive's score."""
    beta: Positive = Field(0.1, json_schema_extra=Between(0.05, 1, log=True))
    """Factor of the target score, in units of a score."""
    p: float = Field(-2.0, lt=-1, ge=-8)
    """Exponent minus one. The paper's best is -2: target = beta / (s_ui + alpha)."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        assert pool.scores is not None
        positive_B1 = pool.context.positive_scores_B[:, None]
        target_B1 = self.beta * (positive_B1 + self.alpha).clamp(min=LEAST) ** (
            self.p + 1
        )
        nearness_BM = -(pool.scores - target_B1).abs()
        return best(pool, pool.masked(nearness_BM, -float("inf")), self.keep)
