"""Samplers whose negatives are made, not found."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from autosample.samplers.base import Parts
from autosample.samplers.choices import Hardest
from autosample.samplers.presets.pooled import Pooled, PoolRange
from autosample.samplers.ranges import Between
from autosample.samplers.synthesis import ANS, DENS, MixGCF


class MixGCFSampler(Pooled):
    """The hardest of a uniform pool in each layer, mixed with the positive."""

    paper: ClassVar[str] = "Huang et al., KDD 2021, doi:10.1145/3447548.3467408"
    helps: ClassVar[str] = "Graph models: the strongest of its time; stops early."
    kind: Literal["mixgcf"] = "mixgcf"

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Hardest(keep=self.negatives), MixGCF())


class DENSSampler(Pooled):
    """The hardest in each layer by gated scores: early alike, late unlike."""

    paper: ClassVar[str] = "Lai et al., WSDM 2023, doi:10.1145/3539597.3570419"
    helps: ClassVar[str] = "Graph models on sparse shopping data, trained for long."
    kind: Literal["dens"] = "dens"
    pool: PositiveInt = Field(6, json_schema_extra=PoolRange)
    """Items drawn for each pair."""
    gamma: NonNegativeFloat = Field(0.3, json_schema_extra=Between(0.05, 1, log=True))
    """Weight of the gates' own loss."""
    warmup: PositiveInt = 100
    """Passes from early to late."""

    @property
    def parts(self) -> Parts:
        made = DENS(gamma=self.gamma, warmup=self.warmup)
        return self.uniform_pool(Hardest(keep=self.negatives), made)


class ANSSampler(Pooled):
    """The hardest in each layer once its easy part is moved towards the positive."""

    paper: ClassVar[str] = "Zhao et al., RecSys 2023, arXiv:2308.05972"
    helps: ClassVar[str] = "Where negatives soon become too easy; dear steps."
    kind: Literal["ans"] = "ans"
    pool: PositiveInt = Field(8, json_schema_extra=PoolRange)
    """Items drawn for each pair."""
    gamma: NonNegativeFloat = Field(0.1, json_schema_extra=Between(0.01, 1, log=True))
    """Weight of the gates' own loss."""
    gain: NonNegativeFloat = Field(0.5, json_schema_extra=Between(0, 1))
    """How much what the move adds to a score counts in the choice."""

    @property
    def parts(self) -> Parts:
        made = ANS(gamma=self.gamma, gain=self.gain)
        return self.uniform_pool(Hardest(keep=self.negatives), made)
