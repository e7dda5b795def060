"""The database's tables, the same on SQLite and Postgres; `migrations/` makes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData()

BIG_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("stats", JSON, nullable=False),
    Column("options", JSON, nullable=False),
    Column("created", Double, nullable=False),
    Column("owner", String(64), nullable=False, server_default=""),
    Column("size", BigInteger, nullable=False, server_default="0"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("stage", String(16)),
    Column("progress", Double, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("worker", String(255)),
    Column("lease_until", Double),
    Column("failure", JSON),
    Column("result", JSON),
    Column("artifacts", JSON),
    Column("folder", String(512)),
    Column("idempotency_key", String(255), unique=True),
    Column("request_hash", String(64)),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("estimated_end", Double),
    Column("owner", String(64), nullable=False, server_default=""),
    Column("webhook", String(2048)),
    Column("webhook_tries", Integer, nullable=False, server_default="0"),
    Column("webhook_after", Double),
    Column("webhook_done", Double),
    Index("jobs_by_owner", "owner", "state"),
    Index("jobs_by_state", "state", "created"),
    Index("jobs_by_created", "created", "id"),
    Index("jobs_by_dataset", "dataset"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("worker", String(255), nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double),
    Column("outcome", String(16)),
    Column("failure", JSON),
)

events = Table(
    "events",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("job", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("time", Double, nullable=False),
    Column("data", JSON, nullable=False),
    Index("events_by_job", "job", "id"),
    sqlite_autoincrement=True,  # ids of deleted events must not come back
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("revoked", Double),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("seen", Double, nullable=False),
)


class now(FunctionElement[float]):
    """Seconds since 1970 by the database's clock."""

    # Leases are set and checked by this one clock. Those of workers differ, and a fast
    # one must not make its worker take a job that another still holds.

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite_now(element: Any, compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _postgres_now(element: Any, compiler: Any, **_: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"
