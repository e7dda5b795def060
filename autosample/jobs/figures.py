"""What operators watch, from the database, which all processes share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from autosample.jobs.engine import reader
from autosample.jobs.state import JobState
from autosample.jobs.tables import attempts, events, jobs, now, workers

RECENT = 200
"""Passes that the throughput is the mean of."""
ALIVE = 30.0
"""Seconds within which a worker showed itself."""


@dataclass(frozen=True)
class Figures:
    """A look at the queue and at who works on it."""

    jobs: Mapping[str, int]
    """By state."""
    oldest_wait: float
    """Seconds that the job at the head of the queue has waited; 0: none does."""
    attempts: Mapping[str, int]
    """By outcome; `running` has none yet."""
    workers: int
    """That showed themselves of late."""
    pairs_per_second: float
    """Training pairs a second of one trial, mean of the last passes; 0: none yet."""


def figures(engine: Engine) -> Figures:
    """Count, in one transaction."""
    by_state = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    oldest = select(now() - func.min(jobs.c.created)).where(
        jobs.c.state == JobState.QUEUED
    )
    outcome = func.coalesce(attempts.c.outcome, "running")
    ended = select(outcome, func.count()).group_by(outcome)
    alive = select(func.count()).where(workers.c.seen > now() - ALIVE)
    passes = (
        select(events.c.data)
        .where(events.c.kind == "epoch")
        .order_by(events.c.id.desc())
        .limit(RECENT)
    )
    with reader(engine).begin() as db:
        counted = {state: int(count) for state, count in db.execute(by_state)}
        waited = db.scalar(oldest)
        tried = {name: int(count) for name, count in db.execute(ended)}
        there = int(db.scalar(alive) or 0)
        told = list(db.scalars(passes))
    seconds = sum(each.get("seconds", 0.0) for each in told)
    pairs = sum(each.get("pairs", 0) for each in told)
    return Figures(
        jobs={state.value: counted.get(state.value, 0) for state in JobState},
        oldest_wait=max(float(waited or 0.0), 0.0),
        attempts=tried,
        workers=there,
        pairs_per_second=pairs / seconds if seconds else 0.0,
    )
