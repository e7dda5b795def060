"""The whole of a search: what it reports, and that the test split stays closed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
import torch

import autosample
from autosample.core.events import EpochEnded
from autosample.core.progress import Progress, Stage
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.errors import DataError
from autosample.evaluation import ranking
from autosample.evaluation.cases import Cases, make_cases
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.experiment.verdict import Basis
from autosample.views.rows import remarks

DATA = Synthetic(users=200, items=120, pairs_per_user=12).build().dataset
SMALL: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
    "training": {"epochs": 8},
    "strategy": {"kind": "race", "warmup": 2, "rungs": [{"epochs": 2, "keep": 1}]},
}


def test_a_report_holds_what_was_found() -> None:
    report = autosample.search(DATA, **SMALL).report
    assert report.chosen_label in ("uniform", "dns(pool=4)")
    assert set(report.valid) == set(report.test) == {
        "ndcg@20", "recall@20", "precision@20", "mrr@20", "hit@20"
    }  # fmt: skip
    total = report.split.train + report.split.valid + report.split.test
    assert total == DATA.stats.pairs
    assert report.costs.search.epochs == 2 + 2 * 2
    assert report.best_epoch >= 1


def test_the_reported_test_metric_is_that_of_the_model_handed_over_for_evaluation() -> (
    None
):
    result = autosample.search(DATA, final="train", **SMALL)
    outcome = result.outcome
    assert result.report.final_refit is None
    split = RandomSplit().apply(DATA, seed=0)
    assert outcome.known.fingerprint == split.known.fingerprint
    hits = Ranking(make_cases(split.test, split.known), k=20).hits(outcome.model())
    assert result.report.test["ndcg@20"] == pytest.approx(hits.mean(Metric("ndcg@20")))


def test_the_test_split_is_opened_once_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rankings that hold the test out are built after all training and deciding."""
    split = RandomSplit().apply(DATA, seed=0)
    opened: list[int] = []
    told: list[Progress] = []
    plain = Ranking.__init__

    def spy(self: Ranking, cases: Cases, *, k: int) -> None:
        if np.array_equal(cases.relevant.items, split.test.items_E):
            opened.append(len(told))
        plain(self, cases, k=k)

    monkeypatch.setattr(ranking.Ranking, "__init__", spy)
    autosample.search(DATA, tell=told.append, **SMALL)
    assert len(opened) == 1
    last_epoch = max(
        at
        for at, each in enumerate(told)
        if isinstance(each.event, EpochEnded) and each.stage is not Stage.EVALUATING
    )
    assert opened[0] > last_epoch


def test_what_is_handed_over_has_learned_all_pairs_and_changes_no_figure() -> None:
    """The refit on all pairs follows every decision and every measurement."""
    all_pairs = autosample.search(DATA, **SMALL)
    train = autosample.search(DATA, final="train", **SMALL)
    report = all_pairs.report
    assert report.final_refit is not None
    assert report.final_refit.pairs == DATA.stats.pairs
    assert report.refit is not None
    assert report.final_refit.epochs == report.refit.epochs
    for figure in ("valid", "test", "refit", "verdict", "candidates", "reach"):
        assert getattr(report, figure) == getattr(train.report, figure)
    known = all_pairs.outcome.known
    assert known.fingerprint == DATA.train.fingerprint
    theirs = train.outcome.model.state_dict()
    ours = all_pairs.outcome.model.state_dict()
    assert not all(torch.equal(ours[name], theirs[name]) for name in ours)
    again = autosample.search(DATA, **SMALL).outcome.model.state_dict()
    assert all(torch.equal(ours[name], again[name]) for name in ours)


def test_a_test_file_is_not_learned_unless_that_is_asked_for() -> None:
    held_E = np.arange(DATA.train.num_pairs) % 5 == 0
    train, test = DATA.train.take(~held_E), DATA.train.take(held_E)
    given = replace(DATA, train=train, test=test)
    report = autosample.search(given, **SMALL).report
    assert report.final_refit is None
    asked = autosample.search(given, final="all", **SMALL).report
    assert asked.final_refit is not None
    assert asked.final_refit.pairs == DATA.stats.pairs
    assert asked.test == report.test


def test_without_a_refit_nothing_is_trained_after_the_test() -> None:
    report = autosample.search(DATA, refit=0, **SMALL).report
    assert report.final_refit is None
    assert report.refit is None


def test_verifying_trains_from_scratch_and_compares_by_user() -> None:
    spec = SMALL | {
        "verify": True,
        "seeds": [3, 4],
        "candidates": [{"kind": "dns", "pool": 4}],
    }
    report = autosample.search(DATA, **spec).report
    assert report.verification is not None
    assert report.verification.seeds == (3, 4)
    assert report.verdict.basis is Basis.VERIFIED
    found = report.verification
    assert found.uniform is not None
    assert found.gain is not None
    ours, theirs = found.chosen["ndcg@20"], found.uniform["ndcg@20"]
    assert found.gain.difference == pytest.approx(ours - theirs)
    users = int((RandomSplit().apply(DATA, seed=0).test.degrees_U > 0).sum())
    assert (found.gain.users, found.gain.seeds) == (users, 2)


def test_the_runner_up_is_verified_too() -> None:
    spec = SMALL | {
        "verify": True,
        "seeds": [3, 4],
        "candidates": [{"kind": "dns", "pool": pool} for pool in (4, 8)],
    }
    report = autosample.search(DATA, **spec).report
    found = report.verification
    assert found is not None
    assert found.runner_up is not None
    assert found.over_runner_up is not None
    gap = found.chosen["ndcg@20"] - found.runner_up["ndcg@20"]
    assert found.over_runner_up.difference == pytest.approx(gap)
    assert {report.chosen_label, found.runner_up_name} == {
        "dns(pool=4)",
        "dns(pool=8)",
    }
    assert "the runner-up" in report.verdict.text
    assert found.cost.epochs > 0


def test_no_difference_is_said_to_be_none() -> None:
    """Two candidates of one law: a gain would be a false alarm, at 5 %."""
    twins = [{"kind": "uniform"}, {"kind": "dns", "pool": 1}]
    report = autosample.search(
        DATA, **(SMALL | {"candidates": twins, "verify": True})
    ).report
    if report.chosen_label != "uniform":
        assert "no significant gain" in report.verdict.text
    assert not report.verdict.significant


@pytest.mark.parametrize("strategy", ["race", "exhaustive", "soup"])
def test_the_gain_over_the_baseline_is_the_sum_of_its_parts(strategy: str) -> None:
    fields = SMALL | {"strategy": {"kind": strategy}, "seeds": [0]}
    report = autosample.search(DATA, **fields).report
    assert report.baseline is not None
    found, gains = report.baseline, report.baseline.gains
    assert found.name == "uniform"
    assert len(found.seeds) == 2
    assert found.averaged == (strategy == "soup")
    ours, theirs = report.test["ndcg@20"], found.test["ndcg@20"]
    assert gains.total.difference == pytest.approx(ours - theirs)
    parts = (gains.candidate, gains.averaging, gains.refit)
    if gains.candidate is not None:
        summed = sum(part.difference for part in parts if part is not None)
        assert summed == pytest.approx(gains.total.difference)
    assert (gains.averaging is not None) == (strategy == "soup")
    assert found.cost.epochs > 0


def test_a_search_is_compared_with_the_baseline_that_it_is_given() -> None:
    recipe = {"sampler": {"kind": "popularity"}, "learning_rate": 0.2}
    report = autosample.search(DATA, **SMALL, baseline=recipe).report
    assert report.baseline is not None
    assert report.baseline.name == "popularity + learning_rate=0.2"
    assert report.baseline.name in report.verdict.text


def test_a_cold_start_retrains_from_fresh_parameters() -> None:
    warm = autosample.search(DATA, **SMALL).outcome.trial
    cold = autosample.search(DATA, **SMALL, warm_start=False).outcome.trial
    assert warm.start is not None
    assert cold.start is None


def test_progress_goes_through_the_stages_in_order() -> None:
    told: list[Progress] = []
    autosample.search(DATA, tell=told.append, **SMALL)
    stages = list(dict.fromkeys(each.stage for each in told))
    assert stages == [s for s in Stage if s is not Stage.PUBLISHING]
    fractions = [each.fraction for each in told]
    assert fractions == sorted(fractions)


def test_metrics_are_cut_to_the_items_that_there_are() -> None:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 40, 300), rng.integers(0, 12, 300)
    report = autosample.search(autosample.from_arrays(users, items), **SMALL).report
    assert set(report.test) == {
        "ndcg@12", "recall@12", "precision@12", "mrr@12", "hit@12"
    }  # fmt: skip
    assert "There are 12 items, which metrics are cut to." in remarks(report)
    # A ranking of all items finds every one.
    assert report.test["recall@12"] == 1.0


def test_a_split_that_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="needs time order"):
        autosample.search(DATA, split={"kind": "leave_last_out"})


def test_interactions_and_columns_in_memory_are_taken_too() -> None:
    users = np.repeat(np.arange(60), 6)
    items = (users * 7 + np.tile(np.arange(6), 60) ** 2) % 50
    dataset = autosample.from_arrays(users, items)
    assert autosample.search(dataset, **SMALL).report.dataset.users == 60


def test_lightgcn_and_softmax_run_end_to_end() -> None:
    report = autosample.search(
        DATA, **SMALL, model={"kind": "lightgcn", "width": 16},
        loss={"kind": "sampled_softmax"},
    ).report  # fmt: skip
    assert report.test["ndcg@20"] > 0.05


@pytest.mark.parametrize("kind", ["race", "mixture"])
def test_each_held_out_interaction_can_be_a_case(kind: str) -> None:
    """Metrics are then means over interactions, and the report says so."""
    split = RandomSplit(per="interaction")
    strategy = SMALL["strategy"] if kind == "race" else {"kind": kind, "epochs": 2}
    fields = SMALL | {"split": split, "strategy": strategy}
    report = autosample.search(DATA, **fields).report
    assert report.split.test > 200  # pairs of 200 users
    assert any("means over held-out interactions" in text for text in remarks(report))
    assert 0 < report.test["ndcg@20"] < 1


def test_what_is_left_out_of_rankings_is_said_as_it_was() -> None:
    report = autosample.search(DATA, **SMALL).report
    assert "except those of the user" in remarks(report)[0]
    everything = SMALL | {"split": RandomSplit(mask="none")}
    report = autosample.search(DATA, **everything).report
    assert "that were known before too" in remarks(report)[0]


@pytest.mark.parametrize("change", ["dtype", "grad", "inference", "device", "fork"])
def test_what_the_caller_has_set_in_torch_changes_nothing(change: str) -> None:
    plain = autosample.search(DATA, **SMALL).report
    with ExitStack() as stack:
        if change == "dtype":
            torch.set_default_dtype(torch.float64)
            stack.callback(torch.set_default_dtype, torch.float32)
        elif change == "grad":
            stack.enter_context(torch.no_grad())
        elif change == "inference":
            stack.enter_context(torch.inference_mode())
        elif change == "device":
            torch.set_default_device("meta")
            stack.callback(torch.set_default_device, None)
        elif change == "fork":
            pool = stack.enter_context(get_context("fork").Pool(1))
            assert pool.apply(search_in_fork) == plain.test
            return
        before = torch.get_default_dtype(), torch.get_default_device()
        assert autosample.search(DATA, **SMALL).report.test == plain.test
        assert (torch.get_default_dtype(), torch.get_default_device()) == before


def search_in_fork() -> dict[str, float]:
    return autosample.search(DATA, **SMALL).report.test
