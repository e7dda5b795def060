"""The app on a database of its own, without a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from autosample.data.dataset import Dataset, load_dataset
from autosample.data.options import ReadOptions
from autosample.jobs.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", poll=0.05, max_upload=200_000)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(autouse=True)
def own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test client asks under this name."""
    monkeypatch.setenv("AUTOSAMPLE_HOSTS", "testserver")


@pytest.fixture(autouse=True)
def read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read uploads in this process: another takes a second, and has its own tests."""
    if request.node.get_closest_marker("apart"):
        return

    def read(paths: list[Path], options: ReadOptions, *_: Any, **__: Any) -> Dataset:
        train, test, valid = (*paths, None, None)[:3]
        return load_dataset(train, options, test=test, valid=valid)

    monkeypatch.setattr("api.cage.read_apart", read)
