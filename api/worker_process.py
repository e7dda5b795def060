"""A worker process beside the API, started again when it dies."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

_log = logging.getLogger(__name__)

PATIENCE = 20.0  # seconds a worker has to give its job back
PAUSE = 1.0  # seconds before a dead worker is replaced; doubles each time
LONGEST = 30.0


class WorkerProcess:
    """Runs `autosample worker`; its standard input tells it that we are alive."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._keep_alive, daemon=True)

    def start(self) -> None:
        self._process = self._spawn()
        self._watch.start()

    def stop(self) -> None:
        """Ask the worker to stop, and see that it does."""
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
        # In a session of its own, so that Ctrl-C reaches it through us alone; it stops
        # by itself when the pipe closes, however we end.
        # -P: nothing in the folder we were started from can stand in for a module.
        command = [sys.executable, "-P", "-m", "workers", "--with-parent"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def _keep_alive(self) -> None:
        pause = PAUSE
        while not self._stopping.is_set():
            assert self._process is not None
            code = self._process.wait()
            if self._stopping.wait(pause):
                return
            _log.warning("the worker ended with code %s; starting another", code)
            self._process = self._spawn()
            pause = min(2 * pause, LONGEST)
