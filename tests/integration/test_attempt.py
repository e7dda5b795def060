"""One attempt at a job, with a real store and real trainings, in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from autosample.bundle.recommender import load
from autosample.data.options import ReadOptions
from autosample.data.splits import Split
from autosample.data.synthetic import Synthetic
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.engine import connect
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings
from autosample.jobs.state import Claim, JobState
from autosample.jobs.store import SqlJobStore
from autosample.spec import SearchSpec
from autosample.trials import OnEpoch, Request, TrialResult
from autosample.trials.checkpoints import FolderCheckpoints
from autosample.trials.run import InProcessRunner
from migrations.upgrade import upgrade
from workers.attempt import Attempt, failure_of

SPEC: dict[str, Any] = {
    "dataset": "toy",
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
    "training": {"epochs": 6},
    "strategy": {"kind": "race", "warmup": 2, "rungs": [{"epochs": 2, "keep": 1}]},
}
Check = Callable[[], None]


class Rig:
    """A store, a data set and a folder for files."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.settings = Settings(home=home, lease=1.0, poll=0.05)
        self.files = Files(self.settings.artifacts)
        self.jobs = SqlJobStore(engine, lease=1.0, attempts=3)
        self.datasets = SqlDatasetStore(engine, self.files)
        self.stopping = threading.Event()
        made = Synthetic(users=80, items=60, pairs_per_user=10).build().dataset
        self.datasets.add("toy", "toy.csv", made, ReadOptions())

    def submit(self, **changes: Any) -> Claim:
        spec = SearchSpec.model_validate(SPEC | changes).model_dump(mode="json")
        self.jobs.add(spec)
        return self.claim()

    def claim(self) -> Claim:
        held = self.jobs.claim("w1")
        assert held is not None
        return held

    def attempt(self, claim: Claim) -> Attempt:
        return Attempt(claim, self.jobs, self.datasets, self.settings, self.stopping)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    upgrade(url)
    engine = connect(url)
    yield Rig(engine, tmp_path / "home")
    engine.dispose()


def in_process(split: Split, kept: FolderCheckpoints, check: Check) -> InProcessRunner:
    return InProcessRunner(split, kept)


class Interrupted:
    """Runs trials until something is done to the job, at its third pass."""

    parallel = 1

    def __init__(self, inner: InProcessRunner, act: Check, check: Check) -> None:
        self.inner, self.act, self.check, self.passes = inner, act, check, 0

    def run(self, requests: list[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        def heard(*about: Any) -> None:
            self.passes += 1
            if self.passes == 3:
                self.act()
                until = time.monotonic() + 10  # the news comes with a heartbeat
                while time.monotonic() < until:
                    self.check()
                    time.sleep(0.02)
            on_epoch(*about)

        return self.inner.run(requests, heard)


def interrupted(act: Check) -> Callable[[Split, FolderCheckpoints, Check], Any]:
    return lambda split, kept, check: Interrupted(
        InProcessRunner(split, kept), act, check
    )


def test_a_job_ends_with_a_verified_bundle(rig: Rig, tmp_path: Path) -> None:
    held = rig.submit()
    rig.attempt(held).run(in_process)
    job = rig.jobs.get(held.job.id)
    assert (job.state, job.progress, job.failure) == (JobState.SUCCEEDED, 1.0, None)
    folder, artifacts = rig.jobs.artifacts(job.id)
    assert {"bundle.zip", "sampler.json", "model.safetensors"} <= {
        a.name for a in artifacts
    }
    with rig.files.local(folder) as path:
        assert load(path / "bundle.zip").recommend(0, 3)
    assert rig.jobs.result(job.id)["chosen_label"] in ("uniform", "dns(pool=4)")


def test_what_it_needed_on_the_way_is_cleared_away(rig: Rig) -> None:
    held = rig.submit()
    rig.attempt(held).run(in_process)
    assert rig.files.names(f"checkpoints/{held.job.id}") == []
    assert rig.files.names(f"jobs/{held.job.id}") == ["1"]


def test_events_tell_stages_passes_and_rungs(rig: Rig) -> None:
    held = rig.submit()
    rig.attempt(held).run(in_process)
    events = rig.jobs.events(held.job.id, limit=1000)
    kinds = [event.kind for event in events]
    assert {"state", "stage", "epoch", "rung"} <= set(kinds)
    stages = list(dict.fromkeys(e.data["stage"] for e in events if e.kind == "stage"))
    assert stages == [
        "preparing",
        "searching",
        "retraining",
        "evaluating",
        "publishing",
    ]


def test_a_failing_job_ends_with_a_readable_reason(rig: Rig) -> None:
    held = rig.submit(training={"epochs": 3, "learning_rate": 1e30})
    rig.attempt(held).run(in_process)
    job = rig.jobs.get(held.job.id)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason == "search"
    assert "lower it, or raise l2" in job.failure.detail


def test_an_unforeseen_error_fails_the_job_and_not_the_worker(rig: Rig) -> None:
    def broken(*_: Any) -> InProcessRunner:
        raise RuntimeError("boom")

    held = rig.submit()
    rig.attempt(held).run(broken)
    failure = rig.jobs.get(held.job.id).failure
    assert failure is not None
    assert failure.reason == "internal"
    assert "RuntimeError" in failure.detail
    assert "boom" not in failure.detail  # the log has it, and whatever it names


def test_a_database_that_is_away_costs_an_attempt_and_not_the_job(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, load = rig.submit(), SqlDatasetStore.load

    def away(*_: Any) -> Any:
        raise OperationalError("SELECT 1", {}, Exception("it is shutting down"))

    monkeypatch.setattr(SqlDatasetStore, "load", away)
    rig.attempt(held).run(in_process)
    assert rig.jobs.get(held.job.id).state is JobState.RUNNING
    monkeypatch.setattr(SqlDatasetStore, "load", load)
    with rig.jobs.engine.begin() as db:
        db.exec_driver_sql("UPDATE jobs SET lease_until = 0")
    assert rig.jobs.reap() == [held.job.id]
    rig.attempt(rig.claim()).run(in_process)
    job = rig.jobs.get(held.job.id)
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 2)


def test_a_cancel_stops_it_in_the_middle(rig: Rig) -> None:
    held = rig.submit()
    began = time.monotonic()
    rig.attempt(held).run(interrupted(lambda: _ignore(rig.jobs.cancel(held.job.id))))
    assert rig.jobs.get(held.job.id).state is JobState.CANCELLED
    assert time.monotonic() - began < 5
    assert rig.files.names(f"checkpoints/{held.job.id}") == []


def test_a_cancel_that_comes_too_late_for_the_work_leaves_nothing_of_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, put = rig.submit(), Files.put

    def cancelled_meanwhile(files: Files, folder: Path, place: str) -> Any:
        stored = put(files, folder, place)
        rig.jobs.cancel(held.job.id)
        return stored

    monkeypatch.setattr(Files, "put", cancelled_meanwhile)
    rig.attempt(held).run(in_process)
    assert rig.jobs.get(held.job.id).state is JobState.CANCELLED
    assert rig.files.names(f"jobs/{held.job.id}") == []
    assert rig.files.names(f"checkpoints/{held.job.id}") == []


def _ignore(_: object) -> None:
    """Make a statement of an expression."""


def test_a_stopping_worker_gives_its_job_back_and_the_next_one_finishes(
    rig: Rig,
) -> None:
    held = rig.submit()
    rig.attempt(held).run(interrupted(rig.stopping.set))
    job = rig.jobs.get(held.job.id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    rig.stopping.clear()
    rig.attempt(rig.claim()).run(in_process)
    assert rig.jobs.get(job.id).state is JobState.SUCCEEDED


def test_a_worker_that_lost_its_job_stops_and_publishes_nothing(rig: Rig) -> None:
    held = rig.submit()
    taken: list[Claim] = []

    def lose() -> None:
        """Let the lease run out unseen, as a frozen worker does."""
        with rig.jobs.engine.begin() as db:
            db.exec_driver_sql("UPDATE jobs SET lease_until = 0")
        rig.jobs.reap()
        taken.append(rig.claim())

    rig.attempt(held).run(interrupted(lose))
    job = rig.jobs.get(held.job.id)
    assert (job.state, job.epoch) == (JobState.RUNNING, 2)
    rig.attempt(taken[0]).run(in_process)
    assert rig.jobs.get(held.job.id).state is JobState.SUCCEEDED
    assert rig.jobs.artifacts(held.job.id)[0].endswith("/2")
    assert rig.files.names(f"jobs/{held.job.id}") == ["2"]


def test_a_second_attempt_does_not_repeat_finished_trials(rig: Rig) -> None:
    held = rig.submit()
    rig.attempt(held).run(interrupted(rig.stopping.set))
    rig.stopping.clear()
    again = rig.claim()
    rig.attempt(again).run(in_process)
    events = rig.jobs.events(held.job.id, limit=1000)
    supernet = [
        e for e in events if e.kind == "epoch" and e.data["trial"] == "supernet"
    ]
    assert [e.data["epoch"] for e in supernet] == [1, 2]  # in the first attempt alone


def test_resumed_or_not_the_result_is_the_same(rig: Rig) -> None:
    whole = rig.submit()
    rig.attempt(whole).run(in_process)
    broken = rig.submit()
    rig.attempt(broken).run(interrupted(rig.stopping.set))
    rig.stopping.clear()
    rig.attempt(rig.claim()).run(in_process)
    digests = [
        {a.name: a.sha256 for a in rig.jobs.artifacts(held.job.id)[1]}
        for held in (whole, broken)
    ]
    for name in ("model.safetensors", "sampler.json", "metrics.json", "seen.parquet"):
        assert digests[0][name] == digests[1][name], name


def test_failures_are_put_into_words() -> None:
    assert failure_of(KeyError("x")).reason == "internal"
