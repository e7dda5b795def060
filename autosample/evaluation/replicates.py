"""How sure a difference is when trainings were repeated under several seeds.

Two things vary: which users there are, and what a seed made of a training. Users are
resampled with all their cases, the same users for both sides (Efron, 1979,
doi:10.1214/aos/1176344552). What seeds do is added as a t-distributed error of the
means; its variance is pooled over all samplers that were trained several times, since
two or three seeds are too few to be resampled. An interval over users alone calls two
trainings of one sampler different far too often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.random import Generator

from autosample.data.interactions import Ints
from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import Comparison, count, sums_by_owner

DRAWS = 4000
CONFIDENCE = 0.95
"""Confidence of an interval before it is corrected for several comparisons."""
CHUNK = 2**22
"""Most numbers drawn at a time."""


@dataclass(frozen=True)
class SeedNoise:
    """How much the mean metric of a training varies with its seed."""

    variance: float
    degrees: int
    """Degrees of freedom of the variance; 0: every sampler was trained once, and the
    variance is unknown."""


def seed_noise(groups: Sequence[Values]) -> SeedNoise:
    """Pool the variance over samplers, each with values by seed and case (S, Q)."""
    means = [group.mean(1) for group in groups]
    degrees = sum(len(means_S) - 1 for means_S in means)
    if degrees == 0:
        return SeedNoise(0.0, 0)
    squares = sum(float(((m_S - m_S.mean()) ** 2).sum()) for m_S in means)
    return SeedNoise(squares / degrees, degrees)


USUAL_SPREAD = 0.015
"""Standard deviation of a training's metric over seeds, relative to it: the median over
the samplers and data sets of `benchmarks/results/truth.jsonl`."""
USUAL_DEGREES = 10
"""Degrees of freedom that this knowledge counts as."""


def with_prior(noise: SeedNoise, metric: float) -> SeedNoise:
    """Return the noise together with what is known of other trainings, for a metric of
    this size: one or two seeds say little of what seeds do."""
    usual = (USUAL_SPREAD * metric) ** 2
    degrees = noise.degrees + USUAL_DEGREES
    squares = noise.degrees * noise.variance + USUAL_DEGREES * usual
    return SeedNoise(squares / degrees, degrees)


def compare_replicates(
    ours_SQ: Values,
    theirs_SQ: Values,
    noise: SeedNoise,
    rng: Generator,
    *,
    owners_Q: Ints | None = None,
    comparisons: int = 1,
) -> Comparison:
    """Compare trainings on the same cases: mean over seeds and cases, with an interval.

    The 95 % interval is a percentile bootstrap over users, Bonferroni-corrected for the
    number of `comparisons` it is one of; the p-value is two-sided and uncorrected.
    `owners_Q` holds the user of each case; None: each case is another user's.
    """
    differences_Q = ours_SQ.mean(0) - theirs_SQ.mean(0)
    difference, base = float(differences_Q.mean()), float(theirs_SQ.mean())
    errors = _resample(differences_Q, owners_Q, rng) - difference
    if noise.degrees:
        of_mean = noise.variance * (1 / len(ours_SQ) + 1 / len(theirs_SQ))
        errors = errors + sqrt(of_mean) * rng.standard_t(noise.degrees, DRAWS)
    tail = (1 - CONFIDENCE) / comparisons / 2
    low, high = np.quantile(errors, [tail, 1 - tail])
    users, cases = count(differences_Q, owners_Q)
    return Comparison(
        difference=difference,
        low=difference + float(low),
        high=difference + float(high),
        relative=difference / base if base else None,
        p_value=_p_value(difference, errors),
        users=users,
        cases=cases,
        seeds=min(len(ours_SQ), len(theirs_SQ)),
    )


def _resample(values_Q: Values, owners_Q: Ints | None, rng: Generator) -> Values:
    """Return means over the cases of resampled users: (DRAWS,)."""
    sums_U, cases_U = sums_by_owner(values_Q, owners_Q)
    users = len(sums_U)
    rows = max(CHUNK // users, 1)
    means = []
    for first in range(0, DRAWS, rows):
        drawn_RU = rng.integers(0, users, (min(rows, DRAWS - first), users))
        cases_R = cases_U[drawn_RU].sum(1) if len(values_Q) > users else users
        means.append(sums_U[drawn_RU].sum(1) / cases_R)
    return np.concatenate(means)


def _p_value(difference: float, errors: Values) -> float:
    """Return the share of errors at least as large as the difference; never zero."""
    if not errors.any():
        return 1.0 if difference == 0 else 1 / (len(errors) + 1)
    beyond = float((np.abs(errors) >= abs(difference)).sum())
    return (beyond + 1) / (len(errors) + 1)
