"""The settings of each strategy; how they work is in the files of the same names."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AliasChoices,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from autosample.core.config import Config
from autosample.training.settings import Mixture


class Rung(Config):
    """One round of a race."""

    epochs: PositiveInt
    """Epochs each candidate still in the race trains further."""
    keep: PositiveInt
    """Candidates that stay in at most."""


class Race(Config):
    """Train all candidates a little, drop those heading for less, and so on."""

    paper: ClassVar[str] = (
        "successive halving: Jamieson and Talwalkar, AISTATS 2016, arXiv:1502.07943"
    )
    kind: Literal["race"] = "race"
    warmup: NonNegativeInt = 0
    """Epochs of the equal mixture before the branches part; 0: from scratch."""
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1)] | None = None
    """Rounds, each with fewer candidates and more epochs; the best of the last wins.
    None: as many epochs as suit the model keep 5, four times as many 4, six times as
    many 3, and eight times as many the winner."""
    reset: bool = True
    """Forget the optimiser's step sizes where branches part: easy samplers have small
    gradients and would inherit steps made small by the hard ones."""
    refine: int = Field(0, ge=0, le=8)
    """Rounds after the last rung in which the winner meets its neighbours, one step
    away within the ranges of its settings, trained as long as it was."""
    doublings: float = Field(2.75, ge=0, le=8)
    """Candidates are ranked by their metric after so many more doublings of epochs, if
    each gained as much as the last; 0: by what they have reached."""
    confidence: float = Field(0.99, gt=0.5, lt=1)
    """A candidate this surely worse than the leader is dropped before its turn, where
    `doublings` is 0."""

    def paced(self, pace: int) -> Race:
        """Return it with rungs, of such epochs where it has none."""
        if self.rungs is not None:
            return self
        rungs = tuple(
            Rung(epochs=pace * times, keep=keep)
            for times, keep in ((1, 5), (3, 4), (2, 3), (2, 1))
        )
        return self.model_copy(update={"rungs": rungs})

    def fields(self, candidates: int) -> list[int]:
        """Return how many run in each rung at most."""
        fields, rungs = [candidates], self.rungs or ()
        for rung in rungs[:-1]:
            fields.append(min(fields[-1], rung.keep))
        return fields


class Exhaustive(Config):
    """Train every candidate from scratch to early stopping under every seed."""

    paper: ClassVar[str] = "the truth that other strategies are judged by"
    kind: Literal["exhaustive"] = "exhaustive"


class Asha(Config):
    """Train every candidate from scratch; stop early what is behind at milestones.

    Runs on Ray Tune. With more than one trial at a time the answer depends on who is
    done first: what is asked at a milestone is to be among the best of those so far.
    """

    paper: ClassVar[str] = "Li et al., MLSys 2020, arXiv:1810.05934"
    kind: Literal["asha"] = "asha"
    grace: PositiveInt = 4
    """Epochs before the first milestone."""
    reduction: int = Field(3, ge=2, le=16)
    """One in so many goes on at a milestone; the next has so many times the epochs."""
    total_epochs: PositiveInt | None = Field(
        None, validation_alias=AliasChoices("total_epochs", "passes")
    )
    """Most epochs of all trainings together; None: no limit."""
    seconds: PositiveFloat | None = None
    """On the clock at most; None: no limit."""


class RateRange(Config):
    """Range in which a rate is searched, on a logarithmic scale; equal ends fix it."""

    low: PositiveFloat
    high: PositiveFloat

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"high, {self.high:g}, is below low, {self.low:g}")
        return self


class Tune(Config):
    """What is tuned together with the sampler, and how much work that may be.

    As many settings are tried for plain uniform sampling, so that what tuning gains is
    told apart from what the sampler gains. Runs on Ray Tune with Optuna's searcher.
    """

    learning_rate: RateRange | None = None
    """Range of the learning rate; None: a quarter to four times its usual value."""
    l2: RateRange | None = None
    """Range of the l2 penalty; None: a quarter to four times its usual value."""
    sampler: bool = True
    """Tune the settings of samplers too, within the ranges they state."""
    samples: int = Field(24, ge=2, le=1000)
    """Settings tried, of the best candidates and again of uniform."""


class Budget(Config):
    """What a search with its final training may cost; `verify` is billed apart."""

    seconds: PositiveFloat | None = None
    """On the clock, from the start of the job's work."""
    pair_updates: PositiveInt | None = None
    """Training pairs times epochs, over all trainings."""


StrategySpec = Annotated[
    Race | Mixture | Exhaustive | Asha, Field(discriminator="kind")
]

STRATEGIES: tuple[type[Config], ...] = (Race, Mixture, Exhaustive, Asha)
