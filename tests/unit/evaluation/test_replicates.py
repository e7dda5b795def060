"""Intervals over users and seeds: against scipy, and by what they cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from autosample.evaluation import replicates
from autosample.evaluation.metrics import Values
from autosample.evaluation.replicates import (
    SeedNoise,
    compare_replicates,
    seed_noise,
)
from autosample.evaluation.significance import compare

NONE = SeedNoise(0.0, 0)


def made(
    rng: np.random.Generator, users: int, seeds: int, noise: float, gain: float = 0.0
) -> tuple[Values, Values]:
    """Return two samplers' values (S, U): users differ, and each training has luck."""
    own_U = rng.beta(0.5, 2.0, users)
    ours, theirs = (
        own_U + rng.normal(0, 0.1, (seeds, users)) + rng.normal(0, noise, (seeds, 1))
        for _ in range(2)
    )
    return ours + gain + rng.normal(0, 0.2, users), theirs


def test_over_users_alone_it_is_scipys_bootstrap() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = made(rng, 400, 1, 0.0)
    found = compare_replicates(ours, theirs, NONE, rng)
    expected = stats.bootstrap(
        ((ours - theirs)[0],), np.mean, n_resamples=8000, method="percentile", rng=2
    ).confidence_interval
    width = found.high - found.low
    assert found.low == pytest.approx(expected.low, abs=0.05 * width)
    assert found.high == pytest.approx(expected.high, abs=0.05 * width)


def test_over_seeds_alone_it_is_students_interval() -> None:
    """Users who do not differ leave two groups of three means: a pooled t-test."""
    rng = np.random.default_rng(3)
    ours, theirs = (rng.normal(0, 1, (3, 1)) + np.zeros((3, 50)) for _ in range(2))
    found = compare_replicates(ours, theirs, seed_noise([ours, theirs]), rng)
    expected = stats.ttest_ind(ours[:, 0], theirs[:, 0])
    interval = expected.confidence_interval(0.95)
    width = interval.high - interval.low
    assert found.low == pytest.approx(interval.low, abs=0.05 * width)
    assert found.high == pytest.approx(interval.high, abs=0.05 * width)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.03)
    assert found.seeds == 3


def test_noise_is_pooled_over_samplers() -> None:
    groups = [np.random.default_rng(seed).random((3, 20)) for seed in range(4)]
    found = seed_noise(groups)
    assert found.degrees == 8
    variances = [group.mean(1).var(ddof=1) for group in groups]
    assert found.variance == pytest.approx(np.mean(variances))


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicates, "DRAWS", 800)


TRIES = 600
SIGMA = (0.95 * 0.05 / TRIES) ** 0.5


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
def test_intervals_cover_the_truth_whatever_seeds_do(noise: float) -> None:
    """95 % within 4 sigma, .0089 each."""
    rng, covered = np.random.default_rng(5), 0
    for _ in range(TRIES):
        ours, theirs = made(rng, 150, 3, noise, gain=0.02)
        found = compare_replicates(ours, theirs, seed_noise([ours, theirs]), rng)
        covered += found.low <= 0.02 <= found.high
    assert covered / TRIES > 0.95 - 4 * SIGMA
    assert covered / TRIES < 0.95 + 4 * SIGMA


def test_an_interval_over_users_alone_misses_what_seeds_do() -> None:
    """Why seeds are counted: of what is called 95 %, it covers under two thirds."""
    rng, covered = np.random.default_rng(6), 0
    for _ in range(TRIES):
        ours, theirs = made(rng, 150, 3, 0.05)
        found = compare(ours.mean(0), theirs.mean(0))
        covered += found.low <= 0 <= found.high
    assert covered / TRIES < 2 / 3


@pytest.mark.usefixtures("few_draws")
def test_no_difference_is_seldom_called_one() -> None:
    """Three samplers like uniform, each against it: any false alarm in at most 5 % of
    600 searches, but for 4 sigma."""
    rng, alarms = np.random.default_rng(7), 0
    for _ in range(TRIES):
        own_U = rng.beta(0.5, 2.0, 120)
        groups = [
            own_U + rng.normal(0, 0.1, (3, 120)) + rng.normal(0, 0.02, (3, 1))
            for _ in range(4)
        ]
        noise = seed_noise(groups)
        alarms += any(
            compare_replicates(group, groups[0], noise, rng, comparisons=3).significant
            for group in groups[1:]
        )
    assert alarms / TRIES < 0.05 + 4 * SIGMA
