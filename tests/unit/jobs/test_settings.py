"""Settings are checked before anything listens, each by its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autosample.errors import SpecError
from autosample.jobs.settings import Settings

DOORS = {
    "the command line": ["autosample", "serve", "--host", "0.0.0.0"],
    "a worker": ["workers"],
    "the check of a worker": ["autosample", "worker", "--check"],
    "keys": ["autosample", "keys", "list"],
    "migrations": ["migrations"],
}


@pytest.mark.parametrize("secret", ["", " ", "short", " " * 40, "x" * 15])
@pytest.mark.parametrize("name", ["AUTOSAMPLE_ADMIN_KEY", "AUTOSAMPLE_WEBHOOK_SECRET"])
def test_an_empty_or_short_secret_is_refused(
    secret: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, secret)
    with pytest.raises(SpecError, match=f"{name}: must have at least 16 signs"):
        Settings()


@pytest.mark.parametrize("door", DOORS)
def test_an_empty_admin_key_opens_no_door(
    door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOSAMPLE_ADMIN_KEY", "")
    monkeypatch.setenv("AUTOSAMPLE_HOME", str(tmp_path / "home"))
    command = [sys.executable, "-m", *DOORS[door]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "AUTOSAMPLE_ADMIN_KEY: must have at least 16 signs" in done.stderr


def test_a_number_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOSAMPLE_LEASE", "soon")
    with pytest.raises(SpecError, match=r"AUTOSAMPLE_LEASE: .*number"):
        Settings()
