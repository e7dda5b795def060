"""Ends what a dead worker left running.

Ray's own processes outlive a killed driver by a minute and more. The watchdog is told
of the worker's end by a pipe that closes, however it ends, and then kills what the
worker was seen to have started, and every process that carries its token in its
environment. One alone is not enough: Ray's agents write their titles over their
environment, and what was started last may not have been seen.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil

from autosample.jobs.scratch import clear_scratch, make_scratch

TOKEN = "AUTOSAMPLE_WORKER_TOKEN"
PREFIX = "as-ray-"
ROUNDS = 20  # of a quarter of a second: children may still be starting others
LOOK = 1.0  # seconds between looks at what the worker has started


@dataclass(frozen=True)
class Guard:
    """A watchdog at work."""

    process: subprocess.Popen[bytes]
    folder: Path
    """For files that are to go when the worker does, such as Ray's."""

    def stop(self) -> None:
        """Let it end what is left, and wait for that."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def start() -> Guard:
    """Start a watchdog; what this process starts from now on carries its token."""
    token = uuid4().hex
    # A short name: Ray's sockets lie below it, and their paths have a limit.
    clear_scratch(PREFIX)
    folder = make_scratch(PREFIX)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "workers.watchdog", token, str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    os.environ[TOKEN] = token
    return Guard(process, folder)


def sweep(token: str, seen: Iterable[psutil.Process] = ()) -> int:
    """Kill what was seen and all that carry a token; returns how many were there."""
    there = {*_running(seen), *psutil.process_iter()}
    found, known = 0, set(seen)
    for process in there:
        try:
            ours = process in known or process.environ().get(TOKEN) == token
            if ours and process.pid != os.getpid():
                process.kill()
                found += 1
        except psutil.Error:
            continue  # it has just ended, or belongs to somebody else
    return found


def _running(seen: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those that are still there, and not others under their numbers."""
    return [
        each
        for each in seen
        if each.is_running() and each.status() != psutil.STATUS_ZOMBIE
    ]


def watch(token: str, folder: Path) -> None:
    """Wait until the worker is gone, then sweep until nothing is left."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    worker, seen = psutil.Process(os.getppid()), set[psutil.Process]()
    while not select.select([sys.stdin], [], [], LOOK)[0]:
        with suppress(psutil.Error):
            seen = set(_running(seen)) | set(worker.children(recursive=True))
    for _ in range(ROUNDS):
        if sweep(token, seen) == 0:
            break
        time.sleep(0.25)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(sys.argv[1], Path(sys.argv[2]))
