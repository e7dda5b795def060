"""Hyperparameters that may be tuned together with the sampler."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from autosample.core.bounds import Positive
from autosample.core.config import Config


class RateRange(Config):
    """Range in which a rate is searched, on a logarithmic scale; equal ends fix it."""

    low: Positive
    """Lower end of the range."""
    high: Positive
    """Upper end of the range."""

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"high, {self.high:g}, is below low, {self.low:g}")
        return self


class Tune(Config):
    """Hyperparameters that are tuned together with the sampler, and the number of
    trials.

    Uniform sampling gets as many trials as the winner, which separates tuning's gain
    from the sampler's. Runs on Ray Tune with Optuna's searcher.
    """

    learning_rate: RateRange | None = None
    """Range of the learning rate; None: a quarter to four times its usual value."""
    l2: RateRange | None = None
    """Range of the l2 penalty; None: a quarter to four times its usual value."""
    sampler: bool = True
    """Also tune the samplers' own hyperparameters, within the ranges they state."""
    loss: bool = True
    """Also tune what recipes set of their losses, such as temperature and margin."""
    samples: int = Field(24, ge=2, le=1000)
    """Trials of the best candidates, and again as many of uniform sampling."""
