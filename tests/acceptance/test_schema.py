"""A service answers whatever it is asked as its schema says, and never with a 5xx.

A few hundred cases here; `make fuzz` makes thousands, and mutated uploads.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import ask_anything
from tests.acceptance.service import Service

pytestmark = pytest.mark.slow


def test_whatever_is_asked_is_answered_as_the_schema_says(tmp_path: Path) -> None:
    service = Service(tmp_path / "home", rate=1e6, burst=10**6)
    try:
        service.serve("--no-worker")
        done = ask_anything(service.url, examples=8, phases="fuzzing,stateful")
        assert done.returncode == 0, done.stdout[-6000:]
        assert "Traceback" not in service.log()
    finally:
        service.stop()
