"""The soup: branches off one model, averaged by evidence, and finals that decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autosample.core.events import EpochEnded, FinalsEnded, RungEnded
from autosample.core.progress import Progress, silent
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.evaluation.metrics import Values
from autosample.experiment.strategies.evidence import SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.run import search
from autosample.experiment.strategies.soup.standing import (
    Standing,
    errors_ahead,
    judge,
    probabilities,
)
from autosample.library import make_spec
from autosample.models import MF, SASRec
from autosample.samplers import DNS, UniformSampler
from autosample.spec.rung import Rung
from autosample.spec.soup import SoupStrategy
from autosample.trials import TrialResult
from autosample.trials.checkpoints import FolderCheckpoints
from autosample.trials.recipe import Candidate
from autosample.trials.run import InProcessRunner
from autosample.trials.shares import deal

SPLIT = RandomSplit().apply(
    Synthetic(users=200, items=150, pairs_per_user=15).build().dataset, seed=0
)
SOFT = {
    "sampler": {"kind": "uniform", "shared": True, "negatives": 16},
    "loss": {"kind": "sl"},
}
FIELDS: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}, SOFT],
    "strategy": {
        "kind": "soup",
        "rounds": [{"epochs": 2, "keep": 3}, {"epochs": 3, "keep": 2}],
        "extra": 1,
        "extra_epochs": 2,
    },
    "training": {"epochs": 10},
    "model": {"kind": "mf", "width": 8},
}


def searched(**fields: Any) -> tuple[SearchResult, list[Progress]]:
    told: list[Progress] = []
    ledger = Ledger(
        make_spec("made", FIELDS | fields), InProcessRunner(SPLIT), told.append
    )
    return search(ledger), told


def test_kinds_of_score_have_models_of_their_own_and_meet_in_the_finals() -> None:
    found, told = searched()
    names = {e.event.trial for e in told if isinstance(e.event, EpochEnded)}
    assert {"soup", "soup of cosines"} <= names
    [finals] = [each for each in found.trace if isinstance(each, FinalsEnded)]
    assert len(finals.metrics) == 3
    assert max(finals.metrics, key=lambda name: finals.metrics[name]) == (
        found.chosen.label
    )
    assert [each.name for each in found.candidates] == [
        "uniform",
        "dns(pool=4)",
        "uniform(negatives=16, shared=True) + sl",
    ]


def test_a_candidate_that_diverges_leaves_with_its_error() -> None:
    wild = {"sampler": {"kind": "dns", "pool": 2}, "learning_rate": 1e30}
    found, _ = searched(candidates=[*FIELDS["candidates"][:2], wild])
    report = found.candidates[2]
    assert report.error is not None
    assert "the loss became" in report.error
    assert found.chosen in (UniformSampler(), DNS(pool=4))


def test_a_kind_of_score_in_which_all_fail_leaves_the_search_to_the_other() -> None:
    # The recipe has a loss of its own, for which the spec's rate is not meant.
    found, _ = searched(training={"epochs": 10, "learning_rate": 1e30})
    *failed, last = found.candidates
    assert all(each.error is not None and each.metric is None for each in failed)
    assert last.error is None
    assert found.chosen.label == last.name


def test_a_report_tells_how_probably_each_finalist_is_the_best() -> None:
    others = [{"kind": "popularity"}, {"kind": "dns", "pool": 8}]
    found, _ = searched(candidates=[*FIELDS["candidates"], *others])
    chances = {each.name: each.probability for each in found.candidates}
    finals = next(each for each in found.trace if isinstance(each, FinalsEnded))
    among = {name: each for name, each in chances.items() if each is not None}
    assert set(among) == set(finals.metrics) < set(chances)
    assert sum(among.values()) == pytest.approx(1.0)
    assert among[found.chosen.label] == max(among.values())


def test_a_report_tells_when_the_others_left_and_how_probable_they_were_then() -> None:
    others = [{"kind": "popularity"}, {"kind": "dns", "pool": 8}]
    found, _ = searched(candidates=[*FIELDS["candidates"], *others])
    rounds = [each for each in found.trace if isinstance(each, RungEnded)]
    for each in found.candidates:
        if each.probability is not None:
            assert each.left is None
            continue
        assert each.left is not None
        assert each.name in rounds[each.left.after - 1].metrics
        assert all(
            each.name not in later.metrics for later in rounds[each.left.after :]
        )
        assert each.left.probability < 1


def test_rounds_are_longer_for_models_that_learn_late() -> None:
    usual, slow = (SoupStrategy().resolve(model) for model in (MF(), SASRec()))
    assert [rung.epochs for rung in usual.all_rounds] == [2, 3, 4]
    assert [rung.epochs for rung in slow.all_rounds] == [6, 9, 12]
    own = SoupStrategy(rounds=(Rung(epochs=5, keep=1),))
    assert own.resolve(SASRec()).all_rounds == own.rounds


def test_weights_of_a_round_sum_to_one_and_fall_with_the_metric() -> None:
    found, _ = searched()
    for each in found.trace:
        if isinstance(each, RungEnded) and each.weights is not None:
            assert sum(each.weights.values()) == pytest.approx(1, abs=1e-5)
    found, _ = searched(candidates=FIELDS["candidates"][:2])
    first = next(each for each in found.trace if isinstance(each, RungEnded))
    assert first.weights is not None
    ranked = sorted(first.metrics, key=lambda name: -first.metrics[name])
    weights = [first.weights[name] for name in ranked]
    assert weights == sorted(weights, reverse=True)


def test_a_stopped_search_goes_on_from_its_checkpoints_to_the_same_bytes(
    tmp_path: Path,
) -> None:
    spec = make_spec("made", FIELDS)
    whole = search(Ledger(spec, InProcessRunner(SPLIT), silent))
    for stop_at in (3, 9, 17, 25):
        heard = 0

        def stop(progress: Progress, stop_at: int = stop_at) -> None:
            nonlocal heard
            heard += isinstance(progress.event, EpochEnded)
            if heard == stop_at:
                raise KeyboardInterrupt

        kept = FolderCheckpoints(tmp_path.as_uri())
        with pytest.raises(KeyboardInterrupt):
            search(Ledger(spec, InProcessRunner(SPLIT, kept), stop))
    again = search(Ledger(spec, InProcessRunner(SPLIT, kept), silent))
    assert again.candidates == whole.candidates
    ours, theirs = again.final_training, whole.final_training
    assert isinstance(ours, TrialResult)
    assert isinstance(theirs, TrialResult)
    for name, tensor in theirs.best_model(SPLIT).state_dict().items():
        assert torch.equal(ours.best_model(SPLIT).state_dict()[name], tensor)


def test_candidates_that_do_not_differ_are_seldom_found_to_be_worse() -> None:
    """At 1.645 standard errors one in twenty; seeds move a metric by a percent."""
    rng, alarms, trials = np.random.default_rng(0), 0, 2000
    for _ in range(trials):
        ability_U = rng.beta(1, 4, 400)
        ours, theirs = (
            ability_U + rng.normal(0, 0.05, 400) + 0.2 * rng.normal(0, 0.01)
            for _ in range(2)
        )
        alarms += errors_ahead(ours, theirs, None) < -1.645
    assert abs(alarms / trials - 0.05) < 4 * np.sqrt(0.05 * 0.95 / trials)


def test_evidence_of_a_round_is_added_or_replaces_what_was_known() -> None:
    rng = np.random.default_rng(1)
    better, worse = rng.uniform(0.3, 0.5, 100), rng.uniform(0.2, 0.4, 100)
    first, second = UniformSampler(), DNS()
    before = [Standing(first, behind=-3.0, rounds=1), Standing(second, rounds=1)]
    values: dict[Candidate, Values] = {first: better, second: worse}
    gap = errors_ahead(worse, better, None)
    anew = judge(before, values, None, remember=False)
    assert [each.candidate for each in anew] == [first, second]
    assert anew[1].behind == pytest.approx(gap)
    added = judge(before, values, None, remember=True)
    assert added[1].behind == pytest.approx(gap + 3.0)
    assert {each.rounds for each in added} == {2}


def test_probabilities_are_those_of_a_normal_law() -> None:
    level = [Standing(UniformSampler()), Standing(DNS())]
    assert probabilities(level) == pytest.approx([0.5, 0.5], abs=0.02)
    behind = [level[0], Standing(DNS(), behind=-1.645)]
    # The gap has a standard error of one.
    assert probabilities(behind)[1] == pytest.approx(0.05, abs=0.01)


@given(
    weights=st.lists(st.floats(0.001, 1.0), min_size=1, max_size=8),
    branches=st.integers(1, 12),
)
def test_branches_are_dealt_by_weight(weights: list[float], branches: int) -> None:
    counts = deal(weights, branches)
    assert sum(counts) == branches
    shares = [weight / sum(weights) for weight in weights]
    for share, count in zip(shares, counts, strict=True):
        assert count <= branches * share + 1
    heavy = [count for share, count in zip(shares, counts, strict=True) if share >= 0.1]
    if len(heavy) <= branches:
        assert all(heavy)
