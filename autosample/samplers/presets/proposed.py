"""Samplers whose proposal alone decides: they score no items."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from autosample.core.bounds import DrawCount
from autosample.core.ranges import Between
from autosample.samplers.base import Parts, Preset
from autosample.samplers.choices import First
from autosample.samplers.proposals import (
    CohortProposal,
    InBatchProposal,
    MixedProposal,
    PageRankProposal,
    PopularityProposal,
    ProposalConfig,
    RankProposal,
    ResampledProposal,
    UniformProposal,
)

Columns = Between(8, 1024, log=True)


def _first(sampler: Preset, proposal: ProposalConfig) -> Parts:
    return Parts(proposal, sampler.negatives, First(keep=sampler.negatives))


class UniformSampler(Preset):
    """Every unobserved item with equal probability."""

    paper: ClassVar[str] = "Rendle et al., UAI 2009, arXiv:1205.2618"
    helps: ClassVar[str] = (
        "The safe baseline; enough for a loss with many negatives per pair."
    )
    kind: Literal["uniform"] = "uniform"
    shared: bool = False
    """Draw the same negatives for the whole batch, which is many times cheaper per
    negative; for losses with dozens of negatives or more."""

    @property
    def parts(self) -> Parts:
        return _first(self, UniformProposal(shared=self.shared))


class PopularitySampler(Preset):
    """Popular items with higher probability, or rare ones with a negative alpha."""

    paper: ClassVar[str] = "Mikolov et al., NIPS 2013, arXiv:1310.4546"
    helps: ClassVar[str] = (
        "Where a model recommends popular items too much: negatives push them down."
    )
    kind: Literal["popularity"] = "popularity"
    alpha: float = Field(0.75, ge=-4, le=4, json_schema_extra=Between(-0.5, 1.25))
    """Exponent of an item's number of training pairs."""

    @property
    def parts(self) -> Parts:
        return _first(self, PopularityProposal(alpha=self.alpha))


class InBatchSampler(Preset):
    """Positives of other pairs in the batch, drawn by popularity; scoring them is one
    matrix product."""

    paper: ClassVar[str] = "Hidasi et al., ICLR 2016, arXiv:1511.06939"
    helps: ClassVar[str] = (
        "Many cheap negatives, for large catalogues and softmax losses with log q."
    )
    kind: Literal["in_batch"] = "in_batch"
    negatives: DrawCount = Field(64, json_schema_extra=Columns)
    """Number of items of the batch that every pair uses as negatives; the whole batch
    would be expensive on a CPU."""

    @property
    def parts(self) -> Parts:
        return _first(self, InBatchProposal())


class MixedSampler(Preset):
    """Positives of the batch and uniform items together, shared by the batch."""

    paper: ClassVar[str] = "Yang et al., WWW 2020, doi:10.1145/3366424.3386195"
    helps: ClassVar[str] = (
        "Same cases as in_batch, where rare items matter: every item can be drawn."
    )
    kind: Literal["mixed"] = "mixed"
    negatives: DrawCount = Field(64, json_schema_extra=Columns)
    """Number of items that every pair of the batch uses as negatives."""
    uniform: float = Field(0.5, ge=0, le=1, json_schema_extra=Between(0.1, 0.9))
    """Share of the items that is drawn uniformly instead of from the batch."""

    @property
    def parts(self) -> Parts:
        return _first(self, MixedProposal(uniform=self.uniform))


class CohortSampler(Preset):
    """Items mostly from the positive's own popularity group."""

    paper: ClassVar[str] = "Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276"
    helps: ClassVar[str] = (
        "Where recall of rare items counts: items compete with equally popular ones."
    )
    kind: Literal["cohort"] = "cohort"
    cohorts: int = Field(3, ge=2, le=100)
    """Number of popularity groups; 3 are tail, body and head."""
    same: float = Field(0.8, ge=0, le=1, json_schema_extra=Between(0.34, 0.95))
    """Probability of drawing from the positive's own group."""

    @property
    def parts(self) -> Parts:
        return _first(self, CohortProposal(cohorts=self.cohorts, same=self.same))


class PageRankSampler(Preset):
    """Items related to the positive in the interaction graph, but not the closest."""

    paper: ClassVar[str] = "Ying et al., KDD 2018, arXiv:1806.01973"
    helps: ClassVar[str] = (
        "Dense graphs whose neighbouring items are hard negatives; preparing takes"
        " minutes for tens of thousands of items."
    )
    kind: Literal["pagerank"] = "pagerank"
    start: float = Field(0.01, ge=0, lt=1, json_schema_extra=Between(0.001, 0.05))
    """First PageRank rank that may be drawn, as a share of all items."""
    stop: float = Field(0.1, gt=0, le=1, json_schema_extra=Between(0.05, 0.5))
    """Last PageRank rank that may be drawn, as a share of all items."""

    @property
    def parts(self) -> Parts:
        return _first(self, PageRankProposal(start=self.start, stop=self.stop))


class AOBPR(Preset):
    """Items that rank high on an embedding dimension that matters to the user."""

    paper: ClassVar[str] = (
        "Rendle and Freudenthaler, WSDM 2014, doi:10.1145/2556195.2556248"
    )
    helps: ClassVar[str] = (
        "Large catalogues: hard negatives at the cost of uniform ones."
    )
    kind: Literal["aobpr"] = "aobpr"
    scale: float = Field(
        0.05, gt=0, le=10, json_schema_extra=Between(0.005, 0.5, log=True)
    )
    """The paper's lambda as a share of all items; the smaller, the harder."""

    @property
    def parts(self) -> Parts:
        return _first(self, RankProposal(scale=self.scale))


class AdaSIR(Preset):
    """Items drawn from a pool per user, which is resampled before each epoch by
    softmax(score / tau - log q)."""

    paper: ClassVar[str] = "Chen et al., WWW 2022, doi:10.1145/3485447.3512075"
    helps: ClassVar[str] = (
        "Same cases as softmax; items are scored once per epoch, so steps are cheap but"
        " scores a little old."
    )
    kind: Literal["adasir"] = "adasir"
    negatives: DrawCount = 5
    """Number of negatives for each pair."""
    draws: DrawCount = Field(200, json_schema_extra=Between(50, 1000, log=True))
    """Number of items drawn per user before each epoch."""
    memory: DrawCount = 50
    """Number of items kept per user, from which negatives are drawn."""
    tau: float = Field(1.0, gt=0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature, in units of a score; the smaller, the harder."""

    @property
    def parts(self) -> Parts:
        kept = ResampledProposal(draws=self.draws, memory=self.memory, tau=self.tau)
        return _first(self, kept)
