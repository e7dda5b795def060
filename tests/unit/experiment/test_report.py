from __future__ import annotations

from typing import Any

import pytest

from autosample.evaluation.significance import Comparison
from autosample.experiment.baseline import Baseline, Gains
from autosample.experiment.refit import Refit
from autosample.experiment.strategies.evidence import Cost
from autosample.experiment.verdict import (
    Basis,
    size_of,
    verdict,
)
from autosample.experiment.verification import Verification
from autosample.samplers import UniformSampler


def test_reports_of_earlier_releases_are_read() -> None:
    refit = {"passes": 8, "test_before": {}}
    assert Refit.model_validate(refit) == Refit(epochs=8, test_before={})


def gap(low: float, high: float) -> Comparison:
    middle = (low + high) / 2
    return Comparison(
        difference=middle,
        low=low,
        high=high,
        relative=middle / 0.2,
        p_value=0.5,
        users=9,
    )


def verified(found: Comparison, runner_up: Comparison | None = None) -> Verification:
    return Verification(
        seeds=(0, 1, 2),
        chosen={},
        uniform={},
        runner_up={},
        runner_up_name="softmax" if runner_up else None,
        gain=found,
        over_runner_up=runner_up,
        cost=Cost(),
    )


def beside(candidate: Comparison | None) -> Baseline:
    """Return a baseline that a candidate is so far ahead of."""
    return Baseline(
        sampler=UniformSampler(),
        name="uniform",
        seeds=(0, 1),
        averaged=True,
        test={"ndcg@20": 0.2},
        gains=Gains(
            total=gap(0.03, 0.05),
            candidate=candidate,
            averaging=gap(0.0, 0.01),
            refit=None,
        ),
        cost=Cost(),
    )


PLAIN: dict[str, Any] = {"is_baseline": False, "metric": "ndcg@20"}


@pytest.mark.parametrize(
    ("found", "text", "significant"),
    [
        (
            gap(0.01, 0.03),
            "dns: beats uniform by +10.0% [+5.0%, +15.0%], a ",
            True,
        ),
        (gap(-0.01, 0.03), "dns: no significant gain over uniform: +5.0%", False),
        (gap(-0.03, -0.01), "dns: is worse than uniform, by -10.0%", False),
    ],
)
def test_a_verdict_says_what_the_interval_allows(
    found: Comparison, text: str, significant: bool
) -> None:
    for told in (
        verdict("dns", verified=verified(found), baseline=None, **PLAIN),
        verdict("dns", verified=None, baseline=beside(found), **PLAIN),
    ):
        assert text in told.text
        assert told.significant == significant


def test_what_was_verified_outweighs_the_baseline() -> None:
    told = verdict(
        "dns",
        verified=verified(gap(-0.01, 0.01)),
        baseline=beside(gap(0.01, 0.03)),
        **PLAIN,
    )
    assert told.basis is Basis.VERIFIED
    assert not told.significant


def test_a_verdict_says_whose_part_of_the_gain_is_which() -> None:
    told = verdict("dns", verified=None, baseline=beside(gap(0.01, 0.03)), **PLAIN)
    assert told.basis is Basis.BASELINE
    assert "The returned model is at +20.0% [+15.0%, +25.0%] against uniform" in (
        told.text
    )
    assert "the candidate +10.0%" in told.text
    assert "averaging +2.5%" in told.text
    assert "the refit" not in told.text


def test_no_gain_is_claimed_without_a_baseline_or_over_itself() -> None:
    told = verdict("dns", verified=None, baseline=None, **PLAIN)
    assert "no gain is claimed" in told.text
    assert (told.basis, told.gain, told.significant) == (Basis.NONE, None, False)
    won = verdict(
        "uniform",
        is_baseline=True,
        baseline=beside(None),
        verified=None,
        metric="ndcg@20",
    )
    assert won.basis is Basis.NONE
    assert "The baseline, uniform, won" in won.text
    assert "averaging +2.5%" in won.text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (gap(0.001, 0.002), "It is ahead of softmax, the runner-up: +0.8%"),
        (gap(-0.002, 0.002), "It is level with softmax"),
        (gap(-0.002, -0.001), "It is behind softmax"),
    ],
)
def test_a_verdict_sets_the_winner_beside_the_runner_up(
    found: Comparison, text: str
) -> None:
    told = verdict(
        "dns", verified=verified(gap(0.01, 0.03), found), baseline=None, **PLAIN
    )
    assert text in told.text


@pytest.mark.parametrize(
    ("relative", "word"),
    [(0.005, "negligible"), (0.02, "small"), (0.05, "clear"), (-0.3, "large")],
)
def test_differences_have_words(relative: float, word: str) -> None:
    low = 0.2 * relative
    assert size_of(gap(low, low)) == word
