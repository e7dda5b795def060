"""Samplers that score a pool and choose from it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

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
from autosample.samplers.ranges import Between
from autosample.samplers.synthesis import Synthesis

PoolRange = Between(2, 256, log=True)


class Pooled(Preset):
    """What samplers with a pool have in common."""

    pool: PositiveInt = Field(32, json_schema_extra=PoolRange)
    """Items drawn for each pair."""
    guard: float = Field(0.0, ge=0, lt=1, json_schema_extra=Between(0, 0.4))
    """Share of the pool, its best-scored items, that is left out as likely liked."""

    def uniform_pool(self, choice: Choice, synthesis: Synthesis | None = None) -> Parts:
        return Parts(UniformProposal(), self.pool, choice, synthesis, self.guard)


class DNS(Pooled):
    """The hardest of a uniform pool."""

    paper: ClassVar[str] = "Zhang et al., SIGIR 2013, doi:10.1145/2484028.2484126"
    helps: ClassVar[str] = "Large catalogues, where few of a pool are false negatives."
    kind: Literal["dns"] = "dns"

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Hardest(keep=self.negatives))


class DNSMN(Pooled):
    """One of the hardest few of a large uniform pool."""

    paper: ClassVar[str] = "Shi et al., WWW 2023, arXiv:2302.03472"
    helps: ClassVar[str] = (
        "Where dns over-fits: hard, yet spares false negatives; top follows the K of"
        " the metric, the smaller the harder."
    )
    kind: Literal["dns_mn"] = "dns_mn"
    pool: PositiveInt = Field(200, json_schema_extra=Between(8, 512, log=True))
    """Items drawn for each pair; the paper's N."""
    top: PositiveInt = Field(5, json_schema_extra=Between(1, 64, log=True))
    """How many of the hardest may be drawn; the paper's M."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Top(top=self.top, keep=self.negatives))


class SoftmaxSampler(Pooled):
    """Drawn from a uniform pool as the softmax of the scores."""

    paper: ClassVar[str] = "Sun et al., ICLR 2019, arXiv:1902.10197"
    helps: ClassVar[str] = "Hardness as a dial, without the noise of a single hardest."
    kind: Literal["softmax"] = "softmax"
    tau: PositiveFloat = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature; towards 0 the hardest, large uniform."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Softmax(tau=self.tau, keep=self.negatives))


class SoftmaxVSampler(Pooled):
    """softmax(loss / tau) over a uniform pool; tau follows how much losses vary."""

    paper: ClassVar[str] = "Shi et al., WWW 2023, arXiv:2302.03472"
    helps: ClassVar[str] = "As softmax, with nothing to tune to the scale of scores."
    kind: Literal["softmax_v"] = "softmax_v"
    pool: PositiveInt = Field(200, json_schema_extra=Between(8, 512, log=True))
    """Items drawn for each pair."""
    rho: PositiveFloat = Field(1.0, json_schema_extra=Between(0.01, 100, log=True))
    """Hardness: tau = sqrt(Var / (2 rho))."""
    whole: bool = False
    """Weigh the whole pool, as the paper does, instead of drawing from it."""

    @property
    def parts(self) -> Parts:
        keep = self.negatives
        return self.uniform_pool(SoftmaxV(rho=self.rho, keep=keep, whole=self.whole))


class SIR(Pooled):
    """Resampled from a uniform pool by importance, softmax(score - log q)."""

    paper: ClassVar[str] = "Chen et al., WWW 2022, doi:10.1145/3485447.3512075"
    helps: ClassVar[str] = "As adasir, never stale; dearer steps."
    kind: Literal["sir"] = "sir"
    negatives: PositiveInt = 5
    """Negatives of each pair."""
    pool: PositiveInt = Field(200, json_schema_extra=Between(8, 512, log=True))
    """Items drawn for each pair."""
    tau: PositiveFloat = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature in units of a score."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Importance(tau=self.tau, keep=self.negatives))


class PRIS(Pooled):
    """A small uniform pool, weighed by importance, softmax(score - log q)."""

    paper: ClassVar[str] = "Lian et al., WWW 2020, doi:10.1145/3366423.3380187"
    helps: ClassVar[str] = (
        "A step beyond uniform for several negatives; no draw is lost."
    )
    kind: Literal["pris"] = "pris"
    negatives: Literal[1] = 1
    """Left at 1: the whole pool is used, as weights."""
    pool: PositiveInt = Field(5, json_schema_extra=Between(2, 64, log=True))
    """Items drawn for each pair, all of them its negatives."""
    tau: PositiveFloat = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature in units of a score."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Importance(tau=self.tau, whole=True))


class AHNS(Pooled):
    """The item of a uniform pool as hard as the positive is still weak."""

    paper: ClassVar[str] = "Lai et al., AAAI 2024, arXiv:2401.05191"
    helps: ClassVar[str] = (
        "Where dns pushes liked items down: a positive that scores high gets an easy"
        " negative. Tuned to inner products; cosines need another alpha and beta."
    )
    kind: Literal["ahns"] = "ahns"
    alpha: float = Field(1.0, json_schema_extra=Between(0.1, 2))
    """Added to the positive's score."""
    beta: PositiveFloat = Field(0.1, json_schema_extra=Between(0.05, 1, log=True))
    """Scale of the target, in units of a score."""

    @property
    def parts(self) -> Parts:
        choice = AdaptiveHardness(alpha=self.alpha, beta=self.beta, keep=self.negatives)
        return self.uniform_pool(choice)


class CNS(Pooled):
    """The hardest of a uniform pool that shrinks: hard to easy."""

    paper: ClassVar[str] = "a baseline of Lai et al., AAAI 2024, arXiv:2401.05191"
    helps: ClassVar[str] = "Where hard negatives help early and over-fit late."
    kind: Literal["cns"] = "cns"
    course: PositiveInt = Field(50, json_schema_extra=Between(5, 200, log=True))
    """Passes until one item is left; all where fewer are planned."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Shrinking(course=self.course, keep=self.negatives))


class ReverseCNS(Pooled):
    """The hardest of a uniform pool that grows: easy to hard."""

    paper: ClassVar[str] = "after Ying et al., KDD 2018, arXiv:1806.01973"
    helps: ClassVar[str] = (
        "Where hard negatives from the start keep a model from learning."
    )
    kind: Literal["reverse_cns"] = "reverse_cns"
    course: PositiveInt = Field(50, json_schema_extra=Between(5, 200, log=True))
    """Passes until the whole pool is used; all where fewer are planned."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(Growing(course=self.course, keep=self.negatives))


class BNS(Pooled):
    """The least Bayesian risk of a uniform pool: informative and likely unliked."""

    paper: ClassVar[str] = "Liu and Wang, ICDE 2023, arXiv:2204.06520"
    helps: ClassVar[str] = (
        "Dense data, where what many users have is a likely false one."
    )
    kind: Literal["bns"] = "bns"
    pool: PositiveInt = Field(5, json_schema_extra=PoolRange)
    """Items drawn for each pair."""
    weight: PositiveFloat = Field(5.0, json_schema_extra=Between(0.5, 20, log=True))
    """Lambda: what a true negative's information is worth, against the risk."""
    prior: PositiveFloat = Field(1.0, json_schema_extra=Between(0.1, 20, log=True))
    """Times the share of users who have an item: the prior that the user likes it."""

    @property
    def parts(self) -> Parts:
        choice = Bayesian(weight=self.weight, prior=self.prior, keep=self.negatives)
        return self.uniform_pool(choice)


class WARP(Pooled):
    """The first violator of a uniform pool, with the weight of its rank."""

    paper: ClassVar[str] = "Weston, Bengio and Usunier, IJCAI 2011"
    helps: ClassVar[str] = (
        "Precision at the top, under hinge or BPR; margin is in units of a score."
    )
    kind: Literal["warp"] = "warp"
    negatives: Literal[1] = 1
    """One violator is all there is."""
    pool: PositiveInt = Field(10, json_schema_extra=PoolRange)
    """Trials at most."""
    margin: PositiveFloat = Field(1.0, json_schema_extra=Between(0.1, 4, log=True))
    """A violator scores above s_ui - margin."""

    @property
    def parts(self) -> Parts:
        return self.uniform_pool(FirstViolator(margin=self.margin))


class SRNS(Preset):
    """Of a few items kept for the user, one that is hard and whose score varied."""

    paper: ClassVar[str] = "Ding et al., NeurIPS 2020, arXiv:2009.03376"
    helps: ClassVar[str] = (
        "Many false negatives and long trainings: false ones score high steadily."
    )
    kind: Literal["srns"] = "srns"
    memory: PositiveInt = Field(8, json_schema_extra=Between(4, 64, log=True))
    """Items kept for a user, all of them the pool; the paper's S1."""
    renewed: PositiveInt = 64
    """Random items that compete for a place before each pass; the paper's S2."""
    alpha: NonNegativeFloat = Field(5.0, json_schema_extra=Between(0, 20))
    """Weight of the spread."""
    warmup: PositiveInt = 50
    """Passes until it has all its weight."""

    @property
    def parts(self) -> Parts:
        kept = VarianceProposal(memory=self.memory, renewed=self.renewed)
        choice = HighVariance(alpha=self.alpha, warmup=self.warmup, keep=self.negatives)
        return Parts(kept, self.memory, choice)


class AMNS(Pooled):
    """The hardest of a pool shared by the batch, half in-batch, half uniform."""

    paper: ClassVar[str] = "Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276"
    helps: ClassVar[str] = "Popularity and hardness at once, at one matrix product."
    kind: Literal["amns"] = "amns"
    pool: PositiveInt = Field(100, json_schema_extra=Between(16, 1024, log=True))
    """Columns drawn for the batch."""
    uniform: float = Field(0.5, ge=0, le=1, json_schema_extra=Between(0.1, 0.9))
    """Share of uniform columns."""

    @property
    def parts(self) -> Parts:
        mixed = MixedProposal(uniform=self.uniform)
        return Parts(mixed, self.pool, Hardest(keep=self.negatives), guard=self.guard)
