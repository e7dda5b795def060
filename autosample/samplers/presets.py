"""Samplers under the names of the literature; each is a point of the product."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from autosample.samplers.base import Parts, Sampler
from autosample.samplers.choices import ChoiceSpec, First, Hardest, Softmax, Top
from autosample.samplers.proposals import (
    InBatchProposal,
    PopularityProposal,
    ProposalSpec,
    UniformProposal,
)
from autosample.samplers.synthesis import MixGCF, SynthesisSpec


class UniformSampler(Sampler):
    """Every unobserved item alike: the safe baseline."""

    paper: ClassVar[str] = "Rendle et al., UAI 2009, arXiv:1205.2618"
    kind: Literal["uniform"] = "uniform"

    @property
    def parts(self) -> Parts:
        keep = First(keep=self.negatives)
        return Parts(UniformProposal(), self.negatives, keep)


class PopularitySampler(Sampler):
    """Popular items more often; pushes them down, which helps some data sets."""

    paper: ClassVar[str] = "Mikolov et al., NIPS 2013, arXiv:1310.4546"
    kind: Literal["popularity"] = "popularity"
    alpha: float = Field(0.75, gt=0, le=4)
    """Power of an item's number of training pairs."""

    @property
    def parts(self) -> Parts:
        keep = First(keep=self.negatives)
        return Parts(PopularityProposal(alpha=self.alpha), self.negatives, keep)


class InBatchSampler(Sampler):
    """Other pairs' positives: the cheapest negatives, as popular as the data."""

    paper: ClassVar[str] = "Hidasi et al., ICLR 2016, arXiv:1511.06939"
    kind: Literal["in_batch"] = "in_batch"
    negatives: PositiveInt = 64
    """Columns of the batch that serve each pair; a part of them, as on a CPU the whole
    matrix is dear."""

    @property
    def parts(self) -> Parts:
        keep = First(keep=self.negatives)
        return Parts(InBatchProposal(), self.negatives, keep)


class _Pooled(Sampler):
    """Samplers that choose from a larger uniform pool."""

    pool: PositiveInt = 32
    """Items drawn for each pair."""

    @model_validator(mode="after")
    def _pool_is_large_enough(self) -> Self:
        _check_pool(self)
        return self


class DNS(_Pooled):
    """The hardest of a uniform pool: strong where false negatives are few."""

    paper: ClassVar[str] = "Zhang et al., SIGIR 2013, doi:10.1145/2484028.2484126"
    kind: Literal["dns"] = "dns"

    @property
    def parts(self) -> Parts:
        return Parts(UniformProposal(), self.pool, Hardest(keep=self.negatives))


class DNSMN(_Pooled):
    """One of the hardest few of a uniform pool: hard, yet spares false negatives."""

    paper: ClassVar[str] = "Shi et al., WWW 2023, arXiv:2302.03472"
    kind: Literal["dns_mn"] = "dns_mn"
    top: PositiveInt = 4
    """How many of the hardest may be drawn; the paper's M, and `pool` its N."""

    @property
    def parts(self) -> Parts:
        choice = Top(top=self.top, keep=self.negatives)
        return Parts(UniformProposal(), self.pool, choice)


class SoftmaxSampler(_Pooled):
    """Drawn from a uniform pool as the softmax of the scores: hardness as a dial."""

    paper: ClassVar[str] = "Sun et al., ICLR 2019, arXiv:1902.10197"
    kind: Literal["softmax"] = "softmax"
    tau: PositiveFloat = 1.0
    """Temperature; towards 0 the hardest, large uniform."""

    @property
    def parts(self) -> Parts:
        choice = Softmax(tau=self.tau, keep=self.negatives)
        return Parts(UniformProposal(), self.pool, choice)


class MixGCFSampler(_Pooled):
    """The hardest of a uniform pool in each layer, mixed with the positive."""

    paper: ClassVar[str] = "Huang et al., KDD 2021, doi:10.1145/3447548.3467408"
    kind: Literal["mixgcf"] = "mixgcf"

    @property
    def parts(self) -> Parts:
        choice = Hardest(keep=self.negatives)
        return Parts(UniformProposal(), self.pool, choice, MixGCF())


class CustomSampler(Sampler):
    """Any proposal, choice and synthesis together, tried before or not."""

    kind: Literal["custom"] = "custom"
    negatives: PositiveInt = 1
    """Left at 1: here `choice.keep` says how many."""
    proposal: ProposalSpec = UniformProposal()
    pool: PositiveInt = 32
    """Items drawn for each pair."""
    choice: ChoiceSpec = Hardest()
    synthesis: SynthesisSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_one_count(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("negatives", 1) != 1:
            raise ValueError("write choice.keep instead of negatives")
        return data

    @model_validator(mode="after")
    def _pool_is_large_enough(self) -> Self:
        _check_pool(self)
        return self

    @property
    def parts(self) -> Parts:
        return Parts(self.proposal, self.pool, self.choice, self.synthesis)


def _check_pool(sampler: Sampler) -> None:
    parts = sampler.parts
    if parts.pool < parts.choice.least_pool:
        raise ValueError(
            f"{sampler.kind} needs a pool of at least {parts.choice.least_pool},"
            f" not {parts.pool}"
        )
