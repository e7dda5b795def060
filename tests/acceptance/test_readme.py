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

from autosample.jobs.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.M | re.S)

CSV = "userId,movieId\n" + "".join(
    f"{user},{(user * 7 + n * n) % 60}\n" for user in range(1, 61) for n in range(9)
)


def blocks(language: str, *, service: bool) -> list[str]:
    found = [text for kind, text in BLOCKS if kind == language]
    return [text for text in found if ("127.0.0.1" in text) == service]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ratings.csv").write_text(CSV)
    log = CSV.replace("userId,movieId", "who,what,when").replace("\n", ",1\n")
    log = log.replace("when,1", "when").replace(",", "\t")
    (tmp_path / "log.tsv").write_text(log)
    return tmp_path


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


@pytest.mark.slow
def test_the_shell_commands_run(folder: Path) -> None:
    found = blocks("sh", service=False)
    assert len(found) == 2
    for text in found:
        run(text, folder)
    assert (folder / "bundle" / "sampler.json").exists()


@pytest.mark.slow
def test_the_python_code_runs(folder: Path) -> None:
    found = blocks("python", service=False)
    assert len(found) == 2
    for at, text in enumerate(found):
        (folder / f"test_block{at}.py").write_text(text)
        run(f"python test_block{at}.py", folder)
    run(f"python -m pytest -q -p no:cacheprovider {folder}/test_block1.py", folder)
    assert (folder / "my-bundle" / "model.safetensors").exists()


@pytest.mark.slow
def test_the_service_commands_run(folder: Path, port: int) -> None:
    """In one shell, as a user would type them; the service is stopped at its end."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    [shell], [code] = blocks("sh", service=True), blocks("python", service=True)
    text = "trap 'kill -INT $(jobs -p) && wait' EXIT\n" + shell + "\npython client.py\n"
    url = f"export AUTOSAMPLE_URL=http://127.0.0.1:{port}\n"
    (folder / "client.py").write_text(code.replace("8000", str(port)))
    run(url + text.replace("8000", str(port)), folder)
    assert (folder / "sampler.json").exists()
    assert (folder / "again.zip").exists()


def test_the_two_commands_exist() -> None:
    for target in ("demo", "test", "check", "bench"):
        assert f"make {target}" in README
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == 0


def test_every_setting_is_documented() -> None:
    for name in Settings.model_fields:
        assert f"`AUTOSAMPLE_{name.upper()}`" in README
