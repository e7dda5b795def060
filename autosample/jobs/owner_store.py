"""The job store as owners of jobs use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from math import ceil
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
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

from autosample.core.events import EpochEnded
from autosample.errors import IllegalMove, LimitReached, UnknownJob
from autosample.jobs.engine import reader
from autosample.jobs.events import EventRow, StateChanged, with_new_names
from autosample.jobs.rows import (
    datetime_of,
    fetch_one,
    fetch_optional,
    find_row,
    job_of,
    log_events,
    new_row,
    place_of,
    replay,
    require_dataset,
    require_result,
    token_of,
)
from autosample.jobs.state import ACTIVE, Artifact, Job, JobState, Page
from autosample.jobs.tables import attempts, events, jobs, now

EPOCH = EpochEnded.model_fields["kind"].default


class OwnerStore:
    """Add jobs, look at them, cancel, retry and delete them."""

    def __init__(self, engine: Engine, *, quota: int | None = None) -> None:
        self.engine, self.reader, self.quota = engine, reader(engine), quota

    def add(
        self,
        spec: Mapping[str, Any],
        *,
        key: str | None = None,
        owner: str = "",
        only_owner: str | None = None,
        webhook: str | None = None,
    ) -> Job:
        """Queue a job; the same owner, key and spec return the job queued before.

        `only_owner` restricts the data set to those of one owner. Raises
        UnknownDataset, KeyReused if the key came with another spec, and LimitReached
        if the owner has too many unfinished jobs.
        """
        body = dict(spec)
        key = key and sha256(f"{owner}/{key}".encode()).hexdigest()
        request = json.dumps(body, sort_keys=True) + (webhook or "")
        request_hash = sha256(request.encode()).hexdigest()
        try:
            with self.engine.begin() as db:
                if key and (job := replay(db, key, request_hash)):
                    return job
                require_dataset(db, body["dataset"], only_owner)
                self._check_quota(db, owner)
                values = new_row(body, owner, key, request_hash, webhook)
                row = fetch_one(db, insert(jobs).values(**values).returning(jobs))
                queued = StateChanged(state=JobState.QUEUED)
                log_events(db, row["id"], 0, [(None, queued)])
                return job_of(row)
        except IntegrityError:
            # Another request with this key was faster: both get the same job.
            with self.engine.begin() as db:
                if key and (job := replay(db, key, request_hash)):
                    return job
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

    def get(self, id: UUID, *, only_owner: str | None = None) -> Job:
        """Return a job; raises UnknownJob, also if it is not that owner's."""
        with self.reader.begin() as db:
            job = job_of(find_row(db, id))
        if only_owner not in (None, job.owner):
            raise UnknownJob(f"no job {id}")
        return job

    def page(
        self,
        *,
        state: JobState | None = None,
        limit: int = 50,
        token: str | None = None,
        only_owner: str | None = None,
    ) -> Page:
        """Return a page of jobs, newest first; ValueError on an unknown token."""
        query = select(jobs).order_by(jobs.c.created.desc(), jobs.c.id.desc())
        if state is not None:
            query = query.where(jobs.c.state == state)
        if only_owner is not None:
            query = query.where(jobs.c.owner == only_owner)
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

    def events(self, id: UUID, *, after: int = 0, limit: int = 500) -> list[EventRow]:
        """Return the events of a job with ids above `after`, oldest first."""
        query = select(events).where(events.c.job == id, events.c.id > after)
        with self.reader.begin() as db:
            find_row(db, id)
            rows = db.execute(query.order_by(events.c.id).limit(limit)).mappings()
            return [_event_row(row) for row in rows]

    def sampled_events(self, id: UUID, most: int) -> list[EventRow]:
        """Return the events of a job, oldest first, with at most about `most` epochs:
        every n-th of them, if there are more."""
        mine = events.c.job == id
        is_epoch = events.c.kind == EPOCH
        count = select(func.count()).where(mine, is_epoch)
        with self.reader.begin() as db:
            find_row(db, id)
            step = max(1, ceil(int(db.scalar(count) or 0) / most))
            # Another remainder in each block of ids: with the same one, trainings that
            # take turns could lose all of their epochs.
            is_nth = (events.c.id + events.c.id // step) % step == 0
            kept = select(events).where(mine, ~is_epoch | is_nth)
            rows = db.execute(kept.order_by(events.c.id)).mappings()
            return [_event_row(row) for row in rows]

    def newest_event(self) -> int:
        """Return the largest id of all events; 0 where there is none."""
        with self.reader.begin() as db:
            return int(db.scalar(select(func.max(events.c.id))) or 0)

    def result(self, id: UUID) -> dict[str, Any]:
        """Return the report of a succeeded job; raises NotFinished."""
        with self.reader.begin() as db:
            report: dict[str, Any] = require_result(find_row(db, id))["result"]
            return report

    def artifacts(self, id: UUID) -> tuple[str, list[Artifact]]:
        """Return the folder and the files of a succeeded job; raises NotFinished."""
        with self.reader.begin() as db:
            row = require_result(find_row(db, id))
            return row["folder"], [Artifact(**file) for file in row["artifacts"]]

    def attempts(self, id: UUID) -> list[dict[str, Any]]:
        """Return the attempts at a job, oldest first."""
        query = select(attempts).where(attempts.c.job == id).order_by(attempts.c.epoch)
        with self.reader.begin() as db:
            return [dict(row) for row in db.execute(query).mappings()]

    def cancel(self, id: UUID) -> Job:
        """Cancel a job: at once if it is queued, by its worker if it runs.

        Raises IllegalMove if it has ended.
        """
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
            return self._move(db, change, id, JobState.CANCELLED)

    def retry(self, id: UUID) -> Job:
        """Queue a failed or cancelled job again and allow it all attempts anew.

        Raises IllegalMove in any other state.
        """
        with self.engine.begin() as db:
            require_dataset(db, find_row(db, id)["dataset"])
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
            return self._move(db, change, id, JobState.QUEUED)

    def delete(self, id: UUID) -> None:
        """Delete the row of a job that has ended; raises IllegalMove before that."""
        with self.engine.begin() as db:
            state = JobState(find_row(db, id)["state"])
            gone = delete(jobs).where(jobs.c.id == id, jobs.c.state == state)
            if not state.is_final or db.execute(gone).rowcount == 0:
                raise IllegalMove(f"job {id} is {state}; cancel it before deleting it")

    def _move(self, db: Connection, change: Update, id: UUID, to: JobState) -> Job:
        """Run a guarded UPDATE and log the new state; raises IllegalMove."""
        # One statement checks the state and changes it: of two moves at the same time
        # only one finds the row in a state from which it is allowed.
        row = fetch_optional(db, change.returning(jobs))
        if row is None:
            raise IllegalMove(
                f"job {id} is {find_row(db, id)['state']} and cannot be {to}"
            )
        changed = StateChanged(state=row["state"])
        log_events(db, id, row["epoch"], [(None, changed)])
        return job_of(row)


def _event_row(row: RowMapping) -> EventRow:
    return EventRow(
        id=row["id"],
        kind=row["kind"],
        time=datetime_of(row["time"]),
        data=with_new_names(row["kind"], row["data"]),
    )
