"""Kills what a dead worker left running.

Ray's processes outlive a killed driver by a minute or more. The watchdog is a process
of its own, outside Ray and in its own session, so that it survives whatever ends the
worker. It reads from a pipe that closes when the worker ends in any way. Then it kills
every process that it saw the worker start, and every process with the worker's token
in its environment. Neither is enough alone: Ray's agents overwrite their environment
with their titles, and a process that was started last may not have been seen.
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
LONGEST = 40
"""Most bytes of the folder's path: a socket's path has 107, and Ray adds 62."""
ROUNDS = 20
"""Most sweeps, a quarter of a second apart: children may still start others."""
LOOK = 1.0
"""Seconds between two looks at the processes that the worker has started."""


@dataclass(frozen=True)
class Guard:
    """A watchdog process, and the temporary folder that it deletes in the end."""

    process: subprocess.Popen[bytes]
    folder: Path
    """For files that must not outlive the worker, such as those of Ray."""

    def stop(self) -> None:
        """Let it kill what still runs, and wait until it has."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def start() -> Guard:
    """Start a watchdog; later child processes inherit its token."""
    token = uuid4().hex
    clear_scratch(PREFIX)
    # The name is short because the paths of Ray's sockets in it have a limit.
    folder = make_scratch(PREFIX)
    if len(os.fsencode(folder)) > LONGEST:
        folder.rmdir()
        folder = make_scratch(PREFIX, Path("/tmp"))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "workers.watchdog", token, str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    os.environ[TOKEN] = token
    return Guard(process, folder)


def sweep(token: str, seen: Iterable[psutil.Process] = ()) -> int:
    """Kill the processes seen and all with the token; returns how many there were."""
    killed, known = 0, set(seen)
    for process in {*_running(seen), *psutil.process_iter()}:
        try:
            ours = process in known or process.environ().get(TOKEN) == token
            if ours and process.pid != os.getpid():
                process.kill()
                killed += 1
        except psutil.Error:
            continue  # it has just ended, or is another user's
    return killed


def _running(seen: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return the processes that still run; a reused process id does not count."""
    return [
        process
        for process in seen
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


def watch(token: str, folder: Path) -> None:
    """Wait until the worker has ended, then sweep until nothing of it runs."""
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
