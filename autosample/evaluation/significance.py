"""How sure a difference is: paired by user, on means over seeds.

Intervals are normal: the values are means over hundreds to thousands of users.
"""

from __future__ import annotations

from math import erfc, sqrt
from statistics import NormalDist

import numpy as np
from pydantic import NonNegativeInt

from autosample.core.config import Config
from autosample.evaluation.metrics import Values


class Estimate(Config):
    """A mean over users and its confidence interval."""

    mean: float
    low: float
    high: float
    users: NonNegativeInt


class Comparison(Config):
    """A mean difference paired by user."""

    difference: float
    """Mean of ours minus theirs."""
    low: float
    high: float
    relative: float | None
    """difference / mean of theirs; None where theirs is zero."""
    p_value: float
    """Two-sided, before any correction."""
    users: NonNegativeInt
    seeds: NonNegativeInt = 1
    """Trainings on each side; above 1 the interval knows how much seeds do."""

    @property
    def significant(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def estimate(values_U: Values, confidence: float = 0.95) -> Estimate:
    """Return the mean with a normal interval."""
    mean, half = _mean_and_half(values_U, confidence)
    return Estimate(mean=mean, low=mean - half, high=mean + half, users=len(values_U))


def compare(
    ours_U: Values, theirs_U: Values, *, comparisons: int = 1, confidence: float = 0.95
) -> Comparison:
    """Compare two rows of values of the same users.

    The interval is Bonferroni-corrected for the number of `comparisons` it is one of.
    """
    differences_U = ours_U - theirs_U
    corrected = 1 - (1 - confidence) / comparisons
    mean, half = _mean_and_half(differences_U, corrected)
    base = float(theirs_U.mean()) if len(theirs_U) else 0.0
    return Comparison(
        difference=mean,
        low=mean - half,
        high=mean + half,
        relative=mean / base if base else None,
        p_value=_p_value(differences_U),
        users=len(differences_U),
    )


def _mean_and_half(values_U: Values, confidence: float) -> tuple[float, float]:
    if len(values_U) < 2:
        return float(values_U.mean()) if len(values_U) else 0.0, 0.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return float(values_U.mean()), z * _standard_error(values_U)


def _standard_error(values_U: Values) -> float:
    return float(values_U.std(ddof=1)) / sqrt(len(values_U))


def _p_value(differences_U: Values) -> float:
    if len(differences_U) < 2 or not np.any(differences_U):
        return 1.0
    error = _standard_error(differences_U)
    return erfc(abs(float(differences_U.mean())) / error / sqrt(2)) if error else 0.0
