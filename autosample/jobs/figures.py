"""Figures about the queue and the workers, for operators; read from the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from autosample.core.events import KINDS, EpochEnded, read_event
from autosample.jobs.engine import reader
from autosample.jobs.state import JobState
from autosample.jobs.tables import attempts, events, jobs, now, workers

RECENT = 200
"""Number of latest epochs that the throughput is averaged over."""
ALIVE = 30.0
"""A worker counts as alive for so many seconds after its last heartbeat."""


@dataclass(frozen=True)
class Figures:
    """The state of the queue and its workers."""

    jobs: Mapping[str, int]
    """Number of jobs, by state."""
    oldest_wait: float
    """Seconds that the oldest queued job has waited; 0: no job is queued."""
    attempts: Mapping[str, int]
    """Number of attempts, by outcome; those without one yet are under `running`."""
    workers: int
    """Number of workers that are alive."""
    pairs_per_second: float
    """Training pairs per second of one trial, over the latest epochs; 0: none yet."""


def figures(engine: Engine) -> Figures:
    """Read all figures in one transaction, so that they fit together."""
    by_state = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    longest = select(now() - func.min(jobs.c.created)).where(
        jobs.c.state == JobState.QUEUED
    )
    outcome = func.coalesce(attempts.c.outcome, "running")
    by_outcome = select(outcome, func.count()).group_by(outcome)
    alive = select(func.count()).where(workers.c.seen > now() - ALIVE)
    epochs = (
        select(events.c.data)
        .where(events.c.kind == "epoch")
        .order_by(events.c.id.desc())
        .limit(RECENT)
    )
    with reader(engine).begin() as db:
        jobs_by_state = {state: int(count) for state, count in db.execute(by_state)}
        waited = db.scalar(longest)
        by_name = {name: int(count) for name, count in db.execute(by_outcome)}
        alive_count = int(db.scalar(alive) or 0)
        stored = list(db.scalars(epochs))
    events_read = (read_event("epoch", data, KINDS) for data in stored)
    latest = [event for event in events_read if isinstance(event, EpochEnded)]
    seconds = sum(epoch.seconds for epoch in latest)
    pairs = sum(epoch.pairs for epoch in latest)
    return Figures(
        jobs={state.value: jobs_by_state.get(state.value, 0) for state in JobState},
        oldest_wait=max(float(waited or 0.0), 0.0),
        attempts=by_name,
        workers=alive_count,
        pairs_per_second=pairs / seconds if seconds else 0.0,
    )
