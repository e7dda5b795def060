"""The life of a job.

queued ──> running ──> succeeded
  │ ^       │ │ │
  │ │       │ │ └────> failed      by its own error, or after too many lost workers
  │ └───────┘ └──────> cancelling ──> cancelled
  └────────────────────────────────────> cancelled

A running job is queued again when its worker is lost or stops; a failed or cancelled
job is queued again when its owner asks for a retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import NonNegativeInt

from autosample.core.config import Config
from autosample.core.progress import Stage


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended; only a retry moves it from here."""
        return self in FINAL


FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
ACTIVE = (JobState.RUNNING, JobState.CANCELLING)
"""States in which a worker holds a lease on the job."""

MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {JobState.QUEUED, JobState.CANCELLING, JobState.SUCCEEDED, JobState.FAILED}
    ),
    JobState.CANCELLING: frozenset({JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}


def states_before(to: JobState) -> list[JobState]:
    """Return the states from which a job may move to this one."""
    return [state for state, after in MOVES.items() if to in after]


class Failure(Config):
    """Why a job or an attempt ended without a result."""

    reason: str
    """Kind of failure: data, spec, search, budget, disk, lost or internal."""
    detail: str
    """What went wrong, as a sentence for people."""


class Job(Config):
    """A submitted search and how far it is."""

    id: UUID
    """Id of the job; ids sort by the time of submission."""
    state: JobState
    """State of the job; succeeded, failed and cancelled are final."""
    stage: Stage | None
    """Stage that the job is in; null before the first stage of an attempt."""
    progress: float
    """Estimated share of the work that is done, from 0 to 1."""
    owner: str
    """Owner of the key that submitted the job; empty if no keys are in use."""
    spec: dict[str, Any]
    """The SearchSpec as submitted."""
    attempts: NonNegativeInt
    """Attempts since submission or the last retry; those given back do not count."""
    epoch: NonNegativeInt
    """Number of the latest attempt; a worker with an older one can no longer write."""
    worker: str | None
    """Name of the worker that runs the job; null if none does."""
    failure: Failure | None
    """Why the job failed; null unless it did."""
    created: datetime
    """When the job was submitted."""
    started: datetime | None
    """When the first attempt began; null before that."""
    finished: datetime | None
    """When the job ended; null before that."""
    estimated_end: datetime | None
    """When the running attempt is expected to end; null while that is unknown."""


class Claim(NamedTuple):
    """A worker's right to write to a job, valid until the job's epoch is raised."""

    job: Job
    worker: str

    @property
    def epoch(self) -> int:
        return self.job.epoch


class Artifact(Config):
    """A file of a job's bundle."""

    name: str
    """Name of the file, without a folder."""
    size: NonNegativeInt
    """Size of the file in bytes."""
    sha256: str
    """SHA-256 digest of the file, in hexadecimal."""


class Page(NamedTuple):
    """A page of the list of jobs, newest first."""

    jobs: list[Job]
    next_token: str | None
    """Token of the next page; None if this is the last."""
