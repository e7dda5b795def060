"""`make demo`: a search through the real service, on synthetic data or on a file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.csv as pv
import typer
from rich.console import Console

from autosample.bundle.recommender import load
from autosample.client import Client
from autosample.data.dataset import DatasetStats
from autosample.data.synthetic import Synthetic, Walks
from autosample.errors import AutoSampleError, ServiceError
from autosample.views.terminal import show_report, show_stats

PATIENCE_S = 60.0  # for the service to answer
HOME = Path(".demo")
WALKS = Walks(users=600, items=300, steps_per_user=14)
SYNTHETIC = Synthetic(
    users=2000, items=6000, pairs_per_user=30, clusters=30, loyalty=6.0, skew=1.0
)


def demo(
    data: Annotated[
        str, typer.Option(help="File to search; empty: synthetic data.")
    ] = "",
    test: Annotated[str, typer.Option(help="File of test pairs.")] = "",
    sequential: Annotated[
        bool, typer.Option(help="Search for a model that reads histories.")
    ] = False,
    keep: Annotated[
        bool, typer.Option(help="Leave the service running afterwards.")
    ] = False,
) -> None:
    """Start the service, search, print the report, and recommend."""
    console = Console()
    began = time.monotonic()
    HOME.mkdir(exist_ok=True)
    file = Path(data) if data else _write_synthetic(console, sequential=sequential)
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    service = _start(port)
    try:
        with Client(url) as client:
            _await(client, service)
            console.print(f"The service and its pages: {url}", highlight=False)
            given = (file, Path(test) if test else None)
            bundle = _search(console, client, given, sequential=sequential)
        _recommend(console, bundle, sequential=sequential)
        console.print(f"Bundle: {bundle}", highlight=False)
        console.print(f"From start to verdict: {time.monotonic() - began:.0f} s")
        console.print(f"Its pages: {url}; its API: {url}/docs", highlight=False)
        if keep:
            console.print("The service keeps running; Ctrl-C stops it.")
            service.wait()
        else:
            console.print(
                "The service stops now; `make demo KEEP=1` leaves it running,"
            )
            console.print("and `.venv/bin/autosample serve` starts one of your own.")
    finally:
        service.send_signal(signal.SIGINT)
        service.wait()


def _write_synthetic(console: Console, *, sequential: bool) -> Path:
    """Write synthetic interactions as a CSV, as a user would have one."""
    dataset = WALKS.build() if sequential else SYNTHETIC.build().dataset
    columns: dict[str, Any] = {
        "user_id": dataset.users.take(pa.array(dataset.train.users_E)),
        "item_id": dataset.items.take(pa.array(dataset.train.items_E)),
    }
    if sequential:
        columns["timestamp"] = pa.array(dataset.train.times_E)
    path = HOME / ("walks.csv" if sequential else "synthetic.csv")
    pv.write_csv(pa.table(columns), path)
    console.print(
        f"Synthetic data: {path}; `make demo DATA=FILE` searches a file of yours"
    )
    return path


def _start(port: int) -> subprocess.Popen[bytes]:
    python = [sys.executable, "-P", "-m", "autosample"]
    command = [*python, "serve", "--port", str(port)]
    env = os.environ | {"AUTOSAMPLE_HOME": str(HOME / "home"), "AUTOSAMPLE_POLL": "0.3"}
    log = (HOME / "service.log").open("wb")
    # In a session of its own, so that Ctrl-C reaches only this process, which then
    # cancels the job before it stops the service.
    return subprocess.Popen(
        command, env=env, stdout=log, stderr=log, start_new_session=True
    )


def _await(client: Client, service: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if service.poll() is not None:
            break
        try:
            client.datasets()
            return
        except ServiceError:
            time.sleep(0.2)
    raise ServiceError(f"the service did not start; see {HOME / 'service.log'}")


def _search(
    console: Console,
    client: Client,
    given: tuple[Path, Path | None],
    *,
    sequential: bool,
) -> Path:
    dataset = client.upload(given[0], test=given[1])
    show_stats(console, DatasetStats.model_validate(dataset["stats"]))
    spec: dict[str, Any] = {"verify": True, "seeds": [0, 1]}
    if sequential:
        spec |= {"model": {"kind": "sasrec"}, "verify": False}
    job = client.submit(dataset["id"], **spec)
    console.print(f"Watch it: {client.url}/jobs/{job.id}", highlight=False)
    try:
        job.wait(progress=True)
    except KeyboardInterrupt:
        job.cancel()
        raise
    show_report(console, job.report())
    folder = HOME / "bundles"
    folder.mkdir(exist_ok=True)
    return job.download(folder / f"{job.id}.zip").resolve()


def _recommend(console: Console, bundle: Path, *, sequential: bool) -> None:
    model = load(bundle)
    for row in range(min(3, len(model.users))):
        user = model.users[row].as_py()
        best = ", ".join(str(item) for item, _ in model.recommend(user, 5))
        console.print(f"For user {user}: items {best}", highlight=False)
    if sequential:
        history = [model.items[row].as_py() for row in range(3)]
        best = ", ".join(str(item) for item, _ in model.recommend(history=history, k=5))
        done = ", ".join(map(str, history))
        console.print(f"After items {done}: items {best}", highlight=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Run the demo; bad input is explained in one line, with exit code 2."""
    try:
        typer.run(demo)
    except AutoSampleError as error:
        typer.echo(f"autosample: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
