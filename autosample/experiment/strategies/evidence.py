"""What tuning found, and what of the gain is its own."""

from __future__ import annotations

from pydantic import NonNegativeInt, PositiveInt

from autosample.core.config import Config
from autosample.evaluation.significance import Comparison, Estimate
from autosample.samplers import SamplerSpec


class Setting(Config):
    """A sampler with its rates, trained to early stopping."""

    sampler: SamplerSpec
    learning_rate: float
    l2: float
    valid: Estimate
    """Validation metric at the best pass."""
    passes: PositiveInt

    @property
    def rates(self) -> dict[str, float]:
        """Return the fields of Training that were tuned."""
        return {"learning_rate": self.learning_rate, "l2": self.l2}


class Tuning(Config):
    """Two samplers, each before and after tuning.

    All by the validation metric that they were chosen by, so that gains lean to the
    high side; `verify` sets them beside each other on the test split.
    """

    chosen: Setting
    chosen_before: Setting
    """The same candidate as it was listed, at the usual rates."""
    uniform: Setting
    uniform_before: Setting
    tried: NonNegativeInt
    """Trainings of both studies."""
    stopped: NonNegativeInt
    """Those of them that were stopped early."""
    tuning_gain: Comparison
    """Chosen after minus chosen before."""
    sampler_gain: Comparison
    """Chosen minus uniform, both tuned."""
    sampler_gain_before: Comparison
    """The same, neither tuned."""
