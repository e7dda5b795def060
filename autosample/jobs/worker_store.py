"""The job store as workers use it: every write is fenced by the claim's epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from autosample.core.progress import Stage
from autosample.errors import Fenced
from autosample.jobs.engine import reader
from autosample.jobs.events import StagedEvent, StateChanged
from autosample.jobs.rows import close_attempt, fetch_optional, job_of, log_events
from autosample.jobs.state import (
    ACTIVE,
    Artifact,
    Claim,
    Failure,
    JobState,
    states_before,
)
from autosample.jobs.tables import attempts, jobs, now, workers

LOST = "the worker was lost {n} times: killed, frozen or cut off; the limit is {n}"


class WorkerStore:
    """Claim jobs, keep their leases, record progress, and end them."""

    def __init__(self, engine: Engine, *, lease: float, attempts: int) -> None:
        self.engine, self.reader = engine, reader(engine)
        self.lease, self.max_attempts = lease, attempts

    def claim(self, worker: str) -> Claim | None:
        """Take the oldest queued job and a lease on it; None if the queue is empty."""
        oldest = (
            select(jobs.c.id)
            .where(jobs.c.state == JobState.QUEUED)
            .order_by(jobs.c.created, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # Postgres; SQLite has one writer
        )
        # Raising the epoch fences off every earlier claim, and the lease runs by the
        # database's clock, so that no worker's own clock decides who holds a job.
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
            row = fetch_optional(db, take.returning(jobs))
            if row is None:
                return None
            db.execute(
                insert(attempts).values(
                    job=row["id"], epoch=row["epoch"], worker=worker, started=now()
                )
            )
            begun = StateChanged(state=JobState.RUNNING, attempt=row["attempts"])
            log_events(db, row["id"], row["epoch"], [(None, begun)])
            return Claim(job_of(row), worker)

    def renew(self, claim: Claim) -> JobState:
        """Extend the lease and return the job's state; raises Fenced."""
        with self.engine.begin() as db:
            lease_until = now() + self.lease
            row = self._update_claimed(db, claim, ACTIVE, lease_until=lease_until)
            return JobState(row["state"])

    def record_progress(
        self,
        claim: Claim,
        stage: Stage,
        progress: float,
        happened: Iterable[StagedEvent] = (),
        *,
        remaining: float | None = None,
    ) -> JobState:
        """Write progress and events and return the job's state; raises Fenced."""
        end = None if remaining is None else now() + remaining
        with self.engine.begin() as db:
            row = self._update_claimed(
                db, claim, ACTIVE, stage=stage, progress=progress, estimated_end=end
            )
            log_events(db, claim.job.id, claim.epoch, happened)
            return JobState(row["state"])

    def publish(
        self,
        claim: Claim,
        result: Mapping[str, Any],
        folder: str,
        artifacts: Iterable[Artifact],
    ) -> None:
        """End a job as succeeded; raises Fenced.

        The folder must be complete: result, files and state become visible together.
        """
        # Files are found through this row alone. A bundle that a fenced worker copied
        # is named by no row, so nobody reads it and a sweep deletes it.
        files = [artifact.model_dump() for artifact in artifacts]
        self._end(
            claim,
            JobState.SUCCEEDED,
            {"result": dict(result), "artifacts": files, "folder": folder}
            | {"progress": 1.0, "failure": None},
        )

    def fail(self, claim: Claim, failure: Failure) -> None:
        """End a job without a result; raises Fenced."""
        self._end(claim, JobState.FAILED, {"failure": failure.model_dump()}, failure)

    def release(self, claim: Claim, *, counts: bool = False) -> None:
        """Return a job to the queue because its worker is stopping; raises Fenced.

        `counts`: whether the attempt counts against the job's limit, because the job
        may have caused it.
        """
        attempts = jobs.c.attempts - (0 if counts else 1)
        self._end(claim, JobState.QUEUED, {"attempts": attempts, "stage": None})

    def confirm_cancel(self, claim: Claim) -> None:
        """End a job that its owner cancelled; raises Fenced."""
        self._end(claim, JobState.CANCELLED, {})

    def reap(self) -> list[UUID]:
        """Take jobs from workers whose lease ran out; returns the ids of those jobs.

        They are queued again, or end: as failed after too many attempts, as cancelled
        if a cancel was requested.
        """
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
            for move in (to_queue, to_failed, to_cancelled):
                freed = move.values(worker=None, lease_until=None).returning(jobs)
                for row in db.execute(freed).mappings().all():
                    moved.append(row["id"])
                    close_attempt(db, row["id"], row["epoch"], "lost", lost)
                    changed = StateChanged(state=row["state"], reason="lost")
                    log_events(db, row["id"], row["epoch"], [(None, changed)])
        return moved

    def record_heartbeat(self, worker: str) -> None:
        """Record that a worker is alive now."""
        with self.engine.begin() as db:
            known = update(workers).where(workers.c.id == worker).values(seen=now())
            if db.execute(known).rowcount == 0:
                db.execute(insert(workers).values(id=worker, seen=now()))

    def seconds_since_heartbeat(self, host: str | None = None) -> float | None:
        """Return the seconds since the last heartbeat of any worker, or of any worker
        on a host; None if there never was one."""
        latest = select(now() - func.max(workers.c.seen))
        if host is not None:
            latest = latest.where(workers.c.id.startswith(f"{host}-", autoescape=True))
        with self.reader.begin() as db:
            seconds = db.scalar(latest)
        return None if seconds is None else float(seconds)

    def _update_claimed(
        self, db: Connection, claim: Claim, states: Iterable[JobState], **values: Any
    ) -> RowMapping:
        """Update the claimed job and return its row; raises Fenced."""
        # This guard is the fence. A worker that was frozen and comes back holds an
        # older epoch than the job's, so its UPDATE matches no row, and the transaction
        # is rolled back together with whatever events it was to write. Check and write
        # must stay one statement: a check made before could be out of date.
        change = (
            update(jobs)
            .where(jobs.c.id == claim.job.id, jobs.c.epoch == claim.epoch)
            .where(jobs.c.state.in_(tuple(states)))
            .values(**values)
        )
        row = fetch_optional(db, change.returning(jobs))
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
        """End the attempt and move its job to a state; raises Fenced."""
        finished = now() if to.is_final else None
        common = {
            "state": to,
            "worker": None,
            "lease_until": None,
            "estimated_end": None,
        }
        with self.engine.begin() as db:
            held = [state for state in states_before(to) if state in ACTIVE]
            self._update_claimed(db, claim, held, **common, finished=finished, **values)
            close_attempt(db, claim.job.id, claim.epoch, to, failure)
            ended = StateChanged(state=to, failure=failure)
            log_events(db, claim.job.id, claim.epoch, [(None, ended)])
