"""An API and two workers in a folder of their own, to be killed and started again."""

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

PATIENCE = 60.0  # seconds that anything may take which is not measured
WORKERS = 2


class DrillFailed(Exception):
    """Something did not happen in time."""


def wait_for(ready: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
    """Wait until something holds; returns the seconds it took."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > seconds:
            raise DrillFailed(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)
    return time.monotonic() - began


@dataclass
class Installation:
    """Processes of a service whose settings are set for drills."""

    home: Path
    database: Database
    lease: float
    pause: float
    count: int = WORKERS
    """Workers beside the API."""
    port: int = field(init=False)
    api: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    up: set[int] = field(default_factory=set)

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
        told = {
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
        named = {f"AUTOSAMPLE_{name.upper()}": str(v) for name, v in told.items()}
        plain = {n: v for n, v in os.environ.items() if n != "AUTOSAMPLE_ADMIN_KEY"}
        return plain | named

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.home / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", *words],
                env=self.env,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def complete(self) -> None:
        """Start what is not running, and wait until it answers."""
        wait_for(self._is_complete, "the API and the workers", 2 * PATIENCE)

    def _is_complete(self) -> bool:
        """Start what has ended, also what has been told to and takes its time."""
        if self.api is None or self.api.poll() is not None:
            serve = ("autosample", "serve", "--no-worker", "--port", str(self.port))
            self.api = self._start(*serve)
        self.workers = [each for each in self.workers if each.poll() is None]
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
        # One that was up once stays so: whose trial is killed has none for a while.
        up = {each.pid for each in self.workers if self.trials_of(each.pid)}
        self.up |= up
        return all(each.pid in self.up for each in self.workers)

    def worker_of(self, name: str | None) -> subprocess.Popen[bytes]:
        """Return the process of a worker by the name that it claims under."""
        for each in self.workers:
            if name is not None and f"-{each.pid}-" in name:
                return each
        raise DrillFailed(f"no worker of ours is {name}")

    def trials_of(self, worker: int) -> list[psutil.Process]:
        """Return the trial processes of a worker."""
        return [each for each in self.family(worker) if "TrialActor" in words_of(each)]

    def family(self, worker: int) -> list[psutil.Process]:
        """Return what a worker has started, and what that has."""
        try:
            return psutil.Process(worker).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> None:
        """End everything, also what is frozen."""
        for each in [self.api, *self.workers]:
            if each is not None and each.poll() is None:
                each.send_signal(signal.SIGCONT)
                each.terminate()
        for each in [self.api, *self.workers]:
            if each is None:
                continue
            try:
                each.wait(20)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
        self.client.close()
        self.engine.dispose()


def words_of(process: psutil.Process) -> str:
    """Return the command line of a process; empty when it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
