"""Trials: functions of their settings, resumed where they were, told of as they go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from autosample.core.tensors import State
from autosample.data.dataset import from_arrays
from autosample.data.splits import LeaveLastOut
from autosample.data.synthetic import Synthetic
from autosample.errors import SearchFailed
from autosample.models import MF
from autosample.training import Epoch, Training
from autosample.training.settings import WeightLearning
from autosample.trials import Request, Start, Trial, TrialResult, load_result
from autosample.trials import run as running
from autosample.trials.checkpoints import FolderCheckpoints
from autosample.trials.run import InProcessRunner
from tests.fakes import SPLIT, quiet, same, trial


class Stopped(Exception):
    """Raised by a listener to stop."""


def test_a_result_survives_being_stored() -> None:
    [result] = InProcessRunner(SPLIT).run([Request(trial())], quiet)
    again, done = TrialResult.from_bytes(result.to_bytes(done=True))
    assert done
    assert same(again, result)
    assert (again.trial, again.history) == (result.trial, result.history)
    assert again.to_bytes(done=True) == result.to_bytes(done=True)


@pytest.mark.parametrize("mixture", [None, WeightLearning(every=2)])
def test_a_stopped_trial_goes_on_from_its_checkpoint_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mixture: WeightLearning | None
) -> None:
    monkeypatch.setattr(running, "SAVE_EVERY", 0.0)
    wanted = trial(epochs=6, mixture=mixture)
    [whole] = InProcessRunner(SPLIT).run([Request(wanted)], quiet)
    runner = InProcessRunner(SPLIT, FolderCheckpoints(tmp_path.as_uri()))

    def stop(_: Trial, epoch: Epoch) -> None:
        if epoch.number == 4:
            raise Stopped

    with pytest.raises(Stopped):
        runner.run([Request(wanted)], stop)
    heard: list[int] = []
    [resumed] = runner.run([Request(wanted)], lambda _, e: heard.append(e.number))
    assert heard == [4, 5, 6]  # 3 was saved, 4 was not
    assert same(resumed, whole)


def test_a_finished_trial_is_not_run_again(tmp_path: Path) -> None:
    runner = InProcessRunner(SPLIT, FolderCheckpoints(tmp_path.as_uri()))
    [first] = runner.run([Request(trial())], quiet)

    def never(_: Trial, __: Epoch) -> None:
        raise AssertionError("it ran again")

    [second] = runner.run([Request(trial("another name"))], never)
    assert same(second, first)
    assert load_result(trial(epochs=9), runner.checkpoints) is None


def test_a_branch_takes_parameters_and_perhaps_the_optimiser() -> None:
    runner = InProcessRunner(SPLIT)
    [base] = runner.run([Request(trial())], quiet)
    for start in (Start.PARAMETERS, Start.OPTIMIZER):
        branch = trial(epochs=1, start=base.trial.digest, start_with=start)
        trainer, _ = running.prepare(Request(branch, base), SPLIT)
        state = trainer.model.state_dict()
        assert torch.equal(state["users"], base.load_state()["model.users"])
        assert trainer.epoch == 0
        has_state = bool(trainer.optimizer.state)
        assert has_state == (start is Start.OPTIMIZER)


def test_going_on_is_as_if_it_had_never_stopped() -> None:
    runner = InProcessRunner(SPLIT)
    [whole] = runner.run([Request(trial(epochs=6))], quiet)
    [half] = runner.run([Request(trial(epochs=3))], quiet)
    rest = trial(epochs=6, start=half.trial.digest, start_with=Start.EVERYTHING)
    [joined] = runner.run([Request(rest, half)], quiet)
    assert same(joined, whole)
    assert [epoch.number for epoch in joined.history] == [4, 5, 6]


def test_divergence_ends_the_trial_with_a_reason_and_not_the_caller() -> None:
    wild = Training(epochs=3, learning_rate=1e30, l2=0.0)
    [result] = InProcessRunner(SPLIT).run([Request(trial(training=wild))], quiet)
    assert result.error is not None
    assert "learning rate 1e+30" in result.error


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    InProcessRunner(SPLIT).run([Request(trial(epochs=1))], quiet)
    assert torch.get_num_threads() == before


def test_a_name_is_for_people_and_changes_nothing() -> None:
    assert trial("a").digest == trial("b").digest
    assert trial(epochs=5).digest != trial(epochs=6).digest
    assert trial(start="x").digest != trial().digest


def test_a_gpu_that_is_not_there_is_asked_for_in_vain() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    training = trial().training.model_copy(update={"device": "cuda"})
    with pytest.raises(SearchFailed, match=r"training\.device is cuda, and no CUDA"):
        InProcessRunner(SPLIT).run([Request(trial(training=training))], quiet)


@pytest.mark.gpu
def test_a_trial_on_a_gpu_learns_as_much_and_goes_on_on_a_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    there = trial(training=trial().training.model_copy(update={"device": "cuda"}))
    [here] = InProcessRunner(SPLIT).run([Request(trial())], quiet)
    [result] = InProcessRunner(SPLIT).run([Request(there)], quiet)
    assert abs(result.best - here.best) < 0.2 * here.best
    again, _ = TrialResult.from_bytes(result.to_bytes(done=True))
    on = trial(start=there.digest, start_with=Start.OPTIMIZER)
    [after] = InProcessRunner(SPLIT).run([Request(on, again)], quiet)
    assert after.best > 0.8 * here.best


def test_the_best_pass_may_be_that_of_the_trial_it_goes_on_from() -> None:
    """At a step size of zero the first pass is the best, whoever goes on."""
    still = trial(training=trial().training.model_copy(update={"learning_rate": 1e-30}))
    [first] = InProcessRunner(SPLIT).run([Request(still)], quiet)
    assert first.best_epoch == 1
    on = trial(epochs=8, start=still.digest, start_with=Start.EVERYTHING)
    slow = on.training.model_copy(update={"learning_rate": 1e-30})
    on = on.model_copy(update={"training": slow})
    [after] = InProcessRunner(SPLIT).run([Request(on, first)], quiet)
    assert [epoch.number for epoch in after.history] == [6, 7, 8]
    assert after.best_epoch == 1
    assert after.without_state().best_epoch == 1


def test_counts_and_values_are_read_without_the_checkpoint() -> None:
    [result] = InProcessRunner(SPLIT).run([Request(trial())], quiet)
    fetched: list[State] = []

    def fetch() -> State:
        fetched.append(result.load_state())
        return fetched[-1]

    away = replace(result, fetch=fetch)
    counts = (away.best_epoch, away.total_epochs, away.best, away.seconds)
    assert counts == (result.best_epoch, 5, result.best, result.seconds)
    told, _ = TrialResult.from_bytes(away.without_state().to_bytes(done=True))
    assert (told.best_epoch, told.total_epochs) == counts[:2]
    np.testing.assert_array_equal(told.best_U, result.best_U)
    np.testing.assert_array_equal(told.last_U, result.last_U)
    assert fetched == []
    away.best_model(SPLIT)
    assert len(fetched) == 1


class Reader(MF):
    """A toy of a model that reads histories."""

    reads_history: ClassVar[bool] = True


def test_a_refit_keeps_time_order_for_models_that_read_histories() -> None:
    data = Synthetic(users=40, items=30).build().dataset.train
    rng = np.random.default_rng(0)
    dataset = from_arrays(
        data.users_E, data.items_E, times=rng.permutation(len(data.items_E))
    )
    split = LeaveLastOut().apply(dataset, seed=0)
    refit = trial(with_validation=True)
    by_item = refit.training_split(split).train
    assert not by_item.ordered
    assert (np.diff(by_item.keys_E) > 0).all()
    assert by_item.fingerprint == split.known.by_item.fingerprint
    reading = refit.model_copy(update={"model": Reader()})
    assert reading.training_split(split).train.fingerprint == split.known.fingerprint
    assert trial().training_split(split) is split
