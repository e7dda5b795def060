"""Samplers that score a pool and choose from it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from autosample.core.bounds import DrawCount, EpochCount, NonNegative, Positive, Real
from autosample.core.ranges import Between
from autosample.samplers.base import Parts, Preset
from autosample.samplers.choices import (
    AdaptiveHardness,
    Bayesian,
    Choice,
    FirstViolator,
    Growing,
    Hardest,
    HighVariance,
    Importance,
    Shrinking,
    Softmax,
    SoftmaxV,
    Top,
)
from autosample.samplers.proposals import (
    MixedProposal,
    UniformProposal,
    VarianceProposal,
)
from autosample.samplers.synthesis import Synthesis

PoolRange = Between(2, 256, log=True)


class Pooled(Preset):
    """Settings that samplers with a scored pool share."""

    pool: DrawCount = Field(32, json_schema_extra=PoolRange)
    """Number of items proposed for each pair."""
    guard: float = Field(0.0, ge=0, lt=1, json_schema_extra=Between(0, 0.4))
    """Share of the pool, its highest-scored items, left out as likely false
    negatives."""

    def uniform_pool(self, choice: Choice, synthesis: Synthesis | None = None) -> Parts:
        """Return parts that choose from a uniform pool of the sampler's settings."""
        return Parts(UniformProposal(), self.pool, choice, synthesis, self.guard)


class DNS(Pooled):
    """The highest-scored items of a uniform pool."""

    paper: ClassVar[str] = "Zhang et al., SIGIR 2013, doi:10.1145/2484028.2484126"
    helps: ClassVar[str] = (
        "Large catalogues, where few items of a pool are false negatives."
    )
    kind: Literal["dns"] = "dns"

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Hardest(keep=self.negatives))


class DNSMN(Pooled):
    """Random items among the few highest-scored of a large uniform pool."""

    paper: ClassVar[str] = "Shi et al., WWW 2023, arXiv:2302.03472"
    helps: ClassVar[str] = (
        "Where dns over-fits: negatives are hard, but fewer are false; set top to the K"
        " of the metric, or lower for harder negatives."
    )
    kind: Literal["dns_mn"] = "dns_mn"
    pool: DrawCount = Field(200, json_schema_extra=Between(8, 512, log=True))
    """Number of items proposed for each pair; the paper's N."""
    top: DrawCount = Field(5, json_schema_extra=Between(1, 64, log=True))
    """Number of highest-scored items that may be drawn; the paper's M."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Top(top=self.top, keep=self.negatives))


class SoftmaxSampler(Pooled):
    """Items drawn from a uniform pool with probability softmax(score / tau)."""

    paper: ClassVar[str] = "Sun et al., ICLR 2019, arXiv:1902.10197"
    helps: ClassVar[str] = (
        "Hardness can be tuned, and no single hardest item decides alone."
    )
    kind: Literal["softmax"] = "softmax"
    tau: Positive = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature, in units of a score: near 0 the hardest item is drawn, and a large
    value draws uniformly."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Softmax(tau=self.tau, keep=self.negatives))


class SoftmaxVSampler(Pooled):
    """Items drawn from a uniform pool with probability softmax(loss / tau), where tau
    follows the variance of the losses."""

    paper: ClassVar[str] = "Shi et al., WWW 2023, arXiv:2302.03472"
    helps: ClassVar[str] = (
        "Same cases as softmax; nothing has to be tuned to the scale of scores."
    )
    kind: Literal["softmax_v"] = "softmax_v"
    pool: DrawCount = Field(200, json_schema_extra=Between(8, 512, log=True))
    """Number of items proposed for each pair."""
    rho: Positive = Field(1.0, json_schema_extra=Between(0.01, 100, log=True))
    """Hardness: tau = sqrt(Var(loss) / (2 rho)), computed for each pair."""
    whole: bool = False
    """Use all items of the pool as weighted negatives, as the paper does, instead of
    drawing from it."""

    @property
    def parts(self) -> Parts:
        keep = self.negatives
        return self.uniform_pool(SoftmaxV(rho=self.rho, keep=keep, whole=self.whole))


class SIR(Pooled):
    """Items resampled from a uniform pool with probability softmax(score / tau - log
    q)."""

    paper: ClassVar[str] = "Chen et al., WWW 2022, doi:10.1145/3485447.3512075"
    helps: ClassVar[str] = (
        "Same cases as adasir; scores are always current, but steps cost more."
    )
    kind: Literal["sir"] = "sir"
    negatives: DrawCount = 5
    """Number of negatives for each pair."""
    pool: DrawCount = Field(200, json_schema_extra=Between(8, 512, log=True))
    """Number of items proposed for each pair."""
    tau: Positive = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature, in units of a score; the smaller, the harder."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Importance(tau=self.tau, keep=self.negatives))


class PRIS(Pooled):
    """All items of a small uniform pool, weighted by softmax(score / tau - log q)."""

    paper: ClassVar[str] = "Lian et al., WWW 2020, doi:10.1145/3366423.3380187"
    helps: ClassVar[str] = (
        "A little harder than uniform with several negatives; every item drawn is used."
    )
    kind: Literal["pris"] = "pris"
    negatives: Literal[1] = 1
    """Always 1; all items of the pool are weighted negatives."""
    pool: DrawCount = Field(5, json_schema_extra=Between(2, 64, log=True))
    """Number of items proposed for each pair, all of which become negatives."""
    tau: Positive = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature, in units of a score; the smaller, the harder."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Importance(tau=self.tau, whole=True))


class AHNS(Pooled):
    """Items of a uniform pool whose score is nearest to beta / (s_ui + alpha), so the
    better a positive scores, the easier its negative."""

    paper: ClassVar[str] = "Lai et al., AAAI 2024, arXiv:2401.05191"
    helps: ClassVar[str] = (
        "Where dns pushes false negatives down: a positive that scores high gets an"
        " easy negative. Defaults are for inner products; cosines need other values."
    )
    kind: Literal["ahns"] = "ahns"
    alpha: Real = Field(1.0, json_schema_extra=Between(0.1, 2))
    """Added to the positive's score."""
    beta: Positive = Field(0.1, json_schema_extra=Between(0.05, 1, log=True))
    """Factor of the target score, in units of a score."""

    @property
    def parts(self) -> Parts:
        choice = AdaptiveHardness(alpha=self.alpha, beta=self.beta, keep=self.negatives)
        return self.uniform_pool(choice)


class CNS(Pooled):
    """The highest-scored items of a uniform pool that shrinks: from hard to easy."""

    paper: ClassVar[str] = "a baseline of Lai et al., AAAI 2024, arXiv:2401.05191"
    helps: ClassVar[str] = "Where hard negatives help early and over-fit late."
    kind: Literal["cns"] = "cns"
    course: EpochCount = Field(50, json_schema_extra=Between(5, 200, log=True))
    """Epochs until one item is left; all planned epochs where those are fewer."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Shrinking(course=self.course, keep=self.negatives))


class ReverseCNS(Pooled):
    """The highest-scored items of a uniform pool that grows: from easy to hard."""

    paper: ClassVar[str] = "after Ying et al., KDD 2018, arXiv:1806.01973"
    helps: ClassVar[str] = (
        "Where hard negatives from the start keep a model from learning."
    )
    kind: Literal["reverse_cns"] = "reverse_cns"
    course: EpochCount = Field(50, json_schema_extra=Between(5, 200, log=True))
    """Epochs until the whole pool is used; all planned epochs where those are fewer."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Growing(course=self.course, keep=self.negatives))


class BNS(Pooled):
    """Items of the least Bayesian risk in a uniform pool: informative and likely true
    negatives."""

    paper: ClassVar[str] = "Liu and Wang, ICDE 2023, arXiv:2204.06520"
    helps: ClassVar[str] = (
        "Dense data, where an item that many users have is likely a false negative."
    )
    kind: Literal["bns"] = "bns"
    pool: DrawCount = Field(5, json_schema_extra=PoolRange)
    """Number of items proposed for each pair."""
    weight: Positive = Field(5.0, json_schema_extra=Between(0.5, 20, log=True))
    """The paper's lambda: value of a true negative's information against the risk of a
    false one."""
    prior: Positive = Field(1.0, json_schema_extra=Between(0.1, 20, log=True))
    """Factor of the prior: times the share of users who have an item, it is the prior
    probability that the user likes it."""

    @property
    def parts(self) -> Parts:
        choice = Bayesian(weight=self.weight, prior=self.prior, keep=self.negatives)
        return self.uniform_pool(choice)


class WARP(Pooled):
    """The first item of a uniform pool that scores above s_ui - margin, weighted by the
    positive's estimated rank."""

    paper: ClassVar[str] = "Weston, Bengio and Usunier, IJCAI 2011"
    helps: ClassVar[str] = (
        "Precision at the top of the ranking, with the losses hinge or bpr."
    )
    kind: Literal["warp"] = "warp"
    negatives: Literal[1] = 1
    """Always 1: there is one first violator."""
    pool: DrawCount = Field(10, json_schema_extra=PoolRange)
    """Most items tried for each pair."""
    margin: Positive = Field(1.0, json_schema_extra=Between(0.1, 4, log=True))
    """An item violates if it scores above the positive's score minus this margin."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(FirstViolator(margin=self.margin))


class SRNS(Preset):
    """Items that score high and whose scores varied, from a few items kept per user."""

    paper: ClassVar[str] = "Ding et al., NeurIPS 2020, arXiv:2009.03376"
    helps: ClassVar[str] = (
        "Many false negatives and long trainings: scores of false ones hardly vary."
    )
    kind: Literal["srns"] = "srns"
    memory: DrawCount = Field(8, json_schema_extra=Between(4, 64, log=True))
    """Number of items kept per user, which form the pool; the paper's S1."""
    renewed: DrawCount = 64
    """Number of random items per user that compete for a place before each epoch; the
    paper's S2."""
    alpha: NonNegative = Field(5.0, json_schema_extra=Between(0, 20))
    """Weight of the variation of an item's scores, once the warm-up is over."""
    warmup: EpochCount = 50
    """Epochs over which the weight of the variation grows from 0 to alpha."""

    @property
    def parts(self) -> Parts:
        kept = VarianceProposal(memory=self.memory, renewed=self.renewed)
        choice = HighVariance(alpha=self.alpha, warmup=self.warmup, keep=self.negatives)
        return Parts(kept, self.memory, choice)


class AMNS(Pooled):
    """The highest-scored items of a pool that the batch shares, drawn partly from the
    batch and partly uniformly."""

    paper: ClassVar[str] = "Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276"
    helps: ClassVar[str] = (
        "Popular and hard negatives at the cost of one matrix product."
    )
    kind: Literal["amns"] = "amns"
    pool: DrawCount = Field(100, json_schema_extra=Between(16, 1024, log=True))
    """Number of items drawn for the batch."""
    uniform: float = Field(0.5, ge=0, le=1, json_schema_extra=Between(0.1, 0.9))
    """Share of the items that is drawn uniformly instead of from the batch."""

    @property
    def parts(self) -> Parts:
        mixed = MixedProposal(uniform=self.uniform)
        return Parts(mixed, self.pool, Hardest(keep=self.negatives), guard=self.guard)
