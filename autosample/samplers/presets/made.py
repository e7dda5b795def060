"""Samplers whose negatives are synthetic embeddings instead of items."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from autosample.core.bounds import DrawCount, EpochCount, NonNegative
from autosample.core.ranges import Between
from autosample.samplers.base import Parts
from autosample.samplers.choices import Hardest
from autosample.samplers.presets.pooled import Pooled, PoolRange
from autosample.samplers.synthesis import ANS, DENS, MixGCF


class MixGCFSampler(Pooled):
    """The hardest item of a uniform pool in each layer, mixed with the positive."""

    paper: ClassVar[str] = "Huang et al., KDD 2021, doi:10.1145/3447548.3467408"
    helps: ClassVar[str] = "Graph models; training often reaches its best metric early."
    kind: Literal["mixgcf"] = "mixgcf"

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Hardest(keep=self.negatives), MixGCF())


class DENSSampler(Pooled):
    """The hardest item of a uniform pool in each layer by gated scores, which look for
    irrelevant similarity early in training and for relevant differences late."""

    paper: ClassVar[str] = "Lai et al., WSDM 2023, doi:10.1145/3539597.3570419"
    helps: ClassVar[str] = "Graph models on sparse shopping data, in long trainings."
    kind: Literal["dens"] = "dens"
    pool: DrawCount = Field(6, json_schema_extra=PoolRange)
    """Number of items proposed for each pair."""
    gamma: NonNegative = Field(0.3, json_schema_extra=Between(0.05, 1, log=True))
    """Weight of the loss that trains the gates."""
    warmup: EpochCount = 100
    """Epochs over which the scores change from early to late."""

    @property
    def parts(self) -> Parts:
        synthesis = DENS(gamma=self.gamma, warmup=self.warmup)
        return self.uniform_pool(Hardest(keep=self.negatives), synthesis)


class ANSSampler(Pooled):
    """The hardest item of a uniform pool in each layer, after its easy part has been
    moved towards the positive."""

    paper: ClassVar[str] = "Zhao et al., RecSys 2023, arXiv:2308.05972"
    helps: ClassVar[str] = (
        "Where negatives soon become too easy; its steps are expensive."
    )
    kind: Literal["ans"] = "ans"
    pool: DrawCount = Field(8, json_schema_extra=PoolRange)
    """Number of items proposed for each pair."""
    gamma: NonNegative = Field(0.1, json_schema_extra=Between(0.01, 1, log=True))
    """Weight of the loss that trains the gates."""
    gain: NonNegative = Field(0.5, json_schema_extra=Between(0, 1))
    """Weight in the choice of the score that the move adds."""

    @property
    def parts(self) -> Parts:
        synthesis = ANS(gamma=self.gamma, gain=self.gain)
        return self.uniform_pool(Hardest(keep=self.negatives), synthesis)
