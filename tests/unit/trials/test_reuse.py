"""Trainings from scratch are run once on the same data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from autosample.core.tensors import State
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.experiment.strategies.evidence import Cost
from autosample.samplers import UniformSampler
from autosample.training import Epoch
from autosample.trials import OnEpoch, Request, Trial, TrialResult, reuse
from autosample.trials.reuse import ReusingRunner, TrainingStore
from tests.fakes import SPLIT, Counting, quiet, trial

OTHER = RandomSplit().apply(Synthetic(users=120, items=80).build().dataset, seed=1)


def seeded(seed: int = 0, name: str | None = None, **changes: object) -> Trial:
    fields: dict[str, object] = {"candidates": (UniformSampler(),)} | changes
    return trial(name or f"seed {seed}", epochs=4, seed=seed, **fields)


def test_a_store_that_cannot_be_written_costs_no_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its place is a file here, since root may write into every folder."""
    (tmp_path / "file").write_text("")
    store = TrainingStore(tmp_path / "file" / "trainings")
    inner = Counting(SPLIT, 1)
    for _ in range(2):
        [result] = ReusingRunner(inner, SPLIT, store).run([Request(seeded())], quiet)
        assert result.error is None
    assert inner.ran == ["seed 0", "seed 0"]
    assert "trainings are not kept" in caplog.text


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_training_is_run_once_and_comes_back_as_it_was(
    tmp_path: Path, parallel: int
) -> None:
    inner = Counting(SPLIT, parallel)
    requests = [Request(seeded(seed)) for seed in (0, 1)]
    first = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path)).run(requests, quiet)
    told: list[Epoch] = []
    again = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path)).run(
        [Request(seeded(2)), *requests], lambda _, epoch: told.append(epoch)
    )[1:]
    assert inner.ran == ["seed 0", "seed 1", "seed 2"]
    assert len(told) == sum(len(each.history) for each in first) + 4
    for ours, theirs in zip(again, first, strict=True):
        assert ours.history == theirs.history
        np.testing.assert_array_equal(ours.best_U, theirs.best_U)
        mine, other = (each.best_model(SPLIT).state_dict() for each in (ours, theirs))
        assert all(mine[name].equal(other[name]) for name in other)


def test_other_data_and_other_settings_are_other_trainings(tmp_path: Path) -> None:
    for split, one in ((SPLIT, seeded()), (OTHER, seeded()), (SPLIT, seeded(seed=1))):
        inner = Counting(split)
        runner = ReusingRunner(inner, split, TrainingStore(tmp_path))
        runner.run([Request(one)], quiet)
        assert len(inner.ran) == 1


def test_what_goes_on_from_elsewhere_or_stops_short_is_not_kept(tmp_path: Path) -> None:
    inner = Counting(SPLIT)
    runner = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path))
    [start] = runner.run([Request(seeded(stop_early=False))], quiet)
    branch = seeded(start=start.trial.digest)
    runner.run([Request(branch, start)], quiet)
    runner.run([Request(seeded(seconds=100.0))], quiet)  # a clock may stop it
    assert not list(tmp_path.iterdir())


def test_other_code_makes_other_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = Counting(SPLIT)
    for made_by in ("this", "that", "this"):
        monkeypatch.setattr(reuse, "_digest_code", lambda made_by=made_by: made_by)
        runner = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path))
        runner.run([Request(seeded())], quiet)
    assert inner.ran == ["seed 0", "seed 0"]


def test_a_name_for_people_makes_no_other_training(tmp_path: Path) -> None:
    inner = Counting(SPLIT)
    runner = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path))
    runner.run([Request(seeded())], quiet)
    [found] = runner.run([Request(seeded(name="another"))], quiet)
    assert inner.ran == ["seed 0"]
    assert found.trial.name == "another"
    assert found.reused
    assert Cost().plus([found]).reused == 1


class Elsewhere(Counting):
    """Returns results whose checkpoints are not in memory; counts how often each is
    read."""

    fetched = 0

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        results = super().run(requests, on_epoch)
        return [
            replace(result, fetch=partial(self._fetch, result)) for result in results
        ]

    def _fetch(self, result: TrialResult) -> State:
        self.fetched += 1
        return result.load_state()


def test_a_checkpoint_is_read_once_to_be_kept(tmp_path: Path) -> None:
    inner = Elsewhere(SPLIT)
    runner = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path))
    [result] = runner.run([Request(seeded())], quiet)
    assert inner.fetched == 1
    assert 1 <= result.best_epoch <= result.total_epochs == 4
    assert inner.fetched == 1


@pytest.mark.parametrize("left", [0, 100, -10])
def test_what_cannot_be_read_is_run_again(tmp_path: Path, left: int) -> None:
    inner = Counting(SPLIT)
    runner = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path))
    runner.run([Request(seeded())], quiet)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:left])
    runner.run([Request(seeded())], quiet)
    assert inner.ran == ["seed 0", "seed 0"]


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    inner = Counting(SPLIT)
    runner = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path))
    runner.run([Request(seeded(seed)) for seed in (0, 1)], quiet)
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))  # long ago: clocks of files are coarse
    room = int(2.5 * size)
    tight = ReusingRunner(inner, SPLIT, TrainingStore(tmp_path, most=room))
    tight.run([Request(seeded(0))], quiet)  # used again: now the newest
    tight.run([Request(seeded(2))], quiet)
    assert len(list(tmp_path.iterdir())) == 2
    tight.run([Request(seeded(0))], quiet)
    assert inner.ran == ["seed 0", "seed 1", "seed 2"]


def test_what_is_kept_of_one_data_set_goes_alone(tmp_path: Path) -> None:
    store, requests = TrainingStore(tmp_path), [Request(seeded())]
    for name in ("a", "b"):
        ReusingRunner(Counting(SPLIT), SPLIT, store.of(name)).run(requests, quiet)
    assert sorted(store.datasets) == ["a", "b"]
    store.forget("a")
    inner = Counting(SPLIT)
    for name in ("a", "b"):
        ReusingRunner(inner, SPLIT, store.of(name)).run(requests, quiet)
    assert inner.ran == ["seed 0"]
