"""ASHA and tuning, over studies that a fake runs one after the other.

tests/acceptance/test_tune.py runs them on Ray Tune itself.
"""

from __future__ import annotations

from typing import Any

import pytest

from autosample.data.synthetic import Synthetic
from autosample.errors import SearchFailed
from autosample.experiment.prepare import prepare
from autosample.experiment.run import run
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.run import search
from autosample.library import make_spec
from autosample.samplers import DNS, PopularitySampler, UniformSampler
from autosample.trials import TrialResult
from tests.fakes import Studying

DATA = Synthetic(users=300, items=200, pairs_per_user=15).build().dataset
BAD, GOOD = PopularitySampler(alpha=4.0), UniformSampler()
ASHA = {"kind": "asha", "grace": 2, "reduction": 2}


def task(**fields: Any) -> Ledger:
    base: dict[str, Any] = {"training": {"epochs": 25}, "candidates": [BAD, GOOD]}
    spec = make_spec("made", base | fields)
    split = prepare(spec, DATA)
    return Ledger(spec, Studying(split))


def test_asha_stops_what_hurts_and_returns_a_trained_model() -> None:
    fields = {"candidates": [GOOD, BAD], "strategy": ASHA}
    found = search(task(**fields))
    assert found.chosen == found.listed == GOOD
    assert isinstance(found.final_training, TrialResult)
    passes = {each.name: each.epochs for each in found.candidates}
    assert passes[BAD.label] == 2
    assert passes[GOOD.label] > 2
    assert found.cost.epochs == sum(passes.values())
    assert found.runner_up == BAD


def test_what_was_stopped_is_not_compared_with_what_was_not() -> None:
    found = search(task(candidates=[GOOD, BAD], strategy=ASHA))
    assert all(each.versus_uniform is None for each in found.candidates)


def test_a_study_in_which_all_fail_says_why() -> None:
    fields = {"training": {"epochs": 5, "learning_rate": 1e30}, "strategy": ASHA}
    with pytest.raises(SearchFailed, match="every candidate failed"):
        search(task(**fields))


@pytest.mark.parametrize("strategy", [ASHA, {"kind": "race"}], ids=lambda s: s["kind"])
def test_tuning_tells_its_own_gain_from_the_samplers(strategy: dict[str, Any]) -> None:
    rates = {"learning_rate": 0.004}  # far too low, so that tuning has much to gain
    fields = {
        "training": {"epochs": 25, **rates},
        "tune": {"samples": 6, "learning_rate": {"low": 0.02, "high": 0.2}},
        "candidates": [UniformSampler(), DNS(pool=4)],
    }
    todo = task(strategy=strategy, **fields)
    found = search(todo)
    tuning = found.tuning
    assert tuning is not None
    assert tuning.tuning_gain.low > 0
    assert tuning.chosen.learning_rate > rates["learning_rate"]
    assert tuning.chosen_before.learning_rate == rates["learning_rate"]
    assert tuning.uniform.valid.mean >= tuning.uniform_before.valid.mean
    assert tuning.sampler_gain.difference == pytest.approx(
        tuning.chosen.valid.mean - tuning.uniform.valid.mean
    )
    assert isinstance(found.final_training, TrialResult)
    best = max(tuning.chosen, tuning.uniform, key=lambda each: each.valid.mean)
    assert found.final_training.best == pytest.approx(best.valid.mean)
    assert found.chosen == best.candidate
    *_, uniform = todo.runner.studies  # type: ignore[attr-defined]
    assert uniform.samples == 6
    assert uniform.space.candidates == (UniformSampler(),)


@pytest.mark.parametrize("rate", [0.004, None])
def test_a_tuned_soup_returns_the_better_of_its_average_and_the_tuned_training(
    rate: float | None,
) -> None:
    rounds = [{"epochs": 2, "keep": 2}, {"epochs": 4, "keep": 2}]
    found = search(
        task(
            strategy={"kind": "soup", "rounds": rounds, "extra": 1},
            training={"epochs": 25, "learning_rate": rate},
            tune={"samples": 4, "learning_rate": {"low": 0.02, "high": 0.2}},
            candidates=[UniformSampler(), DNS(pool=4)],
        )
    )
    assert found.tuning is not None
    assert isinstance(found.final_training, TrialResult)
    tuned = max(found.tuning.chosen.valid.mean, found.tuning.uniform.valid.mean)
    if found.alone is None:
        assert found.final_training.best == pytest.approx(tuned)
        assert not found.mixture
    else:
        assert found.final_training.best > tuned
        assert found.alone.best == pytest.approx(tuned)
        assert found.mixture


def test_verification_sets_the_tuned_beside_the_tuned() -> None:
    fields: dict[str, Any] = {
        "training": {"epochs": 25, "learning_rate": 0.004},
        "tune": {"samples": 4, "learning_rate": {"low": 0.02, "high": 0.2}},
        "candidates": [UniformSampler(), DNS(pool=4)],
        "verify": True,
        "seeds": [0, 1, 2],
    }
    report = run(make_spec("made", fields), DATA, runners=Studying).report
    checked, tuning = report.verification, report.tuning
    assert checked is not None
    assert tuning is not None
    assert checked.untuned is not None
    assert checked.tuning_gain is not None
    gained = checked.chosen["ndcg@20"] - checked.untuned["ndcg@20"]
    assert checked.tuning_gain.difference == pytest.approx(gained)
    assert checked.tuning_gain.low > 0
    if report.chosen_label != "uniform":
        assert checked.uniform is not None
