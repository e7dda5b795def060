"""Samplers whose proposal decides: no item is scored to be chosen."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

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
from autosample.samplers.ranges import Between

Columns = Between(8, 1024, log=True)


def _first(sampler: Preset, proposal: ProposalConfig) -> Parts:
    return Parts(proposal, sampler.negatives, First(keep=sampler.negatives))


class UniformSampler(Preset):
    """Every unobserved item alike."""

    paper: ClassVar[str] = "Rendle et al., UAI 2009, arXiv:1205.2618"
    helps: ClassVar[str] = (
        "The safe baseline; enough where a loss takes many negatives."
    )
    kind: Literal["uniform"] = "uniform"
    shared: bool = False
    """Draw once for the whole batch: many times cheaper a negative, for losses that
    take dozens or more."""

    @property
    def parts(self) -> Parts:
        return _first(self, UniformProposal(shared=self.shared))


class PopularitySampler(Preset):
    """Popular items more often, or, with a negative power, rare ones."""

    paper: ClassVar[str] = "Mikolov et al., NIPS 2013, arXiv:1310.4546"
    helps: ClassVar[str] = (
        "Where a model recommends the popular too much: negatives push them down."
    )
    kind: Literal["popularity"] = "popularity"
    alpha: float = Field(0.75, ge=-4, le=4, json_schema_extra=Between(-0.5, 1.25))
    """Power of an item's number of training pairs."""

    @property
    def parts(self) -> Parts:
        return _first(self, PopularityProposal(alpha=self.alpha))


class InBatchSampler(Preset):
    """Other pairs' positives: as popular as the data, one matrix product."""

    paper: ClassVar[str] = "Hidasi et al., ICLR 2016, arXiv:1511.06939"
    helps: ClassVar[str] = (
        "Large catalogues and softmax losses, with log-q correction: the cheapest many."
    )
    kind: Literal["in_batch"] = "in_batch"
    negatives: PositiveInt = Field(64, json_schema_extra=Columns)
    """Columns of the batch that serve each pair; a part of them, as on a CPU the whole
    matrix is dear."""

    @property
    def parts(self) -> Parts:
        return _first(self, InBatchProposal())


class MixedSampler(Preset):
    """In-batch and uniform columns together."""

    paper: ClassVar[str] = "Yang et al., WWW 2020, doi:10.1145/3366424.3386195"
    helps: ClassVar[str] = (
        "As in_batch, where rare items matter: uniform columns reach all of them."
    )
    kind: Literal["mixed"] = "mixed"
    negatives: PositiveInt = Field(64, json_schema_extra=Columns)
    """Columns that serve each pair."""
    uniform: float = Field(0.5, ge=0, le=1, json_schema_extra=Between(0.1, 0.9))
    """Share of uniform columns."""

    @property
    def parts(self) -> Parts:
        return _first(self, MixedProposal(uniform=self.uniform))


class CohortSampler(Preset):
    """Negatives mostly from the positive's own cohort of popularity."""

    paper: ClassVar[str] = "Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276"
    helps: ClassVar[str] = (
        "Where recall of rare items counts: like is compared with like in popularity."
    )
    kind: Literal["cohort"] = "cohort"
    cohorts: int = Field(3, ge=2, le=100)
    """Groups of items by popularity: tail, body, head."""
    same: float = Field(0.8, ge=0, le=1, json_schema_extra=Between(0.34, 0.95))
    """Probability of the positive's own cohort."""

    @property
    def parts(self) -> Parts:
        return _first(self, CohortProposal(cohorts=self.cohorts, same=self.same))


class PageRankSampler(Preset):
    """Items related to the positive in the graph, but not the closest."""

    paper: ClassVar[str] = "Ying et al., KDD 2018, arXiv:1806.01973"
    helps: ClassVar[str] = (
        "Dense graphs where neighbours are near misses; preparing it takes minutes on"
        " tens of thousands of items."
    )
    kind: Literal["pagerank"] = "pagerank"
    start: float = Field(0.01, ge=0, lt=1, json_schema_extra=Between(0.001, 0.05))
    """Where the window of ranks begins, as a share of all items."""
    stop: float = Field(0.1, gt=0, le=1, json_schema_extra=Between(0.05, 0.5))
    """Where it ends."""

    @property
    def parts(self) -> Parts:
        return _first(self, PageRankProposal(start=self.start, stop=self.stop))


class AOBPR(Preset):
    """Items of high rank on a factor that matters to the user."""

    paper: ClassVar[str] = (
        "Rendle and Freudenthaler, WSDM 2014, doi:10.1145/2556195.2556248"
    )
    helps: ClassVar[str] = (
        "Large catalogues: hard negatives at the price of uniform ones."
    )
    kind: Literal["aobpr"] = "aobpr"
    scale: float = Field(
        0.05, gt=0, le=10, json_schema_extra=Between(0.005, 0.5, log=True)
    )
    """Lambda over the number of items; the smaller, the harder."""

    @property
    def parts(self) -> Parts:
        return _first(self, RankProposal(scale=self.scale))


class AdaSIR(Preset):
    """Draws from a pool a user, resampled by importance before each pass."""

    paper: ClassVar[str] = "Chen et al., WWW 2022, doi:10.1145/3485447.3512075"
    helps: ClassVar[str] = (
        "As softmax, with the scoring done once a pass: cheap steps, a little stale."
    )
    kind: Literal["adasir"] = "adasir"
    negatives: PositiveInt = 5
    """Negatives of each pair."""
    draws: PositiveInt = Field(200, json_schema_extra=Between(50, 1000, log=True))
    """Items drawn for a user before each pass."""
    memory: PositiveInt = 50
    """Items kept of them."""
    tau: float = Field(1.0, gt=0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature in units of a score; the smaller, the harder."""

    @property
    def parts(self) -> Parts:
        kept = ResampledProposal(draws=self.draws, memory=self.memory, tau=self.tau)
        return _first(self, kept)
