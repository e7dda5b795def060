"""The job store: what owners and workers do with jobs, in one class.

A claim takes a lease by the database's clock and raises the job's epoch. Every later
write of the worker is one UPDATE that requires this epoch, so a worker that was frozen,
presumed dead and comes back changes nothing. Events are written under the lock of their
job's row, so their ids grow in the order in which they become visible.
"""

from __future__ import annotations

from sqlalchemy import Engine

from autosample.jobs.owner_store import OwnerStore
from autosample.jobs.worker_store import WorkerStore


class SqlJobStore(OwnerStore, WorkerStore):
    """Jobs, attempts and events in SQLite or Postgres."""

    def __init__(
        self,
        engine: Engine,
        *,
        lease: float = 60.0,
        attempts: int = 3,
        quota: int | None = None,
    ) -> None:
        OwnerStore.__init__(self, engine, quota=quota)
        WorkerStore.__init__(self, engine, lease=lease, attempts=attempts)
