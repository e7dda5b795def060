"""A worker process beside the API, which is replaced when it dies."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

_log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds that a worker has to give its job back."""
PAUSE = 1.0
"""Seconds before a dead worker is replaced; they double each time."""
LONGEST = 30.0
"""Most seconds before a dead worker is replaced."""


class WorkerProcess:
    """Runs `python -m workers`, which stops once its standard input is closed."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._keep_alive, daemon=True)

    def start(self) -> None:
        """Start the worker, and the thread that replaces it."""
        self._process = self._spawn()
        self._watch.start()

    def stop(self) -> None:
        """Stop the worker; it is killed if it takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        # In a session of its own, so that Ctrl-C does not reach it directly. The pipe
        # closes however this process ends, and the worker stops then. With -P a file in
        # the current folder cannot take the place of a module.
        command = [sys.executable, "-P", "-m", "workers", "--with-parent"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def _keep_alive(self) -> None:
        """Replace the worker whenever it ends, until `stop`."""
        pause = PAUSE
        while not self._stopping.is_set():
            assert self._process is not None
            code = self._process.wait()
            if self._stopping.wait(pause):
                return
            _log.warning("the worker ended with code %s; starting another", code)
            self._process = self._spawn()
            pause = min(2 * pause, LONGEST)
