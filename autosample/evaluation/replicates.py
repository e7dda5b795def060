"""How sure a difference is when trainings were repeated under several seeds.

Two things vary: which users there are, and what a seed made of a training. Users are
resampled in pairs (Efron, 1979, doi:10.1214/aos/1176344552); what seeds do is added as
a t-distributed error of the means, its variance pooled over all samplers that were
repeated, since two or three seeds are too few to be resampled. An interval over users
alone calls two runs of one sampler different far too often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.random import Generator

from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import Comparison

DRAWS = 4000
CHUNK = 2**22
"""Users looked up at a time."""


@dataclass(frozen=True)
class SeedNoise:
    """How much the mean metric of a training varies with its seed."""

    variance: float
    degrees: int
    """Degrees of freedom behind it; 0: nothing was repeated, and the variance is
    unknown."""


def seed_noise(groups: Sequence[Values]) -> SeedNoise:
    """Pool the variance over samplers, each with values by seed and user (S, U)."""
    means = [group.mean(1) for group in groups]
    degrees = sum(len(each) - 1 for each in means)
    if degrees == 0:
        return SeedNoise(0.0, 0)
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in means)
    return SeedNoise(squares / degrees, degrees)


def compare_replicates(
    ours_SU: Values,
    theirs_SU: Values,
    noise: SeedNoise,
    rng: Generator,
    *,
    comparisons: int = 1,
    confidence: float = 0.95,
) -> Comparison:
    """Compare trainings of the same users: mean over seeds and users, with an interval.

    The interval is a percentile bootstrap, Bonferroni-corrected for the number of
    `comparisons` it is one of; the p-value is two-sided and uncorrected.
    """
    differences_U = ours_SU.mean(0) - theirs_SU.mean(0)
    difference, base = float(differences_U.mean()), float(theirs_SU.mean())
    errors = _resampled(differences_U, rng) - difference
    if noise.degrees:
        of_mean = noise.variance * (1 / len(ours_SU) + 1 / len(theirs_SU))
        errors = errors + sqrt(of_mean) * rng.standard_t(noise.degrees, DRAWS)
    tail = (1 - confidence) / comparisons / 2
    low, high = np.quantile(errors, [tail, 1 - tail])
    return Comparison(
        difference=difference,
        low=difference + float(low),
        high=difference + float(high),
        relative=difference / base if base else None,
        p_value=_p_value(difference, errors),
        users=len(differences_U),
        seeds=min(len(ours_SU), len(theirs_SU)),
    )


def _resampled(values_U: Values, rng: Generator) -> Values:
    """Return means of resampled users: (DRAWS,)."""
    count = len(values_U)
    rows = max(CHUNK // count, 1)
    means = [
        values_U[rng.integers(0, count, (min(rows, DRAWS - at), count))].mean(1)
        for at in range(0, DRAWS, rows)
    ]
    return np.concatenate(means)


def _p_value(difference: float, errors: Values) -> float:
    """Return how often errors alone go as far; never quite zero."""
    if not errors.any():
        return 1.0 if difference == 0 else 1 / (len(errors) + 1)
    beyond = float((np.abs(errors) >= abs(difference)).sum())
    return (beyond + 1) / (len(errors) + 1)
