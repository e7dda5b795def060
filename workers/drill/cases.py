"""One case of a drill: who is hit, how, and when; and what is looked at afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import psutil
from sqlalchemy import select

from autosample.core.progress import Stage
from autosample.jobs.state import Job, JobState
from autosample.jobs.tables import events
from workers.drill.installation import DrillFailed, Installation, wait_for, words_of

ORPHANED = 10.0  # seconds after which what a dead worker left is an orphan
GRACE = 10.0  # seconds beyond the lease within which a lost job is to be claimed again


class Target(StrEnum):
    """Who is hit."""

    API = "api"
    WORKER = "worker"
    TRIAL = "trial"
    DATABASE = "database"


class Action(StrEnum):
    """How."""

    KILL = "kill"
    TERM = "term"
    FREEZE = "freeze"
    """SIGSTOP, and SIGCONT when the lease has run out."""


class Moment(StrEnum):
    """When, in the life of a job."""

    QUEUED = "queued"
    SEARCHING = "searching"
    RETRAINING = "retraining"
    PUBLISHING = "publishing"
    CANCELLING = "cancelling"


class Case(NamedTuple):
    target: Target
    action: Action
    moment: Moment

    @property
    def name(self) -> str:
        return f"{self.action} {self.target} while {self.moment}"


def all_cases(*, database: bool) -> list[Case]:
    """Return the matrix, with the database where it is ours to kill."""
    targets = [each for each in Target if database or each is not Target.DATABASE]
    return [Case(t, a, m) for m in Moment for t in targets for a in Action]


@dataclass
class Outcome:
    """What became of a case."""

    case: Case
    lost: bool = False
    """The job did not come to the end it should have come to."""
    published_twice: bool = False
    stale_writes: int = 0
    """Events of an earlier attempt after those of a later one."""
    orphans: int = 0
    seconds: float = 0.0
    """From the blow until the job went on, or ended."""
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not (
            self.lost
            or self.published_twice
            or self.stale_writes
            or self.orphans
            or self.problems
        )


class Drill:
    """Runs cases on one installation."""

    def __init__(self, place: Installation, dataset: str, spec: dict[str, Any]) -> None:
        self.place, self.dataset, self.spec = place, dataset, spec
        self.weights: str | None = None

    def undisturbed(self) -> None:
        """Run a job that nobody disturbs, to know what weights to expect."""
        job = self.place.client.submit(self.dataset, **self.spec).wait()
        self.weights = self._weights(UUID(job.id))

    def run(self, case: Case) -> Outcome:
        """Run a case from a complete installation to a complete one."""
        outcome = Outcome(case)
        try:
            self._run(case, outcome)
        except DrillFailed as failed:
            outcome.lost = True
            outcome.problems.append(str(failed))
        return outcome

    def _run(self, case: Case, outcome: Outcome) -> None:
        place = self.place
        id = self._bring_to(case.moment)
        job = place.store.get(id)
        hit = self._victims(case, job)
        family = self._family(case, hit)
        epoch, began = job.epoch, time.monotonic()
        self._strike(case, hit)
        self._let_go(case, hit)
        if case.target is Target.DATABASE:
            place.database.revive()
        outcome.seconds = self._recovered(id, epoch, began)
        if case.target is Target.WORKER and case.action is not Action.FREEZE:
            left = self._orphans(family)
            outcome.orphans = len(left)
            outcome.problems += [f"left behind: {name}" for name in left]
        place.complete()
        wait_for(lambda: place.store.get(id).state.is_final, "the job's end", 120)
        self._look(case, id, outcome)

    def _bring_to(self, moment: Moment) -> UUID:
        place = self.place
        if moment is Moment.QUEUED:
            self._freeze_workers()
        id = UUID(place.client.submit(self.dataset, **self.spec).id)
        if moment is Moment.QUEUED:
            return id
        name = Moment.SEARCHING if moment is Moment.CANCELLING else moment
        stage = Stage(name.value)
        wait_for(lambda: place.store.get(id).stage is stage, f"stage {stage}")
        if moment is Moment.CANCELLING:
            self._freeze_workers()  # so that it stays in that state
            place.client.job(str(id)).cancel()
        return id

    def _freeze_workers(self) -> None:
        """Freeze them at a moment at which none holds the database."""
        for _ in range(50):
            for each in self.place.workers:
                each.send_signal(signal.SIGSTOP)
            if self.place.database.is_free():
                return
            for each in self.place.workers:
                each.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        raise DrillFailed("the workers hold the database whenever they are frozen")

    def _victims(self, case: Case, job: Job) -> Sequence[psutil.Process]:
        place = self.place
        if case.target is Target.API:
            assert place.api is not None
            return [psutil.Process(place.api.pid)]
        if case.target is Target.DATABASE:
            found = place.database.processes()
            # The postmaster takes its children along, unless all are to be frozen.
            return found if case.action is Action.FREEZE else found[:1]
        idle = case.moment is Moment.QUEUED
        worker = place.workers[0] if idle else place.worker_of(job.worker)
        if case.target is Target.WORKER:
            return [psutil.Process(worker.pid)]
        return place.trials_of(worker.pid)

    def _family(
        self, case: Case, hit: Sequence[psutil.Process]
    ) -> list[psutil.Process]:
        if case.target is not Target.WORKER:
            return []
        return self.place.family(hit[0].pid)

    def _strike(self, case: Case, hit: Sequence[psutil.Process]) -> None:
        number = {
            Action.KILL: signal.SIGKILL,
            Action.TERM: signal.SIGTERM,
            Action.FREEZE: signal.SIGSTOP,
        }[case.action]
        for each in hit:
            _send(each, number)
        if case.action is Action.TERM and case.target is Target.WORKER:
            for each in hit:
                _send(each, signal.SIGCONT)  # a stopped process does not hear it

    def _let_go(self, case: Case, hit: Sequence[psutil.Process]) -> None:
        """Wake whom the moment stopped; whom the case froze, after the lease."""
        frozen = {each.pid for each in hit} if case.action is Action.FREEZE else set()
        for worker in self.place.workers:
            if worker.pid not in frozen and worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
        if case.action is Action.FREEZE:
            time.sleep(self.place.lease + 2.0)
            for each in hit:
                _send(each, signal.SIGCONT)

    def _recovered(self, id: UUID, epoch: int, began: float) -> float:
        """Return the seconds until the job was claimed anew, went on or ended.

        A frozen worker is waited for by the case itself, so the clock of the database
        tells, not ours.
        """
        place = self.place

        def goes_on() -> bool:
            job = place.store.get(id)
            return job.epoch > epoch or job.state.is_final or self._moves(id)

        before = time.time() - (time.monotonic() - began)
        wait_for(goes_on, "the job to go on", place.lease + GRACE + 30)
        later = [e.time.timestamp() for e in place.store.events(id)]
        after = [each for each in later if each > before]
        return max(min(after) - before, 0.0) if after else time.monotonic() - began

    def _moves(self, id: UUID) -> bool:
        job, first = self.place.store.get(id), self.place.store.events(id)
        if job.state not in (JobState.RUNNING, JobState.CANCELLING):
            return False
        time.sleep(0.3)
        return len(self.place.store.events(id)) > len(first)

    def _orphans(self, family: Sequence[psutil.Process]) -> list[str]:
        """Return what of a worker's family lives on for too long."""
        end = time.monotonic() + ORPHANED
        while (left := [each for each in family if _lives(each)]) and (
            time.monotonic() < end
        ):
            time.sleep(0.1)
        return [words_of(each)[:120] for each in left]

    def _look(self, case: Case, id: UUID, outcome: Outcome) -> None:
        place = self.place
        job = place.store.get(id)
        wanted = {JobState.SUCCEEDED}
        if case.moment is Moment.CANCELLING:
            wanted = {JobState.CANCELLED}
        if job.state not in wanted:
            outcome.lost = True
            outcome.problems.append(f"the job is {job.state}: {job.failure}")
            return
        told = [e.data["state"] for e in place.store.events(id) if e.kind == "state"]
        folders = place.files.names(f"jobs/{id}")
        most = int(job.state is JobState.SUCCEEDED)
        outcome.published_twice = (
            told.count(JobState.SUCCEEDED) > most or len(folders) > most
        )
        outcome.stale_writes = self._stale(id)
        if outcome.seconds > place.lease + GRACE:
            outcome.problems.append(f"took {outcome.seconds:.1f} s to go on")
        if job.state is JobState.SUCCEEDED and self._weights(id) != self.weights:
            outcome.problems.append("the weights are not those of a quiet job")

    def _stale(self, id: UUID) -> int:
        query = select(events.c.epoch).where(events.c.job == id).order_by(events.c.id)
        with self.place.engine.connect() as db:
            epochs = list(db.scalars(query))
        highest, stale = 0, 0
        for each in epochs:
            stale += each < highest
            highest = max(highest, each)
        return stale

    def _weights(self, id: UUID) -> str:
        """Return the digest of the published weights, read and not just told."""
        folder, artifacts = self.place.store.artifacts(id)
        digests = {}
        for each in artifacts:
            raw = b"".join(self.place.files.read(f"{folder}/{each.name}", 0, each.size))
            digests[each.name] = sha256(raw).hexdigest()
            if digests[each.name] != each.sha256:
                raise DrillFailed(f"{each.name} is not what its digest says")
        return digests["model.safetensors"]


def _send(process: psutil.Process, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
