"""A worker: claims jobs one after the other until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated
from uuid import uuid4

import typer
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from autosample.data.splits import Split
from autosample.errors import NotFound
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.engine import connect
from autosample.jobs.files import Files
from autosample.jobs.logs import log_context, configure
from autosample.jobs.settings import Settings
from autosample.jobs.state import Claim
from autosample.jobs.store import SqlJobStore
from autosample.jobs.sweep import DAY, Limits, Sweeper, known_datasets
from autosample.trials import TrialRunner
from autosample.trials.checkpoints import Checkpoints
from autosample.trials.reuse import ReusingRunner, TrainingStore
from migrations.upgrade import upgrade
from workers import watchdog
from workers.attempt import Attempt
from workers.trials import RayPool, RayRunner

_log = logging.getLogger(__name__)

HERE = 60.0  # seconds within which a worker that runs has shown itself


def worker(
    with_parent: Annotated[
        bool, typer.Option(hidden=True, help="Stop when standard input closes.")
    ] = False,
    check: Annotated[
        bool, typer.Option(help="Only tell whether one runs on this host: 0 or 1.")
    ] = False,
) -> None:
    """Run jobs until stopped; a running one goes back to the queue."""
    settings = Settings()
    if check:
        raise typer.Exit(0 if _is_here(settings) else 1)
    configure(settings.log)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    if with_parent:
        threading.Thread(target=_follow_parent, args=(stopping,), daemon=True).start()
    if settings.embedded:
        upgrade(settings.database_url)
    guard = watchdog.start()
    # Ray may take the signal handlers; ours are for draining.
    pool = RayPool(settings, guard.folder)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        work(settings, pool, stopping)
    finally:
        pool.shutdown()
        guard.stop()


def _is_here(settings: Settings) -> bool:
    """Tell whether a worker of this host showed itself of late."""
    engine = connect(settings.database_url)
    try:
        ago = SqlJobStore(engine).seconds_since_heartbeat(socket.gethostname())
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()
    return ago is not None and ago < HERE


def work(settings: Settings, pool: RayPool, stopping: threading.Event) -> None:
    """Claim and run jobs until told to stop."""
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
    engine = connect(settings.database_url)
    store = SqlJobStore(engine, lease=settings.lease, attempts=settings.attempts)
    datasets = SqlDatasetStore(engine, Files(settings.artifacts))
    kept = TrainingStore(settings.home / "trainings")
    limits = Limits(settings.keep_checkpoints * DAY, settings.keep_jobs * DAY or None)
    sweeper = Sweeper(engine, datasets.files, limits)
    asides = threading.Thread(target=_sweep, args=(sweeper, kept, settings, stopping))
    asides.start()
    _log.info("worker %s is ready for jobs, %d trials at a time", name, pool.size)
    while not stopping.is_set():
        claim = _claimed(store, name)
        if claim is None:
            stopping.wait(settings.poll)
            continue
        with log_context(job=str(claim.job.id), attempt=claim.job.attempts):
            _log.info("claimed")
            attempt = Attempt(claim, store, datasets, settings, stopping)
            own = kept.of(claim.job.spec["dataset"])
            attempt.run(lambda *given, own=own: _runner(pool, own, *given))
            with suppress(NotFound, OperationalError):
                _log.info("ended as %s", store.get(claim.job.id).state)
    asides.join()
    engine.dispose()


def _claimed(store: SqlJobStore, name: str) -> Claim | None:
    try:
        store.record_heartbeat(name)
        store.reap()
        return store.claim(name)
    except OperationalError:
        _log.exception("the database cannot be asked; trying again")
        return None


def _sweep(
    sweeper: Sweeper, kept: TrainingStore, settings: Settings, stopping: threading.Event
) -> None:
    """Delete what nothing needs any more, until told to stop."""
    while not stopping.is_set():
        try:
            gone = sweeper.sweep()
            there = known_datasets(sweeper.engine, parts := kept.parts)
            for part in set(parts) - there:
                kept.forget(part)
            if gone:
                _log.info("%d jobs and folders that nothing needs are deleted", gone)
        except (SQLAlchemyError, OSError):
            _log.exception("looking for leftovers is tried again")
        stopping.wait(settings.sweep)


def _runner(
    pool: RayPool,
    kept: TrainingStore,
    split: Split,
    checkpoints: Checkpoints,
    tick: Callable[[], None],
) -> TrialRunner:
    return ReusingRunner(RayRunner(pool, split, checkpoints, tick), split, kept)


def _follow_parent(stopping: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):  # a pipe to a parent that never writes
        pass
    stopping.set()
