from __future__ import annotations

import pytest

from autosample.evaluation.significance import Comparison
from autosample.report import Basis, verdict


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


@pytest.mark.parametrize(
    ("found", "text", "significant"),
    [
        (gap(0.01, 0.03), "dns: beats uniform by +10.0% [+5.0%, +15.0%]", True),
        (gap(-0.01, 0.03), "dns: no significant gain over uniform: +5.0%", False),
        (gap(-0.03, -0.01), "dns: is worse than uniform, by -10.0%", False),
    ],
)
def test_a_verdict_says_what_the_interval_allows(
    found: Comparison, text: str, significant: bool
) -> None:
    told = verdict(
        "dns", is_uniform=False, searched=None, verified=found, metric="ndcg@20"
    )
    assert text in told.text
    assert (told.basis, told.significant) == (Basis.VERIFIED, significant)


def test_what_was_verified_outweighs_the_search() -> None:
    told = verdict(
        "dns",
        is_uniform=False,
        searched=gap(0.01, 0.03),
        verified=gap(-0.01, 0.01),
        metric="ndcg@20",
    )
    assert told.basis is Basis.VERIFIED
    assert not told.significant


def test_no_gain_is_claimed_where_uniform_did_not_compete() -> None:
    told = verdict(
        "dns", is_uniform=False, searched=None, verified=None, metric="ndcg@20"
    )
    assert "no gain is claimed" in told.text
    alone = verdict(
        "uniform", is_uniform=True, searched=None, verified=None, metric="ndcg@20"
    )
    assert alone.basis is Basis.NONE
