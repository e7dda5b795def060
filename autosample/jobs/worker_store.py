"""What workers write to the job store: each write is fenced by the claim's epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from autosample.core.progress import Stage
from autosample.errors import Fenced
from autosample.jobs.engine import reader
from autosample.jobs.rows import close_attempt, job_of, log_events, maybe
from autosample.jobs.state import ACTIVE, Artifact, Claim, Failure, JobState, before
from autosample.jobs.tables import attempts, jobs, now, workers

LOST = "the worker was lost {n} times: killed, frozen or cut off; the limit is {n}"


class WorkedStore:
    """Jobs as workers see them: claim, renew, tell, end."""

    def __init__(self, engine: Engine, *, lease: float, attempts: int) -> None:
        self.engine, self.reader = engine, reader(engine)
        self.lease, self.max_attempts = lease, attempts

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

    def worker_seen_ago(self, host: str | None = None) -> float | None:
        """Return the seconds since any worker, or any of a host, was there; None: it
        never was."""
        latest = select(now() - func.max(workers.c.seen))
        if host is not None:
            latest = latest.where(workers.c.id.startswith(f"{host}-", autoescape=True))
        with self.reader.begin() as db:
            ago = db.scalar(latest)
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
