from __future__ import annotations

import pytest

from autosample.evaluation.significance import Comparison
from autosample.experiment.refit import Refit
from autosample.experiment.strategies.evidence import Cost
from autosample.experiment.verdict import (
    Basis,
    size_of,
    verdict,
)
from autosample.experiment.verification import Verification


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
    told = verdict(
        "dns",
        is_uniform=False,
        searched=None,
        verified=verified(found),
        metric="ndcg@20",
    )
    assert text in told.text
    assert (told.basis, told.significant) == (Basis.VERIFIED, significant)


def test_what_was_verified_outweighs_the_search() -> None:
    told = verdict(
        "dns",
        is_uniform=False,
        searched=gap(0.01, 0.03),
        verified=verified(gap(-0.01, 0.01)),
        metric="ndcg@20",
    )
    assert told.basis is Basis.VERIFIED
    assert not told.significant


def test_no_gain_is_claimed_where_uniform_did_not_compete() -> None:
    told = verdict(
        "dns", is_uniform=False, searched=None, verified=None, metric="ndcg@20"
    )
    assert "no gain is claimed" in told.text
    early = verdict(
        "dns",
        is_uniform=False,
        searched=gap(0.01, 0.03),
        verified=None,
        metric="ndcg@20",
        left_after=3,
    )
    assert "Uniform left the race after 3 epochs," in early.text
    assert "+10.0%" in early.text
    assert "no gain is claimed" in early.text
    assert (early.basis, early.gain, early.significant) == (Basis.NONE, None, False)
    alone = verdict(
        "uniform", is_uniform=True, searched=None, verified=None, metric="ndcg@20"
    )
    assert alone.basis is Basis.NONE


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
        "dns",
        is_uniform=False,
        searched=None,
        verified=verified(gap(0.01, 0.03), found),
        metric="ndcg@20",
    )
    assert text in told.text


@pytest.mark.parametrize(
    ("relative", "word"),
    [(0.005, "negligible"), (0.02, "small"), (0.05, "clear"), (-0.3, "large")],
)
def test_differences_have_words(relative: float, word: str) -> None:
    low = 0.2 * relative
    assert size_of(gap(low, low)) == word
