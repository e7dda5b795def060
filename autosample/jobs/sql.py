"""The job store: every write of a worker is fenced by its epoch.

A claim takes a lease by the database's clock and raises the job's epoch; progress,
events, failure and result are one guarded UPDATE each, so a worker that was frozen,
presumed dead and comes back changes nothing. Events of a job are written under the lock
of its row, so their ids grow in the order in which they become visible.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
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

from autosample.errors import (
    Fenced,
    IllegalMove,
    LimitReached,
    UnknownJob,
)
from autosample.jobs.engine import reader
from autosample.jobs.rows import (
    by_key,
    close_attempt,
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
)
from autosample.jobs.state import (
    Artifact,
    Claim,
    Event,
    Failure,
    Job,
    JobState,
    Page,
    before,
)
from autosample.jobs.tables import attempts, events, jobs, now, workers
from autosample.progress import Stage

ACTIVE = (JobState.RUNNING, JobState.CANCELLING)
LOST = "the worker was lost {n} times: killed, frozen or cut off; the limit is {n}"


class SqlJobStore:
    """Jobs, attempts and events in SQLite or Postgres."""

    def __init__(
        self,
        engine: Engine,
        *,
        lease: float = 60.0,
        attempts: int = 3,
        quota: int | None = None,
    ) -> None:
        self.engine, self.reader = engine, reader(engine)
        self.lease, self.max_attempts, self.quota = lease, attempts, quota

    # Asking

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
        next_token = f"{last['created']!r}_{last['id'].hex}" if last else None
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

    # Working

    def claim(self, worker: str) -> Claim | None:
        """Take the oldest queued job and a lease on it; None if there is none."""
        oldest = (
            select(jobs.c.id)
            .where(jobs.c.state == JobState.QUEUED)
            .order_by(jobs.c.created, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # Postgres; SQLite has one writer
        )
        take = (
            update(jobs)
            .where(jobs.c.id == oldest.scalar_subquery())
            .where(jobs.c.state == JobState.QUEUED)
            .values(
                state=JobState.RUNNING,
                stage=None,
                progress=0.0,
                worker=worker,
                epoch=jobs.c.epoch + 1,
                attempts=jobs.c.attempts + 1,
                lease_until=now() + self.lease,
                started=func.coalesce(jobs.c.started, now()),
                estimated_end=None,
            )
        )
        with self.engine.begin() as db:
            row = maybe(db, take.returning(jobs))
            if row is None:
                return None
            db.execute(
                insert(attempts).values(
                    job=row["id"], epoch=row["epoch"], worker=worker, started=now()
                )
            )
            told = {"state": JobState.RUNNING, "attempt": row["attempts"]}
            log_events(db, row["id"], row["epoch"], [("state", told)])
            return Claim(job_of(row), worker)

    def renew(self, claim: Claim) -> JobState:
        """Extend the lease; returns the job's state, raises Fenced if taken over."""
        with self.engine.begin() as db:
            row = self._fenced(db, claim, ACTIVE, lease_until=now() + self.lease)
            return JobState(row["state"])

    def tell(
        self,
        claim: Claim,
        stage: Stage,
        progress: float,
        happened: Iterable[tuple[str, Mapping[str, Any]]] = (),
        *,
        remaining: float | None = None,
    ) -> JobState:
        """Write progress and events; returns the job's state, raises Fenced."""
        end = None if remaining is None else now() + remaining
        with self.engine.begin() as db:
            row = self._fenced(
                db, claim, ACTIVE, stage=stage, progress=progress, estimated_end=end
            )
            log_events(db, claim.job.id, claim.epoch, happened)
            return JobState(row["state"])

    def succeed(
        self,
        claim: Claim,
        result: Mapping[str, Any],
        folder: str,
        artifacts: Iterable[Artifact],
    ) -> None:
        """Publish: the result, its files and the state become visible together."""
        files = [artifact.model_dump() for artifact in artifacts]
        self._end(
            claim,
            JobState.SUCCEEDED,
            {"result": dict(result), "artifacts": files, "folder": folder}
            | {"progress": 1.0, "failure": None},
        )

    def fail(self, claim: Claim, failure: Failure) -> None:
        """End a job without a result."""
        self._end(claim, JobState.FAILED, {"failure": failure.model_dump()}, failure)

    def release(self, claim: Claim) -> None:
        """Give a job back to the queue: its worker is being stopped."""
        # Being stopped is nobody's fault, so the attempt does not count.
        undo = {"attempts": jobs.c.attempts - 1, "stage": None}
        self._end(claim, JobState.QUEUED, undo)

    def cancelled(self, claim: Claim) -> None:
        """Tell that a job has been stopped as asked."""
        self._end(claim, JobState.CANCELLED, {})

    def reap(self) -> list[UUID]:
        """Take jobs from workers whose lease ran out; returns what was moved."""
        lost = Failure(reason="lost", detail=LOST.format(n=self.max_attempts))
        spent = jobs.c.attempts >= self.max_attempts
        expired = jobs.c.lease_until < now()
        cancelling = jobs.c.state == JobState.CANCELLING
        change = update(jobs).where(jobs.c.state.in_(ACTIVE), expired)
        to_queue = change.where(~cancelling, ~spent).values(
            state=JobState.QUEUED, stage=None, estimated_end=None
        )
        to_failed = change.where(~cancelling, spent).values(
            state=JobState.FAILED, failure=lost.model_dump(), finished=now()
        )
        to_cancelled = change.where(cancelling).values(
            state=JobState.CANCELLED, finished=now()
        )
        moved = []
        with self.engine.begin() as db:
            for each in (to_queue, to_failed, to_cancelled):
                freed = each.values(worker=None, lease_until=None).returning(jobs)
                for row in db.execute(freed).mappings().all():
                    moved.append(row["id"])
                    close_attempt(db, row["id"], row["epoch"], "lost", lost)
                    told = {"state": row["state"], "reason": "lost"}
                    log_events(db, row["id"], row["epoch"], [("state", told)])
        return moved

    def seen(self, worker: str) -> None:
        """Tell that a worker is there."""
        with self.engine.begin() as db:
            there = update(workers).where(workers.c.id == worker).values(seen=now())
            if db.execute(there).rowcount == 0:
                db.execute(insert(workers).values(id=worker, seen=now()))

    def worker_seen_ago(self) -> float | None:
        """Return the seconds since any worker was there; None: never."""
        with self.reader.begin() as db:
            ago = db.scalar(select(now() - func.max(workers.c.seen)))
        return None if ago is None else float(ago)

    def _fenced(
        self, db: Connection, claim: Claim, states: Iterable[JobState], **values: Any
    ) -> RowMapping:
        change = (
            update(jobs)
            .where(jobs.c.id == claim.job.id, jobs.c.epoch == claim.epoch)
            .where(jobs.c.state.in_(tuple(states)))
            .values(**values)
        )
        row = maybe(db, change.returning(jobs))
        if row is None:
            raise Fenced(f"epoch {claim.epoch} of job {claim.job.id} has passed")
        return row

    def _end(
        self,
        claim: Claim,
        to: JobState,
        values: dict[str, Any],
        failure: Failure | None = None,
    ) -> None:
        finished = now() if to.is_final else None
        common = {
            "state": to,
            "worker": None,
            "lease_until": None,
            "estimated_end": None,
        }
        with self.engine.begin() as db:
            held = [state for state in before(to) if state in ACTIVE]
            self._fenced(db, claim, held, **common, finished=finished, **values)
            close_attempt(db, claim.job.id, claim.epoch, to, failure)
            told: dict[str, Any] = {"state": to}
            if failure is not None:
                told["failure"] = failure.model_dump()
            log_events(db, claim.job.id, claim.epoch, [("state", told)])

    def _moved(self, db: Connection, change: Update, id: UUID, to: JobState) -> Job:
        row = maybe(db, change.returning(jobs))
        if row is None:
            raise IllegalMove(f"job {id} is {find(db, id)['state']} and cannot be {to}")
        log_events(db, id, row["epoch"], [("state", {"state": row["state"]})])
        return job_of(row)
