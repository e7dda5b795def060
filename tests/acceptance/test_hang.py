"""A trial whose process hangs is run again elsewhere; a budget ends what hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autosample.jobs.settings import Settings
from autosample.training import Epoch
from autosample.trials import Request, Trial
from autosample.trials.checkpoints import FolderCheckpoints
from autosample.trials.run import InProcessRunner
from tests.fakes import SPLIT, quiet, same, trial
from workers.ray_pool import RayPool
from workers.ray_runner import RayRunner

pytestmark = pytest.mark.slow

STALL = 6.0  # seconds; the first pass of a process takes a second or two


@pytest.fixture
def pool() -> Iterator[RayPool]:
    made = RayPool(Settings(trials=1, object_store=100 << 20, stall=STALL))
    yield made
    made.shutdown()


def test_a_frozen_trial_goes_on_in_another_process(
    pool: RayPool, tmp_path: Path
) -> None:
    frozen: list[int] = []

    def freeze(_: Trial, __: Epoch) -> None:
        if not frozen:
            mine = psutil.Process().children(recursive=True)
            frozen.extend(p.pid for p in mine if p.name().startswith("ray::Trial"))
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)

    request = Request(trial(epochs=300))
    runner = RayRunner(pool, SPLIT, FolderCheckpoints(tmp_path.as_uri()), lambda: None)
    [found] = runner.run([request], freeze)
    [expected] = InProcessRunner(SPLIT).run([request], quiet)
    assert len(frozen) == 1
    assert same(found, expected)
    assert not psutil.pid_exists(frozen[0])
