"""Cases of a drill: which process is hit, how and when, and what must hold after."""

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
from workers.drill.installation import (
    DrillFailed,
    Installation,
    command_line,
    wait_for,
)

ORPHANED = 10.0
"""Seconds after its worker's death from which a process counts as an orphan."""
GRACE = 10.0
"""Seconds beyond the lease within which a lost job must be claimed again."""


class Target(StrEnum):
    """Which process is hit."""

    API = "api"
    WORKER = "worker"
    TRIAL = "trial"
    DATABASE = "database"


class Action(StrEnum):
    """How it is hit."""

    KILL = "kill"
    TERM = "term"
    FREEZE = "freeze"
    """SIGSTOP, and SIGCONT once the lease has run out."""


class Phase(StrEnum):
    """In which phase of its life the job is when the process is hit."""

    QUEUED = "queued"
    SEARCHING = "searching"
    RETRAINING = "retraining"
    PUBLISHING = "publishing"
    CANCELLING = "cancelling"


class Case(NamedTuple):
    """One combination of target, action and phase."""

    target: Target
    action: Action
    phase: Phase

    @property
    def name(self) -> str:
        return f"{self.action} {self.target} while {self.phase}"


def all_cases(*, database: bool) -> list[Case]:
    """Return all combinations; without the database if it may not be killed."""
    targets = [target for target in Target if database or target is not Target.DATABASE]
    return [
        Case(target, action, phase)
        for phase in Phase
        for target in targets
        for action in Action
    ]


@dataclass
class Outcome:
    """What a case did to its job."""

    case: Case
    lost: bool = False
    """Whether the job did not end, or not as it should have."""
    published_twice: bool = False
    """Whether the job has two bundles, or was published more than once."""
    stale_writes: int = 0
    """Events of an earlier attempt that were accepted after those of a later one."""
    orphans: int = 0
    """Processes of a killed worker that outlived it for too long."""
    seconds: float = 0.0
    """Seconds from the hit until the job went on or ended."""
    problems: list[str] = field(default_factory=list)
    """What went wrong, in words."""

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong."""
        return not (
            self.lost
            or self.published_twice
            or self.stale_writes
            or self.orphans
            or self.problems
        )


class Drill:
    """Runs cases on one installation."""

    def __init__(
        self, installation: Installation, dataset: str, spec: dict[str, Any]
    ) -> None:
        self.installation, self.dataset, self.spec = installation, dataset, spec
        self.weights: str | None = None

    def run_undisturbed(self) -> None:
        """Run a job without hitting anything, to know which weights to expect."""
        job = self.installation.client.submit(self.dataset, **self.spec).wait()
        self.weights = self._weights(UUID(job.id))

    def run(self, case: Case) -> Outcome:
        """Run a case; the installation must be complete before, and is so after."""
        outcome = Outcome(case)
        try:
            self._run(case, outcome)
        except DrillFailed as error:
            outcome.lost = True
            outcome.problems.append(str(error))
        return outcome

    def _run(self, case: Case, outcome: Outcome) -> None:
        installation = self.installation
        id = self._bring_to(case.phase)
        job = installation.store.get(id)
        victims = self._victims(case, job)
        family = self._family(case, victims)
        epoch, began = job.epoch, time.monotonic()
        self._hit(case, victims)
        self._wake(case, victims)
        if case.target is Target.DATABASE:
            installation.database.revive()
        outcome.seconds = self._wait_for_recovery(id, epoch, began)
        if case.target is Target.WORKER and case.action is not Action.FREEZE:
            orphans = self._orphans(family)
            outcome.orphans = len(orphans)
            outcome.problems += [f"left behind: {name}" for name in orphans]
        installation.complete()
        store = installation.store
        wait_for(lambda: store.get(id).state.is_final, "the job's end", 120)
        self._examine(case, id, outcome)

    def _bring_to(self, phase: Phase) -> UUID:
        """Submit a job and wait until it is in a phase; returns its id."""
        installation = self.installation
        if phase is Phase.QUEUED:
            self._freeze_workers()
        id = UUID(installation.client.submit(self.dataset, **self.spec).id)
        if phase is Phase.QUEUED:
            return id
        name = Phase.SEARCHING if phase is Phase.CANCELLING else phase
        stage = Stage(name.value)
        wait_for(lambda: installation.store.get(id).stage is stage, f"stage {stage}")
        if phase is Phase.CANCELLING:
            self._freeze_workers()  # so that the job stays in this state
            installation.client.job(str(id)).cancel()
        return id

    def _freeze_workers(self) -> None:
        """Freeze all workers while none of them holds a lock of the database."""
        for _ in range(50):
            for worker in self.installation.workers:
                worker.send_signal(signal.SIGSTOP)
            if self.installation.database.is_free():
                return
            for worker in self.installation.workers:
                worker.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        raise DrillFailed("each time the workers were frozen, one held the database")

    def _victims(self, case: Case, job: Job) -> Sequence[psutil.Process]:
        """Return the processes to hit."""
        installation = self.installation
        if case.target is Target.API:
            assert installation.api is not None
            return [psutil.Process(installation.api.pid)]
        if case.target is Target.DATABASE:
            processes = installation.database.processes()
            # The postmaster ends its children with it; only a freeze must hit them all.
            return processes if case.action is Action.FREEZE else processes[:1]
        idle = case.phase is Phase.QUEUED
        worker = installation.workers[0] if idle else installation.worker_of(job.worker)
        if case.target is Target.WORKER:
            return [psutil.Process(worker.pid)]
        return installation.trials_of(worker.pid)

    def _family(
        self, case: Case, victims: Sequence[psutil.Process]
    ) -> list[psutil.Process]:
        """Return the processes that a worker has started, if one is to be hit."""
        if case.target is not Target.WORKER:
            return []
        return self.installation.family(victims[0].pid)

    def _hit(self, case: Case, victims: Sequence[psutil.Process]) -> None:
        """Send the case's signal to the victims."""
        number = {
            Action.KILL: signal.SIGKILL,
            Action.TERM: signal.SIGTERM,
            Action.FREEZE: signal.SIGSTOP,
        }[case.action]
        for process in victims:
            _send(process, number)
        if case.action is Action.TERM and case.target is Target.WORKER:
            for process in victims:
                _send(process, signal.SIGCONT)  # a stopped one would not handle SIGTERM

    def _wake(self, case: Case, victims: Sequence[psutil.Process]) -> None:
        """Wake the workers that `_bring_to` froze, and after the lease the victims."""
        freezes = case.action is Action.FREEZE
        frozen = {process.pid for process in victims} if freezes else set()
        for worker in self.installation.workers:
            if worker.pid not in frozen and worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
        if freezes:
            time.sleep(self.installation.lease + 2.0)
            for process in victims:
                _send(process, signal.SIGCONT)

    def _wait_for_recovery(self, id: UUID, epoch: int, began: float) -> float:
        """Wait until the job is claimed anew, goes on or ends; returns the seconds.

        They are read from the times of the job's events, since a case that freezes has
        slept for longer than the job took to recover.
        """
        store, lease = self.installation.store, self.installation.lease

        def goes_on() -> bool:
            job = store.get(id)
            return job.epoch > epoch or job.state.is_final or self._moves(id)

        hit_at = time.time() - (time.monotonic() - began)
        wait_for(goes_on, "the job to go on", lease + GRACE + 30)
        times = [event.time.timestamp() for event in store.events(id)]
        after = [at for at in times if at > hit_at]
        return max(min(after) - hit_at, 0.0) if after else time.monotonic() - began

    def _moves(self, id: UUID) -> bool:
        """Tell whether a running job gets new events within 0.3 seconds."""
        store = self.installation.store
        job, before = store.get(id), store.events(id)
        if job.state not in (JobState.RUNNING, JobState.CANCELLING):
            return False
        time.sleep(0.3)
        return len(store.events(id)) > len(before)

    def _orphans(self, family: Sequence[psutil.Process]) -> list[str]:
        """Return the command lines of a dead worker's processes that live on."""
        end = time.monotonic() + ORPHANED
        while (living := [process for process in family if _lives(process)]) and (
            time.monotonic() < end
        ):
            time.sleep(0.1)
        return [command_line(process)[:120] for process in living]

    def _examine(self, case: Case, id: UUID, outcome: Outcome) -> None:
        """Check the job that has ended, and note in the outcome what is wrong."""
        installation = self.installation
        job = installation.store.get(id)
        expected = JobState.SUCCEEDED
        if case.phase is Phase.CANCELLING:
            expected = JobState.CANCELLED
        if job.state is not expected:
            outcome.lost = True
            outcome.problems.append(f"the job is {job.state}: {job.failure}")
            return
        states = [
            event.data["state"]
            for event in installation.store.events(id)
            if event.kind == "state"
        ]
        folders = installation.files.names(f"jobs/{id}")
        most = int(job.state is JobState.SUCCEEDED)
        outcome.published_twice = (
            states.count(JobState.SUCCEEDED) > most or len(folders) > most
        )
        outcome.stale_writes = self._count_stale(id)
        if outcome.seconds > installation.lease + GRACE:
            outcome.problems.append(f"took {outcome.seconds:.1f} s to go on")
        if job.state is JobState.SUCCEEDED and self._weights(id) != self.weights:
            outcome.problems.append("the weights are not those of an undisturbed job")

    def _count_stale(self, id: UUID) -> int:
        """Return the number of events that follow one of a later attempt."""
        query = select(events.c.epoch).where(events.c.job == id).order_by(events.c.id)
        with self.installation.engine.connect() as db:
            epochs = list(db.scalars(query))
        highest, stale = 0, 0
        for epoch in epochs:
            stale += epoch < highest
            highest = max(highest, epoch)
        return stale

    def _weights(self, id: UUID) -> str:
        """Return the digest of the published weights, computed from their bytes."""
        folder, artifacts = self.installation.store.artifacts(id)
        digests = {}
        for file in artifacts:
            place = f"{folder}/{file.name}"
            raw = b"".join(self.installation.files.read(place, 0, file.size))
            digests[file.name] = sha256(raw).hexdigest()
            if digests[file.name] != file.sha256:
                raise DrillFailed(f"the digest of {file.name} is not that of its bytes")
        return digests["model.safetensors"]


def _send(process: psutil.Process, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
