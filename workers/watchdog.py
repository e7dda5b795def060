"""Ends what a dead worker left running.

Ray's own processes outlive a killed driver by a minute and more. The watchdog is told
of the worker's end by a pipe that closes, however it ends, and then kills every process
that carries the worker's token in its environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from uuid import uuid4

import psutil

TOKEN = "AUTOSAMPLE_WORKER_TOKEN"
ROUNDS = 20  # of a quarter of a second: children may still be starting others


def start() -> subprocess.Popen[bytes]:
    """Start a watchdog; what this process starts from now on carries its token."""
    token = uuid4().hex
    watchdog = subprocess.Popen(
        [sys.executable, "-P", "-m", "workers.watchdog", token],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    os.environ[TOKEN] = token
    return watchdog


def sweep(token: str) -> int:
    """Kill all processes that carry a token; returns how many were there."""
    found = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN) == token and process.pid != os.getpid():
                process.kill()
                found += 1
        except psutil.Error:
            continue  # it has just ended, or belongs to somebody else
    return found


def watch(token: str) -> None:
    """Wait until the worker is gone, then sweep until nothing is left."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for _ in range(ROUNDS):
        if sweep(token) == 0:
            return
        time.sleep(0.25)


if __name__ == "__main__":
    watch(sys.argv[1])
