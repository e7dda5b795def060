"""Whatever is asked of the store in whatever order, it agrees with a plain model."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update

from autosample.core.events import Note
from autosample.core.progress import Stage
from autosample.errors import Fenced, IllegalMove, UnknownJob
from autosample.jobs.state import FINAL, MOVES, Artifact, Claim, Failure, JobState
from autosample.jobs.store import SqlJobStore
from autosample.jobs.tables import jobs as jobs_table
from autosample.jobs.tables import now

pytestmark = pytest.mark.slow

SPEC = {"dataset": "toy"}
WHY = Failure(reason="data", detail="of no use")
ATTEMPTS = 2


class Machine(RuleBasedStateMachine):
    """The store beside a dictionary of what each job should be."""

    store: SqlJobStore
    ids = Bundle("ids")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        for job in self.store.page(limit=200).jobs:
            self._end(job.id)
        self.states: dict[UUID, JobState] = {}
        self.attempts: dict[UUID, int] = {}
        self.epochs: dict[UUID, int] = {}
        self.published: dict[UUID, int] = {}

    def _end(self, id: UUID) -> None:
        """Clear what an example before this one left."""
        with self.store.engine.begin() as db:
            db.execute(jobs_table.delete().where(jobs_table.c.id == id))

    # What users ask

    @rule(target=ids)
    def add(self) -> UUID:
        job = self.store.add(SPEC)
        self._is(job.id, JobState.QUEUED)
        self.attempts[job.id] = self.epochs[job.id] = self.published[job.id] = 0
        return job.id

    @rule(id=ids)
    def cancel(self, id: UUID) -> None:
        state = self.states.get(id)
        if state is None:
            with pytest.raises(UnknownJob):
                self.store.cancel(id)
        elif state in FINAL:
            with pytest.raises(IllegalMove):
                self.store.cancel(id)
        else:
            queued = state is JobState.QUEUED
            to = JobState.CANCELLED if queued else JobState.CANCELLING
            self.store.cancel(id)
            self._is(id, to)

    @rule(id=ids)
    def retry(self, id: UUID) -> None:
        state = self.states.get(id)
        if state in (JobState.FAILED, JobState.CANCELLED):
            self.store.retry(id)
            self._is(id, JobState.QUEUED)
            self.attempts[id] = 0
        else:
            with pytest.raises(UnknownJob if state is None else IllegalMove):
                self.store.retry(id)

    @rule(id=consumes(ids))
    def delete(self, id: UUID) -> None:
        if self.states.get(id) in FINAL:
            self.store.delete(id)
            del self.states[id]
        else:
            with pytest.raises((IllegalMove, UnknownJob)):
                self.store.delete(id)

    # What workers do

    @rule(target=claims)
    def claim(self) -> object:
        found = self.store.claim("w")
        queued = [id for id, s in self.states.items() if s is JobState.QUEUED]
        if not queued:
            assert found is None
            return multiple()
        assert found is not None
        assert found.job.id == queued_first(queued)
        self._is(found.job.id, JobState.RUNNING)
        self.attempts[found.job.id] += 1
        self.epochs[found.job.id] += 1
        assert found.epoch == self.epochs[found.job.id]
        return found

    @rule(claim=claims)
    def renew_and_tell(self, claim: Claim) -> None:
        def write() -> None:
            self.store.renew(claim)
            self.store.record_progress(
                claim, Stage.SEARCHING, 0.5, [(Stage.SEARCHING, Note(text="x"))]
            )

        self._write(claim, write, {JobState.RUNNING, JobState.CANCELLING}, None)

    @rule(claim=claims)
    def succeed(self, claim: Claim) -> None:
        files = [Artifact(name="a", size=1, sha256="0")]

        def write() -> None:
            self.store.publish(claim, {"epoch": claim.epoch}, "there", files)
            self.published[claim.job.id] += 1

        self._write(claim, write, {JobState.RUNNING}, JobState.SUCCEEDED)

    @rule(claim=claims)
    def fail(self, claim: Claim) -> None:
        self._write(
            claim,
            lambda: self.store.fail(claim, WHY),
            {JobState.RUNNING},
            JobState.FAILED,
        )

    @rule(claim=claims)
    def stop_as_asked(self, claim: Claim) -> None:
        self._write(
            claim,
            lambda: self.store.confirm_cancel(claim),
            {JobState.CANCELLING},
            JobState.CANCELLED,
        )

    @rule(claim=claims)
    def give_back(self, claim: Claim) -> None:
        def write() -> None:
            self.store.release(claim)
            self.attempts[claim.job.id] -= 1

        self._write(claim, write, {JobState.RUNNING}, JobState.QUEUED)

    def _write(
        self,
        claim: Claim,
        write: Callable[[], None],
        states: set[JobState],
        to: JobState | None,
    ) -> None:
        id = claim.job.id
        held = self.states.get(id) in states and self.epochs.get(id) == claim.epoch
        if not held:
            with pytest.raises(Fenced):
                write()
            return
        write()
        if to is not None:
            self._is(id, to)

    @rule(id=ids)
    def lose(self, id: UUID) -> None:
        """Let the lease of one job run out."""
        state = self.states.get(id)
        if state not in (JobState.RUNNING, JobState.CANCELLING):
            return
        with self.store.engine.begin() as db:
            mine = update(jobs_table).where(jobs_table.c.id == id)
            db.execute(mine.values(lease_until=now() - 1))
        assert self.store.reap() == [id]
        if state is JobState.CANCELLING:
            self._is(id, JobState.CANCELLED)
        elif self.attempts[id] >= ATTEMPTS:
            self._is(id, JobState.FAILED)
        else:
            self._is(id, JobState.QUEUED)

    def _is(self, id: UUID, to: JobState) -> None:
        before = self.states.get(id)
        legal = before is None or to in MOVES[before] or to is before
        assert legal, f"{before} to {to}"
        self.states[id] = to

    # What always holds

    @invariant()
    def agrees(self) -> None:
        found = {job.id: job for job in self.store.page(limit=200).jobs}
        assert {id: job.state for id, job in found.items()} == self.states
        for id, job in found.items():
            assert job.attempts == self.attempts[id]
            assert job.epoch == self.epochs[id]
            assert (job.worker is not None) == (
                job.state in (JobState.RUNNING, JobState.CANCELLING)
            )

    @invariant()
    def publishes_once(self) -> None:
        for id, state in self.states.items():
            events = self.store.events(id)
            told = [e.data["state"] for e in events if e.kind == "state"]
            assert told[-1] == state
            assert told.count(JobState.SUCCEEDED) == self.published[id] <= 1
            assert [e.id for e in events] == sorted({e.id for e in events})


def queued_first(queued: list[UUID]) -> UUID:
    """Ids sort by time."""
    return min(queued)


def test_the_store_agrees_with_its_model(jobs: SqlJobStore) -> None:
    # On a busy machine a short lease would run out between two steps.
    store = SqlJobStore(jobs.engine, lease=3600, attempts=ATTEMPTS)
    kind = type("Here", (Machine,), {"store": store})
    few = settings(max_examples=60, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(kind, settings=few)
