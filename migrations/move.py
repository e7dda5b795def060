"""`autosample migrate` and `autosample backup`: move an installation, or copy it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import (
    Connection,
    Engine,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)

from autosample.errors import SpecError
from autosample.jobs.engine import connect, reader
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings
from autosample.jobs.state import JobState
from autosample.jobs.tables import events, jobs, metadata
from migrations.fit import fit
from migrations.upgrade import upgrade

AT_ONCE = 500
"""Rows that one statement copies."""


def migrate(
    to: Annotated[str, typer.Argument(help="postgresql+psycopg://user@host/name")],
) -> None:
    """Copy this installation's database to an empty one; files stay where they are.

    Stop API and workers first. Start them again with AUTOSAMPLE_DATABASE_URL set to the
    new database. The rows of the old database are not changed.
    """
    settings = Settings()
    upgrade(settings.database_url)
    source, target = connect(settings.database_url), connect(to)
    try:
        check(source, target)
        upgrade(to)
        moved = move(source, target)
    finally:
        source.dispose()
        target.dispose()
    for line in moved.lines:
        typer.echo(line)
    typer.echo(f"from now on, set AUTOSAMPLE_DATABASE_URL={_without_password(to)}")


@dataclass
class Moved:
    """What a move copied, changed and left."""

    copied: Counter[str] = field(default_factory=Counter)
    """Number of rows by table."""
    changed: Counter[str] = field(default_factory=Counter)
    """Number of values by column that had to be cut or cleaned to fit."""
    left: Counter[str] = field(default_factory=Counter)
    """Number of rows by table that belong to a job that is gone."""

    @property
    def lines(self) -> list[str]:
        """What to tell the operator."""
        rows = ", ".join(f"{count} {name}" for name, count in self.copied.items())
        lines = [f"copied {rows}"]
        if self.changed:
            values = ", ".join(f"{n} of {name}" for name, n in self.changed.items())
            lines.append(f"cut or cleaned values that would not fit: {values}")
        if self.left:
            rows = ", ".join(f"{count} {name}" for name, count in self.left.items())
            lines.append(f"left rows of jobs that are gone: {rows}")
        return lines


def move(source: Engine, target: Engine) -> Moved:
    """Copy all rows in one transaction of the target.

    Raises SpecError if jobs are running or the target has rows already.
    """
    check(source, target)
    moved = Moved()
    with reader(source).begin() as old, target.begin() as new:
        for table in metadata.sorted_tables:
            _copy(old, new, table, moved)
        if target.dialect.name == "postgresql":
            # Ids were copied, so the sequence that makes new ones has not moved.
            new.execute(
                text(
                    "SELECT setval(pg_get_serial_sequence('events', 'id'),"
                    " GREATEST((SELECT MAX(id) FROM events), 1))"
                )
            )
    return moved


def check(source: Engine, target: Engine) -> None:
    """Raise SpecError unless the new database is empty and no job is running.

    Nothing is written, and the new database need not have the tables yet.
    """
    with target.connect() as new:
        there = set(inspect(new).get_table_names())
        for table in metadata.sorted_tables:
            rows = select(func.count()).select_from(table)
            if table.name in there and new.scalar(rows):
                raise SpecError(
                    f"the new database has rows in {table.name}; name an empty one"
                )
    active = jobs.c.state.in_((JobState.RUNNING, JobState.CANCELLING))
    with reader(source).connect() as old:
        count = old.scalar(select(func.count()).where(active))
    if count:
        raise SpecError(
            f"{count} jobs are running; stop the workers, and they are queued again"
        )


def _copy(old: Connection, new: Connection, table: Table, moved: Moved) -> None:
    """Copy the rows of a table whose job exists, as the new database takes them."""
    ids = set(old.scalars(select(jobs.c.id))) if table.foreign_keys else set()
    for rows in _pages(old, table):
        kept = []
        for row in rows:
            if table.foreign_keys and row["job"] not in ids:
                moved.left[table.name] += 1
                continue
            fitted, changed = fit(table, row)
            moved.changed.update(f"{table.name}.{name}" for name in changed)
            kept.append(fitted)
        if kept:
            new.execute(insert(table), kept)
        moved.copied[table.name] += len(kept)


def _pages(old: Connection, table: Table) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the rows of a table, `AT_ONCE` at a time."""
    query = select(table)
    if table is events:
        query = query.order_by(events.c.id)
    result = old.execution_options(yield_per=AT_ONCE).execute(query).mappings()
    for rows in result.partitions(AT_ONCE):
        yield [dict(row) for row in rows]


def _without_password(url: str) -> str:
    head, at, rest = url.rpartition("@")
    return f"{head.rpartition(':')[0]}:...{at}{rest}" if head.count(":") > 1 else url


def backup(
    folder: Annotated[Path, typer.Argument(help="New folder for the copy.")],
) -> None:
    """Copy a SQLite installation while it runs, to a new home folder.

    To restore, set AUTOSAMPLE_HOME to the copy. A job that was running continues from
    the last checkpoint that was copied, or starts again. To back up an installation on
    Postgres, run `pg_dump`, then copy the files.
    """
    settings = Settings()
    if not settings.embedded:
        raise SpecError(
            "this installation is on Postgres: back up the database with pg_dump, then"
            f" copy {settings.artifacts}"
        )
    if folder.exists() and any(folder.iterdir()):
        raise SpecError(f"{folder} is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    # The database before the files: files that a row names were complete before the row
    # was written, so they are there when they are copied afterwards.
    engine = connect(settings.database_url)
    with engine.connect() as db:
        # The driver is used directly: VACUUM cannot run inside a transaction.
        raw = db.connection.driver_connection
        assert raw is not None
        raw.execute("VACUUM INTO ?", (str(folder / "autosample.db"),))
    engine.dispose()
    files = Files(settings.artifacts)
    with files.local("") as source:
        if source.exists():
            shutil.copytree(source, folder / "files", dirs_exist_ok=True)
    typer.echo(f"copied to {folder}; to use it: AUTOSAMPLE_HOME={folder}")
