import numpy as np
import pytest
from scipy import stats

from autosample.evaluation.significance import compare, estimate

RNG = np.random.default_rng(0)


def test_the_paired_test_agrees_with_scipy() -> None:
    """A t and a normal p-value differ by little over 2,000 users."""
    ours, theirs = RNG.random(2000), RNG.random(2000)
    found = compare(ours, theirs)
    expected = stats.ttest_rel(ours, theirs)
    assert found.p_value == pytest.approx(float(expected.pvalue), abs=1e-3)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-2)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """2,000 samples of 300 users: 95 % within 4 sigma, .0049 each."""
    covered = 0
    for _ in range(2000):
        found = estimate(RNG.beta(0.5, 1.5, 300))
        covered += found.low <= 0.25 <= found.high
    assert abs(covered / 2000 - 0.95) < 4 * (0.95 * 0.05 / 2000) ** 0.5 + 0.003


def test_more_comparisons_widen_the_interval() -> None:
    ours, theirs = RNG.random(50), RNG.random(50)
    one, many = compare(ours, theirs), compare(ours, theirs, comparisons=12)
    assert many.low < one.low < one.high < many.high


def test_equal_rows_are_not_different() -> None:
    values = RNG.random(50)
    found = compare(values, values)
    assert found.p_value == 1.0
    assert not found.significant
