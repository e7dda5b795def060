"""An attempt ends, whatever its trials do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine

from autosample.data.options import ReadOptions
from autosample.data.splits import Split
from autosample.data.synthetic import Synthetic
from autosample.errors import UnknownJob
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.engine import connect
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings
from autosample.jobs.state import JobState
from autosample.jobs.store import SqlJobStore
from autosample.spec import SearchSpec
from autosample.trials import OnEpoch, Request, TrialResult
from autosample.trials.checkpoints import Checkpoints
from autosample.trials.study import Study, Tried
from migrations.upgrade import upgrade
from workers import attempt as attempts
from workers.attempt import Attempt

LEASE = 5.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture
def jobs(engine: Engine) -> SqlJobStore:
    return SqlJobStore(engine, lease=LEASE)


@pytest.fixture
def datasets(engine: Engine, tmp_path: Path) -> SqlDatasetStore:
    store = SqlDatasetStore(engine, Files((tmp_path / "files").as_uri()))
    made = Synthetic(users=60, items=40, pairs_per_user=8).build().dataset
    store.add("toy", "toy.csv", made, ReadOptions())
    return store


class Hanging:
    """Runs nothing, for ever; asks, as runners do, whether to stop."""

    parallel = 1

    def __init__(self, tick: Callable[[], None]) -> None:
        self.tick = tick

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        while True:
            self.tick()
            time.sleep(0.01)

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        raise NotImplementedError


def hanging(_: Split, __: Checkpoints, tick: Callable[[], None]) -> Hanging:
    return Hanging(tick)


def attempt(jobs: SqlJobStore, datasets: SqlDatasetStore, **fields: object) -> Attempt:
    spec = SearchSpec.model_validate({"dataset": "toy", **fields})
    jobs.add(spec.model_dump(mode="json"))
    claim = jobs.claim("w")
    assert claim is not None
    settings = Settings(home=Path(datasets.files.root).parent)
    return Attempt(claim, jobs, datasets, settings, threading.Event())


def test_a_hanging_trial_does_not_outlive_its_budget_of_seconds(
    jobs: SqlJobStore, datasets: SqlDatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "SLACK", (1.0, 0.5))
    running = attempt(jobs, datasets, budget={"seconds": 1.0})
    began = time.monotonic()
    running.run(hanging)
    job = jobs.get(running.claim.job.id)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason == "budget"
    assert 1.5 <= time.monotonic() - began < 30


def test_a_job_that_is_gone_does_not_end_its_worker(
    jobs: SqlJobStore, datasets: SqlDatasetStore
) -> None:
    running = attempt(jobs, datasets)
    id = running.claim.job.id

    def taken_away(_: Split, __: Checkpoints, ___: Callable[[], None]) -> Hanging:
        jobs.cancel(id)
        jobs.confirm_cancel(running.claim)
        jobs.delete(id)
        return Hanging(running.check)

    running.run(taken_away)
    with pytest.raises(UnknownJob):
        jobs.get(id)
