"""The store, on every engine it promises to run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from autosample.data.options import ReadOptions
from autosample.data.synthetic import Synthetic
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.engine import connect
from autosample.jobs.files import Files
from autosample.jobs.store import SqlJobStore
from autosample.jobs.tables import metadata
from migrations.upgrade import upgrade

LEASE = 0.5  # seconds


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    upgrade(database_url)
    engine = connect(database_url)
    yield engine
    with engine.begin() as db:
        for table in reversed(metadata.sorted_tables):
            db.execute(table.delete())
        if engine.dialect.name == "sqlite":
            db.execute(text("DELETE FROM sqlite_sequence"))
    engine.dispose()


@pytest.fixture
def datasets(engine: Engine, tmp_path: Path) -> SqlDatasetStore:
    store = SqlDatasetStore(engine, Files((tmp_path / "files").as_uri()))
    dataset = Synthetic(users=40, items=30, pairs_per_user=6).build().dataset
    store.add("toy", "toy.csv", dataset, ReadOptions())
    return store


@pytest.fixture
def jobs(engine: Engine, datasets: SqlDatasetStore) -> SqlJobStore:
    return SqlJobStore(engine, lease=LEASE, attempts=2)
