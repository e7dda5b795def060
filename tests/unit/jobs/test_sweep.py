"""Files that nothing speaks for go; all others stay."""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, update

from autosample.errors import UnknownJob
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.files import Files
from autosample.jobs.rows import uuid7
from autosample.jobs.state import Artifact, Claim, Failure
from autosample.jobs.store import SqlJobStore
from autosample.jobs.sweep import DAY, FRESH, Limits, Sweeper
from autosample.jobs.tables import jobs as jobs_table
from autosample.jobs.tables import workers

SPEC = {"dataset": "toy"}
FILE = Artifact(name="report.json", size=2, sha256="0" * 64)


@pytest.fixture
def files(datasets: SqlDatasetStore) -> Files:
    return datasets.files


def write(files: Files, place: str) -> None:
    files.system.makedirs(f"{files.root}/{place}", exist_ok=True)
    files.system.pipe_file(f"{files.root}/{place}/x", b"{}")


def there(files: Files, place: str) -> bool:
    return bool(files.system.exists(f"{files.root}/{place}"))


def started(jobs: SqlJobStore, files: Files) -> Claim:
    """Claim a job, which has checkpoints and a bundle put aside."""
    jobs.add(SPEC)
    claim = jobs.claim("w")
    assert claim is not None
    write(files, f"checkpoints/{claim.job.id}")
    write(files, f"jobs/{claim.job.id}/{claim.epoch}")
    return claim


def ended(engine: Engine, id: UUID, ago: float) -> None:
    with engine.begin() as db:
        when = select(jobs_table.c.finished - ago).where(jobs_table.c.id == id)
        then = update(jobs_table).where(jobs_table.c.id == id)
        db.execute(then.values(finished=when.scalar_subquery()))


def test_what_a_job_still_needs_stays(
    jobs: SqlJobStore, files: Files, engine: Engine
) -> None:
    running = started(jobs, files)
    published = started(jobs, files)
    folder = f"jobs/{published.job.id}/{published.epoch}"
    jobs.publish(published, {}, folder, [FILE])
    failed = started(jobs, files)
    jobs.fail(failed, Failure(reason="data", detail="bad"))
    Sweeper(engine, files, Limits()).sweep()
    assert there(files, f"checkpoints/{running.job.id}")
    assert there(files, f"jobs/{running.job.id}/{running.epoch}")
    assert there(files, folder)
    assert there(files, f"checkpoints/{failed.job.id}")
    assert there(files, "datasets/toy")


def test_leftovers_go(jobs: SqlJobStore, files: Files, engine: Engine) -> None:
    published = started(jobs, files)
    folder = f"jobs/{published.job.id}/{published.epoch}"
    write(files, f"jobs/{published.job.id}/99")  # of a worker that was presumed dead
    jobs.publish(published, {}, folder, [FILE])
    failed = started(jobs, files)
    jobs.fail(failed, Failure(reason="data", detail="bad"))
    ended(engine, failed.job.id, 2 * DAY)
    nobody = f"jobs/{uuid7()}", f"checkpoints/{uuid7()}"
    for place in nobody:
        write(files, place)
    sweeper = Sweeper(engine, files, Limits(checkpoints=DAY))
    assert sweeper.sweep() == 6
    assert there(files, folder)
    assert not there(files, f"jobs/{published.job.id}/99")
    assert not there(files, f"checkpoints/{published.job.id}")
    assert not there(files, f"checkpoints/{failed.job.id}")
    assert not any(there(files, place) for place in nobody)
    assert sweeper.sweep() == 0


def test_files_of_a_data_set_without_a_row_go_once_they_are_old(
    jobs: SqlJobStore, files: Files, engine: Engine
) -> None:
    for name in ("new", "old"):
        write(files, f"datasets/{name}")
    then = time.time() - FRESH - 60
    for path in (
        Path(files.root) / "datasets/old/x",
        Path(files.root) / "datasets/old",
    ):
        os.utime(path, (then, then))
    toy = Path(files.root) / "datasets/toy"
    for path in (*toy.iterdir(), toy):
        os.utime(path, (then, then))
    assert Sweeper(engine, files, Limits()).sweep() == 1
    assert sorted(files.names("datasets")) == ["new", "toy"]


def test_jobs_are_kept_as_long_as_is_asked(
    jobs: SqlJobStore, files: Files, engine: Engine
) -> None:
    old, young, running = (started(jobs, files) for _ in range(3))
    for each in (old, young):
        folder = f"jobs/{each.job.id}/{each.epoch}"
        jobs.publish(each, {}, folder, [FILE])
    ended(engine, old.job.id, 3 * DAY)
    ended(engine, young.job.id, 1 * DAY)
    Sweeper(engine, files, Limits(jobs=2 * DAY)).sweep()
    with pytest.raises(UnknownJob):
        jobs.get(old.job.id)
    assert not there(files, f"jobs/{old.job.id}")
    assert there(files, f"jobs/{young.job.id}")
    assert jobs.get(running.job.id).worker == "w"


def test_workers_of_long_ago_are_forgotten(
    jobs: SqlJobStore, files: Files, engine: Engine
) -> None:
    for name in ("dead", "alive"):
        jobs.record_heartbeat(name)
    with engine.begin() as db:
        long_ago = update(workers).where(workers.c.id == "dead")
        db.execute(long_ago.values(seen=workers.c.seen - 2 * DAY))
    Sweeper(engine, files, Limits()).sweep()
    with engine.begin() as db:
        assert list(db.scalars(select(workers.c.id))) == ["alive"]
