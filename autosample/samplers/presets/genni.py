"""Negatives drawn by what the model of the day takes for the user's interest.

Only the abstract of the paper is at hand; the law is that of the sampler in the first
author's ELECRec (code of July 2022): a softmax over a pool that the batch shares, to a
power, drawn once a step. Unlike there, what the user has observed is left out.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from autosample.core.bounds import DrawCount, Positive
from autosample.core.ranges import Between
from autosample.core.types import Moment
from autosample.samplers.base import Leaf, Parts, Preset
from autosample.samplers.choices import Softmax
from autosample.samplers.presets.proposed import UniformSampler
from autosample.samplers.proposals import UniformProposal


class GenNi(Preset):
    """Items drawn from a pool that the batch shares with probability softmax(power *
    score), after some epochs of uniform negatives."""

    paper: ClassVar[str] = "Chen et al., 2022, arXiv:2208.03645"
    helps: ClassVar[str] = (
        "Sequences with one negative a step: it needs fewer epochs than uniform draws."
    )
    kind: Literal["genni"] = "genni"
    pool: DrawCount = Field(1024, json_schema_extra=Between(64, 4096, log=True))
    """Number of uniform items that a batch shares."""
    power: Positive = Field(1.0, json_schema_extra=Between(0.25, 8, log=True))
    """Factor of the score: near 0 items are drawn uniformly, and with a large one the
    hardest of the pool is."""
    warm: int = Field(2, ge=0, le=10_000, json_schema_extra=Between(0, 10))
    """Epochs of uniform negatives before, since early scores are noise."""

    @property
    def parts(self) -> Parts:
        choice = Softmax(tau=1 / self.power, keep=self.negatives)
        return Parts(UniformProposal(shared=True), self.pool, choice)

    @property
    def _warming(self) -> Parts:
        return UniformSampler(negatives=self.negatives).parts

    def leaves(self, moment: Moment) -> tuple[Leaf, ...]:
        if moment.share(max(self.warm, 1)) < 1 and self.warm:
            return (Leaf(1.0, self._warming),)
        return (Leaf(1.0, self.parts),)

    @property
    def all_parts(self) -> tuple[Parts, ...]:
        return (self._warming, self.parts) if self.warm else (self.parts,)
