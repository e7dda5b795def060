"""Connections to the database: SQLite in WAL mode, or Postgres."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

READING = "autosample_reading"
BUSY = 30_000  # milliseconds a SQLite writer waits for another


def connect(url: str) -> Engine:
    """Return an engine; sets SQLite up to be shared by processes."""
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
    """Take the write lock first: a read lock cannot be raised while another writes."""
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def reader(engine: Engine) -> Engine:
    """Return the same engine for transactions that only read, beside any writer."""
    return engine.execution_options(**{READING: True})
