"""What users ask of the job store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Engine,
    Update,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from autosample.errors import IllegalMove, LimitReached, UnknownJob
from autosample.jobs.engine import reader
from autosample.jobs.rows import (
    by_key,
    find,
    job_of,
    log_events,
    maybe,
    moment,
    new_row,
    one,
    place_of,
    published,
    replayed,
    require_dataset,
    token_of,
)
from autosample.jobs.state import ACTIVE, Artifact, Event, Job, JobState, Page
from autosample.jobs.tables import attempts, events, jobs, now


class AskedStore:
    """Jobs as their owners see them: add, look, call off, forget."""

    def __init__(self, engine: Engine, *, quota: int | None = None) -> None:
        self.engine, self.reader, self.quota = engine, reader(engine), quota

    def add(
        self,
        spec: Mapping[str, Any],
        *,
        key: str | None = None,
        owner: str = "",
        sees: str | None = None,
        webhook: str | None = None,
    ) -> Job:
        """Queue a job; the same owner's key and spec give the same job.

        Raises UnknownDataset, KeyReused where the key came with another spec, and
        LimitReached where the owner has as many unfinished jobs as one may.
        """
        body = dict(spec)
        key = key and sha256(f"{owner}/{key}".encode()).hexdigest()
        told = json.dumps(body, sort_keys=True) + (webhook or "")
        asked = sha256(told.encode()).hexdigest()
        try:
            with self.engine.begin() as db:
                if key and (row := by_key(db, key)):
                    return replayed(row, asked)
                require_dataset(db, body["dataset"], sees)
                self._check_quota(db, owner)
                made = insert(jobs).values(**new_row(body, owner, key, asked, webhook))
                row = one(db, made.returning(jobs))
                log_events(db, row["id"], 0, [("state", {"state": JobState.QUEUED})])
                return job_of(row)
        except IntegrityError:
            # Another request with this key came in between: answer as it was answered.
            with self.engine.begin() as db:
                if key and (row := by_key(db, key)):
                    return replayed(row, asked)
            raise

    def _check_quota(self, db: Connection, owner: str) -> None:
        if self.quota is None:
            return
        unfinished = (JobState.QUEUED, *ACTIVE)
        mine = select(func.count()).where(
            jobs.c.owner == owner, jobs.c.state.in_(unfinished)
        )
        if (count := db.scalar(mine) or 0) >= self.quota:
            raise LimitReached(
                f"{count} of your jobs are not finished, and {self.quota} is the limit;"
                " wait for one to end, or cancel one"
            )

    def get(self, id: UUID, *, sees: str | None = None) -> Job:
        """Return a job; raises UnknownJob, also where it is not one that they see."""
        with self.reader.begin() as db:
            job = job_of(find(db, id))
        if sees not in (None, job.owner):
            raise UnknownJob(f"no job {id}")
        return job

    def page(
        self,
        *,
        state: JobState | None = None,
        limit: int = 50,
        token: str | None = None,
        sees: str | None = None,
    ) -> Page:
        """Return jobs, newest first; ValueError on a token that is not one of ours."""
        query = select(jobs).order_by(jobs.c.created.desc(), jobs.c.id.desc())
        if state is not None:
            query = query.where(jobs.c.state == state)
        if sees is not None:
            query = query.where(jobs.c.owner == sees)
        if token is not None:
            created, id = place_of(token)
            place = tuple_(jobs.c.created, jobs.c.id)
            query = query.where(place < tuple_(literal(created), literal(id)))
        with self.reader.begin() as db:
            rows = db.execute(query.limit(limit + 1)).mappings().all()
        more = len(rows) > limit
        last = rows[limit - 1] if more else None
        next_token = token_of(last) if last else None
        return Page([job_of(row) for row in rows[:limit]], next_token)

    def events(self, id: UUID, *, after: int = 0, limit: int = 500) -> list[Event]:
        """Return what happened to a job after an event, oldest first."""
        query = select(events).where(events.c.job == id, events.c.id > after)
        with self.reader.begin() as db:
            find(db, id)
            rows = db.execute(query.order_by(events.c.id).limit(limit)).mappings()
            return [
                Event(
                    id=r["id"], kind=r["kind"], time=moment(r["time"]), data=r["data"]
                )
                for r in rows
            ]

    def result(self, id: UUID) -> dict[str, Any]:
        """Return the report of a succeeded job; raises NotFinished."""
        with self.reader.begin() as db:
            report: dict[str, Any] = published(find(db, id))["result"]
            return report

    def artifacts(self, id: UUID) -> tuple[str, list[Artifact]]:
        """Return the folder and the files of a succeeded job; raises NotFinished."""
        with self.reader.begin() as db:
            row = published(find(db, id))
            return row["folder"], [Artifact(**each) for each in row["artifacts"]]

    def attempts(self, id: UUID) -> list[dict[str, Any]]:
        """Return the attempts at a job, oldest first."""
        query = select(attempts).where(attempts.c.job == id).order_by(attempts.c.epoch)
        with self.reader.begin() as db:
            return [dict(row) for row in db.execute(query).mappings()]

    def cancel(self, id: UUID) -> Job:
        """Call a job off: at once if queued, by its worker if running."""
        with self.engine.begin() as db:
            to = case(
                (jobs.c.state == JobState.QUEUED, JobState.CANCELLED),
                else_=JobState.CANCELLING,
            )
            ended = case((jobs.c.state == JobState.QUEUED, now()), else_=None)
            states = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)
            change = (
                update(jobs)
                .where(jobs.c.id == id, jobs.c.state.in_(states))
                .values(state=to, finished=ended)
            )
            return self._moved(db, change, id, JobState.CANCELLED)

    def retry(self, id: UUID) -> Job:
        """Queue a failed or cancelled job again, with all attempts before it."""
        with self.engine.begin() as db:
            require_dataset(db, find(db, id)["dataset"])
            change = (
                update(jobs)
                .where(jobs.c.id == id)
                .where(jobs.c.state.in_((JobState.FAILED, JobState.CANCELLED)))
                .values(
                    state=JobState.QUEUED,
                    attempts=0,
                    failure=None,
                    finished=None,
                    webhook_tries=0,
                    webhook_after=None,
                    webhook_done=None,
                )
            )
            return self._moved(db, change, id, JobState.QUEUED)

    def delete(self, id: UUID) -> None:
        """Forget a job that has ended; IllegalMove while it has not."""
        with self.engine.begin() as db:
            state = JobState(find(db, id)["state"])
            gone = delete(jobs).where(jobs.c.id == id, jobs.c.state == state)
            if not state.is_final or db.execute(gone).rowcount == 0:
                raise IllegalMove(f"job {id} is {state}; cancel it before deleting it")

    def _moved(self, db: Connection, change: Update, id: UUID, to: JobState) -> Job:
        row = maybe(db, change.returning(jobs))
        if row is None:
            raise IllegalMove(f"job {id} is {find(db, id)['state']} and cannot be {to}")
        log_events(db, id, row["epoch"], [("state", {"state": row["state"]})])
        return job_of(row)
