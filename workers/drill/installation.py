"""An installation of the service for drills: its processes may be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from autosample.client import Client
from autosample.errors import ServiceError
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.engine import connect
from autosample.jobs.files import Files
from autosample.jobs.store import SqlJobStore
from migrations.upgrade import upgrade
from workers.drill.databases import Database

PATIENCE = 60.0
"""Seconds that steps which are not measured may take."""
WORKERS = 2


class DrillFailed(Exception):
    """Something that a drill waited for did not happen in time."""


def wait_for(ready: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
    """Wait until `ready` returns true; returns the seconds it took."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > seconds:
            raise DrillFailed(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)
    return time.monotonic() - began


@dataclass
class Installation:
    """An API and its workers in a folder of their own, with settings for drills."""

    home: Path
    database: Database
    lease: float
    pause: float
    count: int = WORKERS
    """Number of workers."""
    port: int = field(init=False)
    api: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    up: set[int] = field(default_factory=set)
    """Process ids of the workers whose Ray has been up."""

    def __post_init__(self) -> None:
        self.port = _free_port()
        upgrade(self.database.url)
        self.engine = connect(self.database.url)
        self.store = SqlJobStore(self.engine, lease=self.lease)
        self.files = Files((self.home / "files").as_uri())
        self.datasets = SqlDatasetStore(self.engine, self.files)
        self.client = Client(f"http://127.0.0.1:{self.port}")

    @property
    def env(self) -> dict[str, str]:
        """The environment of the processes."""
        settings = {
            "home": self.home,
            "database_url": self.database.url,
            "artifacts": (self.home / "files").as_uri(),
            "lease": self.lease,
            "poll": 0.1,
            "attempts": 20,
            "trials": 1,
            "object_store": 100 << 20,
            "drill_pause": self.pause,
            "rate": 1e6,
            "burst": 10**6,
        }
        inherited = dict(os.environ)
        inherited.pop("AUTOSAMPLE_ADMIN_KEY", None)
        return inherited | {
            f"AUTOSAMPLE_{name.upper()}": str(value) for name, value in settings.items()
        }

    def _start(self, *module: str) -> subprocess.Popen[bytes]:
        """Start a module with its arguments."""
        with (self.home / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", *module],
                env=self.env,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def complete(self) -> None:
        """Start processes that do not run, and wait until all answer."""
        wait_for(self._is_complete, "the API and the workers", 2 * PATIENCE)

    def _is_complete(self) -> bool:
        """Start processes that have ended; tells whether all are up.

        One that was terminated may end only after the first look, so each look starts
        those that are missing.
        """
        if self.api is None or self.api.poll() is not None:
            serve = ("autosample", "serve", "--no-worker", "--port", str(self.port))
            self.api = self._start(*serve)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.count:
            self.workers.append(self._start("workers"))
        return self._ray_is_up() and self._answers()

    def _answers(self) -> bool:
        try:
            self.client.datasets()
        except ServiceError:
            return False
        return True

    def _ray_is_up(self) -> bool:
        # A worker counts as up once it was: after a kill it has no trial for a while.
        pids = {worker.pid for worker in self.workers}
        self.up |= {pid for pid in pids if self.trials_of(pid)}
        return pids <= self.up

    def worker_of(self, name: str | None) -> subprocess.Popen[bytes]:
        """Return the process of the worker that claims jobs under a name."""
        for worker in self.workers:
            if name is not None and f"-{worker.pid}-" in name:
                return worker
        raise DrillFailed(f"no worker of this installation is named {name}")

    def trials_of(self, worker: int) -> list[psutil.Process]:
        """Return the trial processes of a worker."""
        return [
            process
            for process in self.family(worker)
            if "TrialActor" in command_line(process)
        ]

    def family(self, worker: int) -> list[psutil.Process]:
        """Return the processes that a worker has started, and theirs in turn."""
        try:
            return psutil.Process(worker).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> None:
        """End all processes, including frozen ones."""
        processes = [*self.workers] if self.api is None else [self.api, *self.workers]
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.client.close()
        self.engine.dispose()


def command_line(process: psutil.Process) -> str:
    """Return the command line of a process; empty once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
