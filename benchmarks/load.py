"""Many clients at once: `python -m benchmarks.load [--workers 4]`.

200 tiny jobs from 20 clients, who ask for their states until all have ended, and 50
streams of events beside, against an API, a Postgres and workers of its own. Writes
`benchmarks/results/load.json`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import numpy as np

from autosample.client import Client
from autosample.data.options import ReadOptions
from autosample.data.synthetic import Synthetic
from workers.drill.databases import OwnPostgres
from workers.drill.installation import Installation

RESULT = Path("benchmarks/results/load.json")
CLIENTS, JOBS, STREAMS = 20, 200, 50
SPEC: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
    "training": {"epochs": 3},
    "strategy": {"kind": "race", "rungs": [{"epochs": 1, "keep": 1}]},
}
T = TypeVar("T")


class Clock:
    """How long requests of one kind took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, ask: Callable[[], T]) -> T:
        began = time.perf_counter()
        answer = ask()
        self.seconds.append(time.perf_counter() - began)
        return answer

    def told(self) -> dict[str, float]:
        each = np.array(self.seconds) * 1000
        quantiles = {"p50_ms": 50, "p99_ms": 99, "max_ms": 100}
        found = {
            n: round(float(np.percentile(each, q)), 1) for n, q in quantiles.items()
        }
        return {"count": len(each), **found}


def one_client(url: str, submits: Clock, states: Clock) -> list[str]:
    """Submit a share of the jobs, and ask until they have ended; returns how."""
    with Client(url) as client:
        share = range(JOBS // CLIENTS)
        jobs = [submits(lambda: client.submit("load", **SPEC)) for _ in share]
        ended: dict[str, str] = {}
        while len(ended) < len(jobs):
            for job in jobs:
                if job.id not in ended:
                    state = states(job.status)["state"]
                    if state in ("succeeded", "failed", "cancelled"):
                        ended[job.id] = state
            time.sleep(0.5)
        return list(ended.values())


def one_stream(url: str, id: str) -> bool:
    """Follow a job to its end; returns whether the stream told of it."""
    last = ""
    with httpx2.stream("GET", f"{url}/v1/jobs/{id}/events", timeout=900) as answer:
        for line in answer.iter_lines():
            last = line if line.startswith("data: ") else last
    data = json.loads(last.removeprefix("data: "))
    return (data["kind"], data["data"].get("state")) == ("state", "succeeded")


def run(place: Installation) -> dict[str, Any]:
    url = f"http://127.0.0.1:{place.port}"
    submits, states, began = Clock(), Clock(), time.perf_counter()
    with ThreadPoolExecutor(CLIENTS + STREAMS) as pool:
        clients = [
            pool.submit(one_client, url, submits, states) for _ in range(CLIENTS)
        ]
        while place.store.page(limit=STREAMS).next_token is None:
            time.sleep(0.1)
        some = place.store.page(limit=STREAMS).jobs
        streams = [pool.submit(one_stream, url, str(job.id)) for job in some]
        ended = [state for each in clients for state in each.result()]
        told = [each.result() for each in streams]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "clients": CLIENTS,
        "workers": place.count,
        "jobs": len(ended),
        "succeeded": ended.count("succeeded"),
        "streams": len(told),
        "streams_to_the_end": sum(told),
        "seconds": round(time.perf_counter() - began, 1),
        "submit": submits.told(),
        "status": states.told(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    count = parser.parse_args().workers
    with tempfile.TemporaryDirectory(prefix="autosample-load-") as folder:
        home, data = Path(folder) / "home", Path(folder) / "postgres"
        home.mkdir()
        data.mkdir()
        Path(folder).chmod(0o755)
        database = OwnPostgres(data)
        place = Installation(home, database, lease=60.0, pause=0.0, count=count)
        try:
            made = Synthetic(users=100, items=80, pairs_per_user=10).build().dataset
            place.datasets.add("load", "load.csv", made, ReadOptions())
            place.complete()
            told = run(place)
        finally:
            place.stop()
            database.stop()
    RESULT.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
