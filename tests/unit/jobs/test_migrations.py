from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, Table, inspect

from autosample.jobs.engine import connect
from autosample.jobs.store import SqlJobStore
from autosample.jobs.tables import metadata
from migrations.upgrade import downgrade, upgrade


def test_migrations_build_exactly_the_tables_that_the_code_uses(
    database_url: str,
) -> None:
    upgrade(database_url)
    engine = connect(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrations_go_down_and_up_again(database_url: str) -> None:
    upgrade(database_url)
    downgrade(database_url)
    engine = connect(database_url)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    engine.dispose()
    upgrade(database_url)
    upgrade(database_url)  # doing it again does nothing


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path / 'new' / 'deep' / 'a.db'}")
    assert (tmp_path / "new" / "deep" / "a.db").exists()


@pytest.mark.parametrize("pragma", ["journal_mode", "foreign_keys"])
def test_sqlite_is_set_up_to_be_shared(tmp_path: Path, pragma: str) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.begin() as db:
        value = db.exec_driver_sql(f"PRAGMA {pragma}").scalar()
    assert value == {"journal_mode": "wal", "foreign_keys": 1}[pragma]
    engine.dispose()


def test_what_the_first_schema_holds_is_there_in_the_newest(database_url: str) -> None:
    upgrade(database_url)
    downgrade(database_url, "0001")
    engine, id = connect(database_url), uuid4()
    spec = {"dataset": "toy"}
    rows: dict[str, dict[str, Any]] = {
        "datasets": {"id": "toy", "name": "toy.csv", "stats": {}, "options": {}},
        "jobs": {"id": id, "state": "failed", "progress": 0.5, "spec": spec}
        | {"dataset": "toy", "attempts": 1, "epoch": 1},
    }
    with engine.begin() as db:
        for name, values in rows.items():
            old = Table(name, MetaData(), autoload_with=db)
            # What reflection makes of SQLite's own types is not what they are.
            typed = {c.name: metadata.tables[name].c[c.name].type for c in old.columns}
            for column in old.columns:
                column.type = typed[column.name]
            db.execute(old.insert().values(**values, created=1.0))
    upgrade(database_url)
    store = SqlJobStore(engine)
    job = store.get(id)
    assert (job.owner, job.spec, job.attempts) == ("", spec, 1)
    assert store.retry(id).state == "queued"
    with engine.begin() as db:
        for table in reversed(metadata.sorted_tables):
            db.execute(table.delete())
    engine.dispose()
