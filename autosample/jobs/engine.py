"""Connections to the database: SQLite in WAL mode, or Postgres."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

READING = "autosample_reading"
"""Execution option of transactions that only read."""
BUSY = 30_000
"""Milliseconds for which a SQLite writer waits for another."""


def connect(url: str) -> Engine:
    """Return an engine; SQLite is set up to be shared by several processes."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver must not begin transactions by itself, see _begin_immediate.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Begin a SQLite transaction with its write lock, unless it only reads."""
    # A transaction that reads first and writes later fails at once if another one wrote
    # in between, whatever the busy timeout; one that holds the lock from the start does
    # not. Guarded UPDATEs also count on it: there is one writer at a time.
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def reader(engine: Engine) -> Engine:
    """Return the engine for transactions that only read, which wait for no writer."""
    return engine.execution_options(**{READING: True})
