"""A Ray of this machine for one search at the command line or in a notebook."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import ray

from autosample.jobs.settings import Settings
from autosample.trials import Runners
from autosample.trials.checkpoints import FolderCheckpoints
from workers import watchdog
from workers.ray_pool import RayPool
from workers.ray_runner import RayRunner

ONE_AT_A_TIME = threading.Lock()


@contextmanager
def local(parallel: int | None) -> Iterator[Runners]:
    """Start a Ray that runs `parallel` trials at a time (None: one per core).

    Ray and all its processes end with the block, even if this process is killed. A Ray
    that this process is connected to already is used, and left as it is. A process has
    one Ray, so searches in other threads wait.
    """
    settings = Settings() if parallel is None else Settings(trials=parallel)
    with (
        ONE_AT_A_TIME,
        tempfile.TemporaryDirectory(prefix="autosample-") as folder,
        _pool(settings) as pool,
    ):
        checkpoints = FolderCheckpoints(Path(folder).as_uri())
        yield partial(RayRunner, pool, checkpoints=checkpoints, tick=_never_stop)


@contextmanager
def _pool(settings: Settings) -> Iterator[RayPool]:
    if ray.is_initialized():
        # The watchdog would kill the processes of this Ray, which is not ours.
        pool = RayPool(settings)
        try:
            yield pool
        finally:
            pool.shutdown()
        return
    guard = watchdog.start()
    try:
        pool = RayPool(settings, guard.folder)
        try:
            yield pool
        finally:
            pool.shutdown()
    finally:
        guard.stop()


def _never_stop() -> None:
    """Do nothing: only the search's own listeners stop it."""
