"""A Ray of this machine for one search at the command line or in a notebook."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from autosample.jobs.settings import Settings
from autosample.trials import Runners
from autosample.trials.checkpoints import FolderCheckpoints
from workers import watchdog
from workers.ray_pool import RayPool
from workers.ray_runner import RayRunner


@contextmanager
def local(parallel: int | None) -> Iterator[Runners]:
    """Start a Ray that runs `parallel` trials at a time (None: one per core).

    Ray and all its processes end with the block, even if this process is killed.
    """
    settings = Settings() if parallel is None else Settings(trials=parallel)
    with tempfile.TemporaryDirectory(prefix="autosample-") as folder:
        checkpoints = FolderCheckpoints(Path(folder).as_uri())
        guard = watchdog.start()
        pool = RayPool(settings, guard.folder)
        try:
            yield partial(RayRunner, pool, checkpoints=checkpoints, tick=_never_stop)
        finally:
            pool.shutdown()
            guard.stop()


def _never_stop() -> None:
    """Do nothing: only the search's own listeners stop it."""
