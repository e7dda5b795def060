"""How sure a mean or a difference of means is: by user, in pairs.

Intervals are normal: values are means over hundreds to thousands of users. The cases of
a user are no independent evidence, so what varies is each user's sum over its cases, as
in cluster-robust standard errors (Liang and Zeger, 1986, doi:10.1093/biomet/73.1.13).
"""

from __future__ import annotations

from math import erfc, sqrt
from statistics import NormalDist

import numpy as np
from pydantic import Field, NonNegativeInt

from autosample.core.config import Config
from autosample.data.interactions import Ints
from autosample.evaluation.metrics import Values


class Estimate(Config):
    """A mean over cases and its confidence interval."""

    mean: float
    """Mean over cases."""
    low: float
    """Lower end of the confidence interval."""
    high: float
    """Upper end of the confidence interval."""
    users: NonNegativeInt
    """Users that the mean is over."""
    cases: NonNegativeInt | None = Field(None, exclude_if=lambda cases: cases is None)
    """Cases that the mean is over; absent where there is one per user."""


class Comparison(Config):
    """The mean difference between two trainings, paired by case."""

    difference: float
    """Mean of the first training's metric minus the second's."""
    low: float
    """Lower end of the confidence interval."""
    high: float
    """Upper end of the confidence interval."""
    relative: float | None
    """The difference over the second training's mean; null where that is zero."""
    p_value: float
    """Two-sided, not corrected for the number of comparisons."""
    users: NonNegativeInt
    """Users that the mean is over."""
    cases: NonNegativeInt | None = Field(None, exclude_if=lambda cases: cases is None)
    """Cases that the mean is over; absent where there is one per user."""
    seeds: NonNegativeInt = 1
    """Trainings on each side; above 1 the interval includes what seeds do."""

    @property
    def significant(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def estimate(
    values_Q: Values, owners_Q: Ints | None = None, *, confidence: float = 0.95
) -> Estimate:
    """Return the mean with a normal interval.

    `owners_Q` holds the user of each case; None: each case is another user's.
    """
    mean, half = _mean_and_half(values_Q, owners_Q, confidence)
    users, cases = count(values_Q, owners_Q)
    return Estimate(
        mean=mean, low=mean - half, high=mean + half, users=users, cases=cases
    )


def compare(
    ours_Q: Values,
    theirs_Q: Values,
    owners_Q: Ints | None = None,
    *,
    comparisons: int = 1,
    confidence: float = 0.95,
) -> Comparison:
    """Compare the values of two trainings on the same cases.

    The interval is Bonferroni-corrected for the number of `comparisons` it is one of.
    `owners_Q` holds the user of each case; None: each case is another user's.
    """
    differences_Q = ours_Q - theirs_Q
    corrected = 1 - (1 - confidence) / comparisons
    mean, half = _mean_and_half(differences_Q, owners_Q, corrected)
    base = float(theirs_Q.mean()) if len(theirs_Q) else 0.0
    users, cases = count(differences_Q, owners_Q)
    return Comparison(
        difference=mean,
        low=mean - half,
        high=mean + half,
        relative=mean / base if base else None,
        p_value=_p_value(differences_Q, owners_Q),
        users=users,
        cases=cases,
    )


def sums_by_owner(values_Q: Values, owners_Q: Ints | None) -> tuple[Values, Values]:
    """Return each user's sum over its cases and their number: (U,) and (U,)."""
    if owners_Q is None:
        return values_Q, np.ones(len(values_Q))
    _, owner_Q = np.unique(owners_Q, return_inverse=True)
    sums_U = np.bincount(owner_Q, values_Q).astype(np.float64)
    return sums_U, np.bincount(owner_Q).astype(np.float64)


def count(values_Q: Values, owners_Q: Ints | None) -> tuple[int, int | None]:
    """Count users and cases; None for cases where there is one per user."""
    if owners_Q is None:
        return len(values_Q), None
    users = len(np.unique(owners_Q))
    return users, None if users == len(values_Q) else len(values_Q)


def _mean_and_half(
    values_Q: Values, owners_Q: Ints | None, confidence: float
) -> tuple[float, float]:
    if len(values_Q) == 0:
        return 0.0, 0.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return float(values_Q.mean()), z * _standard_error(values_Q, owners_Q)


def _standard_error(values_Q: Values, owners_Q: Ints | None) -> float:
    """Return the standard error of the mean over cases; 0 for a single user."""
    residuals_U, _ = sums_by_owner(values_Q - values_Q.mean(), owners_Q)
    users = len(residuals_U)
    if users < 2:
        return 0.0
    deviation = sqrt(float((residuals_U * residuals_U).sum()) / (users - 1))
    return deviation / sqrt(users) * (users / len(values_Q))


def _p_value(differences_Q: Values, owners_Q: Ints | None) -> float:
    if count(differences_Q, owners_Q)[0] < 2 or not np.any(differences_Q):
        return 1.0
    error = _standard_error(differences_Q, owners_Q)
    return erfc(abs(float(differences_Q.mean())) / error / sqrt(2)) if error else 0.0
