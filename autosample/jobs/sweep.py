"""Deletes files and rows that nothing needs any more, so that disks do not fill up.

Files are listed before rows are queried: whoever needs files adds their row before
writing them (for data sets: at most `FRESH` seconds after). So a file that was listed,
and that no row mentions, is a leftover.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, delete, select

from autosample.errors import IllegalMove, UnknownJob
from autosample.jobs.engine import reader
from autosample.jobs.files import Files
from autosample.jobs.owner_store import OwnerStore
from autosample.jobs.state import FINAL, JobState
from autosample.jobs.tables import datasets, jobs, now, workers

_log = logging.getLogger(__name__)

DAY = 86400.0
FRESH = 3600.0
"""Seconds for which files of a data set may exist before its row does."""
BATCH = 500
"""Most ids in one query."""


@dataclass(frozen=True)
class Limits:
    """How long jobs that have ended are kept, and their checkpoints."""

    checkpoints: float = 7 * DAY
    """Seconds for which a failed or cancelled job keeps its checkpoints for a retry."""
    jobs: float | None = None
    """Seconds for which an ended job and its files are kept; None: for ever."""


class Sweeper:
    """Deletes leftovers; any number of processes may do so at the same time."""

    def __init__(self, engine: Engine, files: Files, limits: Limits) -> None:
        self.engine, self.reader = engine, reader(engine)
        self.files, self.limits = files, limits

    def sweep(self) -> int:
        """Delete all leftovers; returns the number of jobs and folders deleted."""
        self._sweep_workers()
        return (
            self._sweep_jobs()
            + self._sweep_artifacts()
            + self._sweep_checkpoints()
            + self._sweep_datasets()
        )

    def _sweep_jobs(self) -> int:
        """Delete jobs that ended too long ago: their rows, then their files."""
        if self.limits.jobs is None:
            return 0
        old = jobs.c.state.in_(tuple(FINAL)), jobs.c.finished < now() - self.limits.jobs
        with self.reader.begin() as db:
            ids = list(db.scalars(select(jobs.c.id).where(*old)))
        store, deleted = OwnerStore(self.engine), 0
        for id in ids:
            try:
                store.delete(id)
            except (UnknownJob, IllegalMove):
                continue  # deleted or retried in the meantime
            delete_job_files(self.files, id)
            deleted += 1
        return deleted

    def _sweep_artifacts(self) -> int:
        """Delete bundles without a job, and bundles that their job did not publish."""
        deleted = 0
        for folder, bundles, row in self._list_jobs("jobs"):
            if row is None:
                deleted += self._delete(folder)
            elif row["state"] in FINAL:
                unpublished = [name for name in bundles if name != row["folder"]]
                deleted += sum(self._delete(name) for name in unpublished)
        return deleted

    def _sweep_checkpoints(self) -> int:
        """Delete checkpoints from which no attempt will continue."""
        deleted, oldest = 0, self._time() - self.limits.checkpoints
        for folder, _, row in self._list_jobs("checkpoints"):
            over = row is None or row["state"] == JobState.SUCCEEDED
            if over or (row["state"] in FINAL and (row["finished"] or 0) < oldest):
                deleted += self._delete(folder)
        return deleted

    def _sweep_datasets(self) -> int:
        """Delete files of data sets that have no row and are not being added."""
        stale = [
            id
            for id in self.files.names("datasets")
            if (age := self.files.age(f"datasets/{id}")) is not None and age > FRESH
        ]
        known = known_datasets(self.engine, stale)
        return sum(self._delete(f"datasets/{id}") for id in stale if id not in known)

    def _sweep_workers(self) -> None:
        """Delete workers whose last heartbeat is a day old."""
        with self.engine.begin() as db:
            db.execute(delete(workers).where(workers.c.seen < now() - DAY))

    def _time(self) -> float:
        """Return the time by the database's clock."""
        with self.reader.begin() as db:
            return float(db.execute(select(now())).scalar_one())

    def _list_jobs(self, top: str) -> Iterator[tuple[str, list[str], Any]]:
        """Yield each job's folder below `top`, what is in it, and its row or None."""
        # Files first, rows after: what an attempt adds once its job was seen to have
        # ended is not in a list that was made before.
        columns = jobs.c.id, jobs.c.state, jobs.c.folder, jobs.c.finished
        for ids in _batches([id for id in self.files.names(top) if _is_id(id)]):
            folders = {id: f"{top}/{id}" for id in ids}
            contents = {
                id: [f"{folder}/{name}" for name in self.files.names(folder)]
                for id, folder in folders.items()
            }
            query = select(*columns).where(jobs.c.id.in_([UUID(id) for id in ids]))
            with self.reader.begin() as db:
                rows = {str(row["id"]): row for row in db.execute(query).mappings()}
            yield from ((folders[id], contents[id], rows.get(id)) for id in ids)

    def _delete(self, place: str) -> bool:
        """Delete a leftover folder; False if that failed, to be tried again."""
        try:
            self.files.delete(place)
        except OSError:
            _log.exception("could not delete %s; the next sweep tries again", place)
            return False
        _log.info("deleted %s, which nothing needs", place)
        return True


def delete_job_files(files: Files, id: UUID) -> None:
    """Delete all files of a job whose row is deleted; a sweep retries what fails."""
    for place in (f"jobs/{id}", f"checkpoints/{id}"):
        try:
            files.delete(place)
        except OSError:
            _log.exception("could not delete %s; the next sweep tries again", place)


def known_datasets(engine: Engine, ids: Sequence[str]) -> set[str]:
    """Return those of the ids that belong to a data set."""
    known: set[str] = set()
    for batch in _batches(ids):
        query = select(datasets.c.id).where(datasets.c.id.in_(batch))
        with reader(engine).begin() as db:
            known.update(db.scalars(query))
    return known


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + BATCH] for at in range(0, len(ids), BATCH))


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
