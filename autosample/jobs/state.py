"""The life of a job.

queued ──> running ──> succeeded
  │ ^       │ │ │
  │ │       │ │ └────> failed      by itself, or lost too often
  │ └───────┘ └──────> cancelling ──> cancelled
  └────────────────────────────────────> cancelled

running -> queued when its worker is lost or drained; failed and cancelled jobs go back
to queued when somebody asks for a retry.
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
        """Whether nothing more happens unless somebody asks."""
        return self in FINAL


FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
ACTIVE = (JobState.RUNNING, JobState.CANCELLING)
"""Somebody holds a lease."""

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


def before(to: JobState) -> list[JobState]:
    """Return the states from which a job may come to this one."""
    return [state for state, after in MOVES.items() if to in after]


class Failure(Config):
    """Why a job or an attempt ended without a result."""

    reason: str
    """A stable word: data, spec, search, budget, disk, lost, internal."""
    detail: str
    """A sentence for people."""


class Job(Config):
    """One submitted search, as stored."""

    id: UUID
    state: JobState
    stage: Stage | None
    """Where a running job is; None before its first stage."""
    progress: float
    """0 to 1."""
    owner: str
    """Who submitted it: the owner of their key, empty where there are no keys."""
    spec: dict[str, Any]
    """The SearchSpec as submitted."""
    attempts: NonNegativeInt
    """Claims so far."""
    epoch: NonNegativeInt
    """Raised by each claim; a worker of an older epoch is fenced off."""
    worker: str | None
    """Who runs it."""
    failure: Failure | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    estimated_end: datetime | None


class Claim(NamedTuple):
    """A worker's right to write to a job, until its epoch passes."""

    job: Job
    worker: str

    @property
    def epoch(self) -> int:
        return self.job.epoch


class Event(Config):
    """Something that happened to a job."""

    id: NonNegativeInt
    """Grows with time; what Last-Event-ID and `after` refer to."""
    kind: str
    time: datetime
    data: dict[str, Any]


class Artifact(Config):
    """One published file."""

    name: str
    size: NonNegativeInt
    sha256: str


class Page(NamedTuple):
    """Some of the jobs, newest first."""

    jobs: list[Job]
    next_token: str | None
    """Where the next page begins; None: this is the last."""
