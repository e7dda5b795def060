"""Rows of the job tables: how they are made, found and read."""

from __future__ import annotations

import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from struct import error as StructError
from struct import pack, unpack
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, insert, select, update

from autosample.errors import KeyReused, NotFinished, UnknownDataset, UnknownJob
from autosample.jobs.state import Failure, Job, JobState
from autosample.jobs.tables import attempts, datasets, events, jobs, now


def uuid7() -> UUID:
    """Return a UUID that sorts by time, to a quarter of a microsecond (RFC 9562).

    SQLite's clock counts milliseconds; ids settle the order within one.
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
    return Job(**values, **{name: moment(row[name]) for name in times})


def new_row(
    body: dict[str, Any], owner: str, key: str | None, asked: str, webhook: str | None
) -> dict[str, Any]:
    """Return the columns of a job that is to be queued."""
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
        "request_hash": asked,
        "webhook": webhook,
    }


def log_events(
    db: Connection,
    job: UUID,
    epoch: int,
    happened: Iterable[tuple[str, Mapping[str, Any]]],
) -> None:
    """Write what happened to a job; its row must be locked."""
    for kind, data in happened:
        db.execute(
            insert(events).values(
                job=job, epoch=epoch, kind=kind, time=now(), data=dict(data)
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


def find(db: Connection, id: UUID) -> RowMapping:
    """Return the row of a job; raises UnknownJob."""
    row = maybe(db, select(jobs).where(jobs.c.id == id))
    if row is None:
        raise UnknownJob(f"no job {id}")
    return row


def by_key(db: Connection, key: str) -> RowMapping | None:
    """Return the row of the job that came with a key."""
    return maybe(db, select(jobs).where(jobs.c.idempotency_key == key))


def replayed(row: RowMapping, asked: str) -> Job:
    """Return the job that a key gave before; KeyReused if it was another request."""
    if row["request_hash"] != asked:
        raise KeyReused("this idempotency key came with another request before")
    return job_of(row)


def require_dataset(db: Connection, id: str, sees: str | None = None) -> None:
    """Lock the data set, so that it is not deleted before the job is there."""
    held = select(datasets.c.owner).where(datasets.c.id == id)
    owner = db.scalar(held.with_for_update(read=True))
    if owner is None or sees not in (None, owner):
        raise UnknownDataset(f"no data set {id!r}; upload it first")


def published(row: RowMapping) -> RowMapping:
    """Return a row that has a result; raises NotFinished."""
    if row["state"] != JobState.SUCCEEDED:
        raise NotFinished(
            f"job {row['id']} is {row['state']}, so there is no result yet"
        )
    return row


def one(db: Connection, statement: Any) -> RowMapping:
    """Return the one row of a statement."""
    return db.execute(statement).mappings().one()


def maybe(db: Connection, statement: Any) -> RowMapping | None:
    """Return the row of a statement, None if there is none."""
    return db.execute(statement).mappings().one_or_none()


def moment(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 as a time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def token_of(row: RowMapping) -> str:
    """Return what stands for a row's place in a list, opaque to those who hold it."""
    place = pack(">d16s", row["created"], row["id"].bytes)
    return urlsafe_b64encode(place).decode()


def place_of(token: str) -> tuple[float, UUID]:
    """Return what a page token stands for; ValueError if it is not one of ours."""
    try:
        created, id = unpack(">d16s", urlsafe_b64decode(token))
    except (ValueError, StructError):
        raise ValueError(f"{token!r} is not a page token") from None
    return created, UUID(bytes=id)
