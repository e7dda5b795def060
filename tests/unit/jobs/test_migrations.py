from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from autosample.jobs.engine import connect
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
