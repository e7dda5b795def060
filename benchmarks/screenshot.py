"""A picture of a finished search's page, for the README: `docs/search.png`.

python -m benchmarks.screenshot [DATA SET] [--home FOLDER]

Starts the service, searches a shared data set by default settings (minutes), and takes
a picture of the job's page in Chromium. A home that already holds a finished job is
photographed as it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from autosample.client import Client
from autosample.errors import ServiceError
from benchmarks import data

OUT = Path(__file__).parents[1] / "docs" / "search.png"
SPEC: dict[str, Any] = {"training": {"seed": 0}}
WIDTH, HEIGHT = 1000, 1400  # pixels of the window
BELOW = 40  # pixels that are shown below the first chart
PATIENCE_S = 60.0  # for the service to answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="ml-latest-small")
    parser.add_argument("--home", type=Path, help="home of the service; default: new")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(options.home or Path(folder)) as client,
    ):
        job = finished_job(client) or search(client, options.name)
        photograph(f"{client.url}/jobs/{job}", OUT)
    print(f"{OUT}: {OUT.stat().st_size / 1024:.0f} KiB")


@contextmanager
def serve(home: Path) -> Iterator[Client]:
    """Run the service on a free port while the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = subprocess.Popen(
        [sys.executable, "-m", "autosample", "serve", "--port", str(port)],
        env=os.environ | {"AUTOSAMPLE_HOME": str(home)},
        start_new_session=True,
    )
    try:
        with Client(f"http://127.0.0.1:{port}") as client:
            wait_for(client)
            yield client
    finally:
        service.terminate()
        service.wait()


def wait_for(client: Client) -> None:
    """Return once the service answers."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.datasets()
        except ServiceError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def finished_job(client: Client) -> str | None:
    """Return the id of the newest job that has a result, if there is one."""
    return next((j["id"] for j in client.jobs() if j["state"] == "succeeded"), None)


def search(client: Client, name: str) -> str:
    """Search a shared data set, and return the job's id."""
    train, test = data.paths(name)
    job = client.submit(client.upload(train, test=test)["id"], **SPEC)
    return job.wait(progress=True).id


def photograph(url: str, out: Path) -> None:
    """Save the top of a job's page as a PNG, down to its first chart."""
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(url)
        page.wait_for_selector("#charts svg")
        page.wait_for_timeout(1000)  # for the last chart
        chart = page.locator("#charts svg").first.bounding_box()
        assert chart is not None  # it has been waited for
        height = chart["y"] + chart["height"] + BELOW
        page.screenshot(
            path=out, clip={"x": 0, "y": 0, "width": WIDTH, "height": height}
        )
        browser.close()


if __name__ == "__main__":
    main()
