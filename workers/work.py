"""What a worker does: claim jobs and run them, one after the other."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from uuid import uuid4

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from autosample.errors import NotFound
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.engine import connect
from autosample.jobs.files import Files
from autosample.jobs.logs import log_context
from autosample.jobs.settings import Settings
from autosample.jobs.state import Claim
from autosample.jobs.store import SqlJobStore
from autosample.jobs.sweep import DAY, Limits, Sweeper, known_datasets
from autosample.trials.reuse import TrainingStore
from workers import watchdog
from workers.attempt import Attempt
from workers.ray_pool import RayPool
from workers.ray_runner import JobRunners
from workers.shared_files import check_shared

_log = logging.getLogger(__name__)

LEAVING = 10.0
"""Seconds that a worker has to give its job back once Ray is lost."""


def run_worker(settings: Settings, stopping: threading.Event) -> None:
    """Start Ray and run jobs until `stopping` is set; no process of Ray is left.

    Raises RayLost where Ray was lost: another worker has to start with a new one.
    """
    guard = watchdog.start()
    pool = RayPool(settings, guard.folder, _leave)
    # Again, since Ray may have replaced the handlers that make this worker stop.
    stop_on_signals(stopping)
    try:
        if settings.ray_address is not None:
            check_shared(Files(settings.artifacts))
        work(settings, pool, stopping)
        pool.watch.check()
    finally:
        pool.shutdown()
        guard.stop()


def _leave() -> None:
    """End this process if it has not ended itself: a call of Ray may never return.

    A job that it still holds is then queued again once its lease runs out.
    """
    time.sleep(LEAVING)
    os._exit(1)


def stop_on_signals(stopping: threading.Event) -> None:
    """Set an event at Ctrl-C or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())


def work(settings: Settings, pool: RayPool, stopping: threading.Event) -> None:
    """Claim and run jobs until `stopping` is set or Ray is lost."""
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
    engine = connect(settings.database_url)
    store = SqlJobStore(engine, lease=settings.lease, attempts=settings.attempts)
    datasets = SqlDatasetStore(engine, Files(settings.artifacts))
    trainings = TrainingStore(settings.home / "trainings")
    limits = Limits(settings.keep_checkpoints * DAY, settings.keep_jobs * DAY or None)
    sweeper = Sweeper(engine, datasets.files, limits)
    sweeping = threading.Thread(
        target=_sweep, args=(sweeper, trainings, settings, stopping)
    )
    sweeping.start()
    _log.info("worker %s is ready and runs %d trials at a time", name, pool.size)
    while not (stopping.is_set() or pool.watch.is_lost):
        claim = _claim(store, name)
        if claim is None:
            stopping.wait(settings.poll)
            continue
        with log_context(job=str(claim.job.id), attempt=claim.job.attempts):
            _log.info("claimed")
            attempt = Attempt(claim, store, datasets, settings, stopping)
            runners = JobRunners(pool, trainings.of(claim.job.spec["dataset"]))
            attempt.run(runners.make)
            with suppress(NotFound, OperationalError):
                _log.info("ended as %s", store.get(claim.job.id).state)
    stopping.set()
    sweeping.join()
    engine.dispose()


def _claim(store: SqlJobStore, name: str) -> Claim | None:
    """Claim a job; None if there is none, or the database cannot be reached."""
    try:
        store.record_heartbeat(name)
        store.reap()
        return store.claim(name)
    except OperationalError:
        _log.exception("the database cannot be reached; trying again")
        return None


def _sweep(
    sweeper: Sweeper,
    trainings: TrainingStore,
    settings: Settings,
    stopping: threading.Event,
) -> None:
    """Delete files and rows that nothing needs, until `stopping` is set."""
    while not stopping.is_set():
        try:
            deleted = sweeper.sweep()
            ids = trainings.datasets
            for id in set(ids) - known_datasets(sweeper.engine, ids):
                trainings.forget(id)
            if deleted:
                _log.info("deleted %d jobs and folders that nothing needs", deleted)
        except (SQLAlchemyError, OSError):
            _log.exception("the sweep failed; trying again later")
        stopping.wait(settings.sweep)
