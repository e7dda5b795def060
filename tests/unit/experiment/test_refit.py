"""The last passes of the returned model are over all pairs but those of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import autosample
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.experiment.refit import RefitPlan
from autosample.library import make_spec
from autosample.samplers import DNS
from autosample.training import Epoch
from autosample.trials import Request, Trial, TrialResult
from autosample.trials.checkpoints import FolderCheckpoints
from autosample.trials.run import InProcessRunner, prepare
from tests.fakes import quiet, same, trial

DATA = Synthetic(users=300, items=120, pairs_per_user=15).build().dataset
SPLIT = RandomSplit().apply(DATA, seed=0)
SMALL: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
    "training": {"epochs": 12},
    "strategy": {"kind": "race", "rungs": [{"epochs": 2, "keep": 1}]},
}


def trained(epochs: int = 4) -> TrialResult:
    request = Request(trial(epochs=epochs, candidates=(DNS(pool=4),)))
    [result] = InProcessRunner(SPLIT).run([request], quiet)
    return result


def test_a_report_tells_of_the_model_before_its_last_passes() -> None:
    without = autosample.search(DATA, **SMALL, refit=0).report
    report = autosample.search(DATA, **SMALL).report
    assert without.refit is None
    assert report.refit is not None
    assert report.refit.epochs == 8
    assert report.refit.test_before == without.test
    assert report.valid == without.valid
    assert report.chosen == without.chosen
    assert report.test != without.test


def test_more_of_the_pairs_make_a_better_model() -> None:
    gains = []
    for seed in range(6):
        training = SMALL["training"] | {"seed": seed}
        report = autosample.search(DATA, **(SMALL | {"training": training})).report
        assert report.refit is not None
        gains.append(report.test["ndcg@20"] - report.refit.test_before["ndcg@20"])
    error = np.std(gains, ddof=1) / np.sqrt(len(gains))
    assert np.mean(gains) > 2 * error


def test_refit_trains_on_validation_pairs_and_on_no_test_pair() -> None:
    assert set(pairs(SPLIT.with_validation.train)) == set(pairs(SPLIT.train)) | set(
        pairs(SPLIT.valid)
    )
    assert not set(pairs(SPLIT.with_validation.train)) & set(pairs(SPLIT.test))
    done = trained()
    refitted = plan(done, 3).run(InProcessRunner(SPLIT), quiet)
    assert refitted is not None
    assert refitted.epochs == 3
    assert len(refitted.branches) == 4
    for branch in refitted.branches:
        trained_on = [epoch.pair_updates for epoch in branch.history]
        assert trained_on == [SPLIT.known.num_pairs] * 3
        assert branch.best_epoch == branch.total_epochs == done.best_epoch + 3
    assert refitted.model.best_epoch == done.best_epoch + 3


def test_the_refitted_model_is_the_average_of_branches_of_different_seeds() -> None:
    refitted = plan(trained(), 2).run(InProcessRunner(SPLIT), quiet)
    assert refitted is not None
    tables = [
        branch.best_model(SPLIT).state_dict()["users"] for branch in refitted.branches
    ]
    assert not tables[0].equal(tables[1])
    mean = torch.stack(tables).double().mean(0).float()
    assert refitted.model.best_model(SPLIT).state_dict()["users"].allclose(mean)


def plan(done: TrialResult, epochs: int) -> RefitPlan:
    return RefitPlan(make_spec("made", {}), done, (), epochs)


def pairs(some: Any) -> list[tuple[int, int]]:
    return list(zip(some.users_E.tolist(), some.items_E.tolist(), strict=True))


def test_refit_goes_on_from_the_best_parameters() -> None:
    done = trained(epochs=40)
    assert done.best_epoch < done.total_epochs
    trainer, _ = prepare(plan(done, 3).requests()[0], SPLIT)
    best = done.best_model(SPLIT).state_dict()
    assert all(best[n].equal(t) for n, t in trainer.model.state_dict().items())


def test_an_interrupted_refit_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autosample.trials.run.SAVE_EVERY", 0.0)
    request = plan(trained(), 4).requests()[1]
    [plain] = InProcessRunner(SPLIT).run([request], quiet)
    kept = FolderCheckpoints(str(tmp_path))

    def stop(_: Trial, epoch: Epoch) -> None:
        if epoch.number == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InProcessRunner(SPLIT, kept).run([request], stop)
    [resumed] = InProcessRunner(SPLIT, kept).run([request], quiet)
    assert len(resumed.history) == 4
    assert same(resumed, plain)


def test_a_training_that_an_earlier_search_kept_goes_on_to_the_same_model(
    tmp_path: Path,
) -> None:
    fields = SMALL | {"strategy": {"kind": "exhaustive"}, "seeds": [0]}
    first = autosample.search(DATA, **fields, reuse=tmp_path)
    second = autosample.search(DATA, **fields, reuse=tmp_path)
    assert second.report.costs.search.reused == 2
    assert second.report.test == first.report.test
