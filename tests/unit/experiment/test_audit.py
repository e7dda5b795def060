"""An audit sets a search beside the truth, which is worked out here by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autosample.core.progress import Progress
from autosample.data.synthetic import Synthetic
from autosample.evaluation.cases import make_cases
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.experiment.audit import audit
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.ledger import Ledger
from autosample.library import make_spec
from autosample.trials.reuse import TrainingStore, reusing
from autosample.trials.run import InProcessRunner

DATA = Synthetic(users=200, items=120, pairs_per_user=12).build().dataset
FIELDS: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}, {"kind": "warp"}],
    "training": {"epochs": 8},
    "strategy": {"kind": "race", "warmup": 2, "rungs": [{"epochs": 2, "keep": 1}]},
    "seeds": [0, 1],
}
SPEC = make_spec("made", FIELDS)


def test_an_audit_compares_with_trainings_from_scratch() -> None:
    told: list[Progress] = []
    found = audit(SPEC, DATA, tell=told.append)
    split = prepare(SPEC, DATA)
    ranking = Ranking(make_cases(split.test, split.known), k=20)
    ledger = Ledger(SPEC, InProcessRunner(split))
    truth = {}
    for sampler in SPEC.samplers:
        results = ledger.run([recipe.ordinary(SPEC, sampler, seed) for seed in (0, 1)])
        models = [result.best_model(split)() for result in results]
        truth[sampler.label] = float(
            np.mean([ranking.hits(each).mean(Metric("ndcg@20")) for each in models])
        )
    assert {each.name: each.truth for each in found.candidates} == pytest.approx(truth)
    assert found.best == max(truth, key=lambda name: truth[name])
    expected = 1 - truth[found.chosen] / truth[found.best]
    assert found.regret == pytest.approx(expected)
    assert (found.gap is None) == (found.chosen == found.best)
    assert found.exhaustive.epochs == sum(
        len(SPEC.seeds) * each.epochs for each in found.candidates
    )
    fractions = [each.fraction for each in told]
    assert fractions == sorted(fractions)


def test_a_second_audit_trains_only_what_searches(tmp_path: Path) -> None:
    runners = reusing(InProcessRunner, TrainingStore(tmp_path))
    first = audit(SPEC, DATA, runners=runners)
    again = audit(SPEC, DATA, runners=runners)
    assert (first.exhaustive.reused, again.exhaustive.reused) == (0, 6)
    assert again.candidates == first.candidates
    assert again.search.reused == 0


def test_an_exhaustive_search_with_the_truths_seeds_regrets_little() -> None:
    """It chooses by validation; test may differ, but not by much."""
    spec = make_spec("made", FIELDS | {"strategy": {"kind": "exhaustive"}})
    found = audit(spec, DATA)
    assert found.regret < 0.1
    assert found.search.epochs >= found.exhaustive.epochs / len(spec.seeds)
    exhaustive = sum(each.seconds for each in found.candidates)
    assert found.saved == pytest.approx(1 - found.search.seconds / exhaustive)
