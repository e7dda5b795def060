"""Whole jobs through REST on real data: wall time, peak memory, quality.

    python -m benchmarks.jobs [--only gowalla] [--verify dns] [--epochs 40] [--out F]

A service of its own per run; memory is the sum of the proportional set sizes of all its
processes (API, worker, Ray), looked at every second. With --verify KIND the search is
left out: that sampler, as a search chose it, and plain uniform are trained from scratch
under three seeds and compared on the test split.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from autosample.client import Client
from autosample.errors import ServiceError
from benchmarks.data import paths

JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "ml-latest-small": ("ml-latest-small", {}),
    "lastfm": ("lastfm", {}),
    "lastfm-lightgcn": ("lastfm", {"model": {"kind": "lightgcn"}}),
    "gowalla": ("gowalla", {}),
}

NO_SEARCH: dict[str, Any] = {
    "verify": True,
    "warm_start": False,
    "strategy": {"kind": "race", "warmup": 0, "rungs": [{"epochs": 1, "keep": 1}]},
}


class Memory(threading.Thread):
    """The peak of what all processes of a service hold together."""

    def __init__(self, home: str) -> None:
        super().__init__(daemon=True)
        self.home, self.peak, self.over = home, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(1.0):
            self.peak = max(self.peak, sum(map(_held, self._processes())))

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("AUTOSAMPLE_HOME") == self.home:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def run(name: str, verify: str | None, extra: dict[str, Any]) -> dict[str, Any]:
    """Run one job on a service of its own and return what it took."""
    data, spec = JOBS[name]
    if verify:
        spec = spec | NO_SEARCH | {"candidates": [{"kind": verify}]}
    spec = spec | extra
    train, test = paths(data)
    with tempfile.TemporaryDirectory() as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [sys.executable, "-m", "autosample", "serve", "--port", str(port)]
        env = os.environ | {"AUTOSAMPLE_HOME": home}
        log = (Path(home) / "log.txt").open("wb")
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        memory = Memory(home)
        memory.start()
        try:
            with Client(f"http://127.0.0.1:{port}") as client:
                _await(client)
                found = _measured(client, (train, test), spec)
                return {"job": name, "peak_mb": round(memory.peak / 2**20)} | found
        finally:
            memory.over.set()
            server.send_signal(signal.SIGINT)
            server.wait()


def _await(client: Client) -> None:
    for _ in range(300):
        try:
            client.datasets()
            return
        except ServiceError:
            time.sleep(0.2)
    raise SystemExit("the service did not start")


def _measured(
    client: Client, files: tuple[Path, Path | None], spec: dict[str, Any]
) -> dict[str, Any]:
    began = time.perf_counter()
    dataset = client.upload(files[0], test=files[1])
    uploaded = time.perf_counter() - began
    began = time.perf_counter()
    job = client.submit(dataset["id"], **spec)
    job.wait()
    wall = time.perf_counter() - began
    report = job.result()
    found: dict[str, Any] = {
        "upload_s": round(uploaded, 1),
        "wall_s": round(wall, 1),
        "stages_s": _stages(job),
        "chosen": report["chosen_label"],
        "candidates": {
            each["name"]: each["metric"] and round(each["metric"]["mean"], 4)
            for each in report["candidates"]
        },
        "test": {metric: round(value, 4) for metric, value in report["test"].items()},
        "verdict": report["verdict"]["text"],
        "costs": report["costs"],
    }
    if report["verification"]:
        found["verification"] = report["verification"]
    return found


def _stages(job: Any) -> dict[str, float]:
    """Seconds from each stage's first event to the next one's."""
    events: list[dict[str, Any]] = []
    while new := job.events(after=events[-1]["id"] if events else 0):
        events += new
    starts: dict[str, float] = {}
    for event in events:
        when = time.mktime(time.strptime(event["time"][:19], "%Y-%m-%dT%H:%M:%S"))
        starts.setdefault(event["data"].get("stage", event["data"].get("state")), when)
    return {name: starts[after] - starts[name] for name, after in pairwise(starts)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(JOBS))
    parser.add_argument("--verify", metavar="KIND")
    parser.add_argument(
        "--epochs", type=int, help="largest number of epochs of a training"
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = []
    for name in given.only or JOBS:
        extra = {"training": {"epochs": given.epochs}} if given.epochs else {}
        found.append(run(name, given.verify, extra))
        print(json.dumps(found[-1], indent=1), flush=True)
        if given.out:
            given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
