"""The job store: every write of a worker is fenced by its epoch.

A claim takes a lease by the database's clock and raises the job's epoch; progress,
events, failure and result are one guarded UPDATE each, so a worker that was frozen,
presumed dead and comes back changes nothing. Events of a job are written under the lock
of its row, so their ids grow in the order in which they become visible.
"""

from __future__ import annotations

from sqlalchemy import Engine

from autosample.jobs.owner_store import AskedStore
from autosample.jobs.worker_store import WorkedStore


class SqlJobStore(AskedStore, WorkedStore):
    """Jobs, attempts and events in SQLite or Postgres."""

    def __init__(
        self,
        engine: Engine,
        *,
        lease: float = 60.0,
        attempts: int = 3,
        quota: int | None = None,
    ) -> None:
        AskedStore.__init__(self, engine, quota=quota)
        WorkedStore.__init__(self, engine, lease=lease, attempts=attempts)
