"""Ray for one search at the command line or in a notebook, gone when it is over."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from autosample.data.splits import Split
from autosample.jobs.settings import Settings
from autosample.trials import TrialRunner
from autosample.trials.checkpoints import FolderCheckpoints
from workers import watchdog
from workers.trials import RayPool, RayRunner


@contextmanager
def local(parallel: int | None) -> Iterator[Callable[[Split], TrialRunner]]:
    """Start Ray with so many trials at a time, None: one a core; end it with all its
    processes on the way out, also if this process is killed."""
    settings = Settings() if parallel is None else Settings(trials=parallel)
    with tempfile.TemporaryDirectory(prefix="autosample-") as folder:
        checkpoints = FolderCheckpoints(Path(folder).as_uri())
        guard = watchdog.start()
        pool = RayPool(settings, guard.folder)
        try:
            yield lambda split: RayRunner(pool, split, checkpoints, lambda: None)
        finally:
            pool.shutdown()
            guard.stop()
