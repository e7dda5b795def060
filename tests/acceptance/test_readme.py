"""The README's commands and code run as they stand."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
LINES = 150
"""The README is a front door: what is longer belongs into docs."""

CSV = "userId,movieId\n" + "".join(
    f"{user},{(user * 7 + n * n) % 60}\n" for user in range(1, 61) for n in range(9)
)


def blocks(page: Path, *, service: bool) -> list[tuple[str, str]]:
    """Return language and text of the blocks that do, or do not, ask a service."""
    found = re.findall(
        r"^```(sh|python)\n(.*?)^```$", page.read_text(), flags=re.M | re.S
    )
    return [(kind, text) for kind, text in found if ("127.0.0.1" in text) == service]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path)
    return tmp_path


def write_files(folder: Path) -> None:
    """Write the files that the commands read: ratings.csv and log.tsv."""
    (folder / "ratings.csv").write_text(CSV)
    log = CSV.replace("userId,movieId", "who,what,when").replace("\n", ",1\n")
    log = log.replace("when,1", "when").replace(",", "\t")
    (folder / "log.tsv").write_text(log)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


def run(text: str, folder: Path) -> None:
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AUTOSAMPLE_HOME": str(folder / "home"),
        "AUTOSAMPLE_TRIALS": "1",  # each more is a process that loads torch
    }
    shell = ["bash", "-eu", "-o", "pipefail", "-c", text]
    process = subprocess.Popen(
        shell,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=180)
    finally:
        with contextlib.suppress(ProcessLookupError):  # nothing outlives the test
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, out


def run_with_service(page: Path, folder: Path, port: int) -> None:
    """Run a page's blocks that ask a service in one shell, as a user would type them.

    The service that they start is stopped at the end.
    """
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    [(_, shell), (_, code)] = blocks(page, service=True)
    (folder / "client.py").write_text(code.replace("8000", str(port)))
    text = "trap 'kill -INT $(jobs -p) && wait' EXIT\n" + shell + "\npython client.py\n"
    url = f"export AUTOSAMPLE_URL=http://127.0.0.1:{port}\n"
    run(url + text.replace("8000", str(port)), folder)


def test_it_is_a_front_door() -> None:
    assert len(README.read_text().splitlines()) <= LINES


@pytest.mark.slow
def test_the_commands_and_the_code_run(folder: Path) -> None:
    found = blocks(README, service=False)
    assert [kind for kind, _ in found] == ["sh", "python"]
    for at, (kind, text) in enumerate(found):
        (folder / f"block{at}").write_text(text)
        run(f"{'bash -eu' if kind == 'sh' else 'python'} block{at}", folder)
    assert (folder / "bundle" / "sampler.json").exists()
    assert (folder / "my-bundle" / "model.safetensors").exists()


@pytest.mark.slow
def test_the_service_commands_run(folder: Path, port: int) -> None:
    run_with_service(README, folder, port)
    assert (folder / "bundle.zip").exists()


def test_the_two_commands_exist() -> None:
    for target in ("demo", "test", "check", "bench"):
        assert f"make {target}" in README.read_text()
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == 0
