"""Rows of the job tables: how they are written, looked up and read."""

from __future__ import annotations

import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from struct import error as StructError
from struct import pack, unpack
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, insert, select, update

from autosample.errors import KeyReused, NotFinished, UnknownDataset, UnknownJob
from autosample.jobs.events import StagedEvent, data_of
from autosample.jobs.state import Failure, Job, JobState
from autosample.jobs.tables import attempts, datasets, events, jobs, now


def uuid7() -> UUID:
    """Return a UUID that sorts by time, to a quarter of a microsecond (RFC 9562).

    SQLite's clock counts milliseconds; within one, the order of jobs is that of ids.
    """
    millis, rest = divmod(time.time_ns(), 1_000_000)
    head = millis << 16 | 0x7000 | rest * 4096 // 1_000_000
    return UUID(int=head << 64 | 0b10 << 62 | secrets.randbits(62))


def job_of(row: RowMapping) -> Job:
    """Return a row as a job."""
    times = ("created", "started", "finished", "estimated_end")
    plain = ("id", "state", "stage", "progress", "owner", "spec")
    values: dict[str, Any] = {
        name: row[name] for name in (*plain, "attempts", "epoch", "worker", "failure")
    }
    return Job(**values, **{name: datetime_of(row[name]) for name in times})


def new_row(
    body: dict[str, Any],
    owner: str,
    key: str | None,
    request_hash: str,
    webhook: str | None,
) -> dict[str, Any]:
    """Return the columns of a new queued job."""
    return {
        "id": uuid7(),
        "state": JobState.QUEUED,
        "progress": 0.0,
        "owner": owner,
        "spec": body,
        "dataset": body["dataset"],
        "attempts": 0,
        "epoch": 0,
        "created": now(),
        "idempotency_key": key,
        "request_hash": request_hash,
        "webhook": webhook,
    }


def log_events(
    db: Connection,
    job: UUID,
    epoch: int,
    happened: Iterable[StagedEvent],
) -> None:
    """Write what happened to a job; the caller's transaction must hold its row lock."""
    # Under that lock the ids of a job's events grow in the order in which they become
    # visible. A reader that asks for events after the last id it has seen would
    # otherwise miss one with a smaller id that is committed later.
    for stage, event in happened:
        db.execute(
            insert(events).values(
                job=job,
                epoch=epoch,
                kind=event.kind,
                time=now(),
                data=data_of(event, stage),
            )
        )


def close_attempt(
    db: Connection, job: UUID, epoch: int, outcome: str, failure: Failure | None
) -> None:
    """Write how an attempt ended."""
    db.execute(
        update(attempts)
        .where(attempts.c.job == job, attempts.c.epoch == epoch)
        .values(
            ended=now(),
            outcome=outcome,
            failure=failure.model_dump() if failure else None,
        )
    )


def find_row(db: Connection, id: UUID) -> RowMapping:
    """Return the row of a job; raises UnknownJob."""
    row = fetch_optional(db, select(jobs).where(jobs.c.id == id))
    if row is None:
        raise UnknownJob(f"no job {id}")
    return row


def replay(db: Connection, key: str, request_hash: str) -> Job | None:
    """Return the job that was submitted with an idempotency key; None if none was.

    Raises KeyReused if the key was sent with another request.
    """
    row = fetch_optional(db, select(jobs).where(jobs.c.idempotency_key == key))
    if row is None:
        return None
    if row["request_hash"] != request_hash:
        raise KeyReused("this idempotency key came with another request before")
    return job_of(row)


def require_dataset(db: Connection, id: str, only_owner: str | None = None) -> None:
    """Lock a data set's row, so that it outlives this transaction.

    Raises UnknownDataset, also if it is not that owner's.
    """
    # Deleting takes the same lock and then looks for jobs that need the data set, so
    # it either comes first, or finds the job that this transaction is adding.
    query = select(datasets.c.owner).where(datasets.c.id == id)
    owner = db.scalar(query.with_for_update(read=True))
    if owner is None or only_owner not in (None, owner):
        raise UnknownDataset(f"no data set {id!r}; upload it first")


def require_result(row: RowMapping) -> RowMapping:
    """Return the row of a job that has a result; raises NotFinished."""
    if row["state"] != JobState.SUCCEEDED:
        raise NotFinished(
            f"job {row['id']} is {row['state']}, so there is no result yet"
        )
    return row


def fetch_one(db: Connection, statement: Any) -> RowMapping:
    """Run a statement and return its one row."""
    return db.execute(statement).mappings().one()


def fetch_optional(db: Connection, statement: Any) -> RowMapping | None:
    """Run a statement and return its row; None if there is none."""
    return db.execute(statement).mappings().one_or_none()


def datetime_of(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 as a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def token_of(row: RowMapping) -> str:
    """Return a page token: a row's place in the list of jobs, opaque to clients."""
    place = pack(">d16s", row["created"], row["id"].bytes)
    return urlsafe_b64encode(place).decode()


def place_of(token: str) -> tuple[float, UUID]:
    """Return the time and id in a page token; ValueError if it is not a page token."""
    try:
        created, id = unpack(">d16s", urlsafe_b64decode(token))
    except (ValueError, StructError):
        raise ValueError(f"{token!r} is not a page token") from None
    return created, UUID(bytes=id)
