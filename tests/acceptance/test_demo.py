"""The demo, on a file of the user's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import autosample

pytestmark = pytest.mark.slow

CSV = "user,item\n" + "".join(
    f"{user},{(user * 7 + n * n) % 90}\n" for user in range(90) for n in range(9)
)


def demo(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autosample.cli.demo", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


def test_it_ends_with_verdict_recommendations_bundle_and_docs(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(CSV)
    done = demo(tmp_path, "--data", "mine.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("90 users, 90 items", "Verdict", "For user 0: items", "/docs"):
        assert told in done.stdout
    [bundle] = (tmp_path / ".demo" / "bundles").iterdir()
    assert str(bundle.name) in done.stdout.replace("\n", "")
    assert autosample.load(bundle).recommend(0, 3)


def test_a_bad_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    done = demo(tmp_path, "--data", "mine.csv")
    assert done.returncode == 2
    assert "no user column among 'a', 'b'" in done.stderr
    assert "Traceback" not in done.stderr
