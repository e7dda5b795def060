"""A real service for tests: API and workers as processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from autosample.client import Client
from autosample.errors import ServiceError


class Service:
    """An API process; workers are started and killed one by one."""

    def __init__(self, home: Path, **settings: object) -> None:
        self.home, self.port = home, _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        wanted = {"home": home, "poll": 0.1, "lease": 4, "attempts": 20} | settings
        self.env = os.environ | _environment(wanted)
        self.client = Client(self.url)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str, **settings: object) -> subprocess.Popen[bytes]:
        """Start `python -m ...` with this service's settings, and with others."""
        with (self.home.parent / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *words],
                env=self.env | _environment(settings),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self.started.append(process)
        return process

    def serve(self, *words: str) -> subprocess.Popen[bytes]:
        process = self.start("autosample", "serve", "--port", str(self.port), *words)
        wait_for(lambda: self._answers(process), "the service to answer")
        return process

    def worker(self, **settings: object) -> subprocess.Popen[bytes]:
        return self.start("workers", **settings)

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.log()
        try:
            self.client.datasets()
        except ServiceError:
            return False
        return True

    def log(self) -> str:
        return (self.home.parent / "log.txt").read_text()

    def processes(self) -> list[str]:
        """Return what still runs with this service's settings in its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("AUTOSAMPLE_HOME") == str(self.home):
                    found.append(" ".join(process.cmdline())[:120])
            except psutil.Error:
                continue
        return found

    def stop(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.client.close()


def _environment(settings: dict[str, object]) -> dict[str, str]:
    return {f"AUTOSAMPLE_{name.upper()}": str(settings[name]) for name in settings}


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 300) -> None:
    """Wait until something holds; fails naming it if it does not in time.

    A worker starts in 13 seconds on two idle cores, and in 100 where four other
    processes compute, so the time is ample: only a failure waits for all of it.
    """
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
