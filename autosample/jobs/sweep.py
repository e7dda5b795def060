"""Deletes what no row speaks for any more, so that disks do not fill with leftovers.

Files are listed before rows are asked for: whoever adds a row does so before anybody
writes files of it (of data sets: at most `FRESH` seconds after).
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
from autosample.jobs.owner_store import AskedStore
from autosample.jobs.state import FINAL, JobState
from autosample.jobs.tables import datasets, jobs, now, workers

_log = logging.getLogger(__name__)

DAY = 86400.0
FRESH = 3600.0
"""Seconds in which files of a data set may lie there before its row does."""
SOME = 500
"""Ids that one query asks about."""


@dataclass(frozen=True)
class Limits:
    """How long what has ended is kept."""

    checkpoints: float = 7 * DAY
    """Seconds that a failed or cancelled job can be retried from where it was."""
    jobs: float | None = None
    """Seconds that a job and its files are kept once it has ended; None: for ever."""


class Sweeper:
    """Looks through files and rows; any number of them may do so at once."""

    def __init__(self, engine: Engine, files: Files, limits: Limits) -> None:
        self.engine, self.reader = engine, reader(engine)
        self.files, self.limits = files, limits

    def sweep(self) -> int:
        """Delete what is to go; returns the number of jobs and folders deleted."""
        steps = (self._jobs, self._artifacts, self._checkpoints, self._datasets)
        self._workers()
        return sum(step() for step in steps)

    def _jobs(self) -> int:
        """Forget jobs that ended long ago, rows first."""
        if self.limits.jobs is None:
            return 0
        old = jobs.c.state.in_(tuple(FINAL)), jobs.c.finished < now() - self.limits.jobs
        with self.reader.begin() as db:
            ids = list(db.scalars(select(jobs.c.id).where(*old)))
        store, gone = AskedStore(self.engine), 0
        for id in ids:
            try:
                store.delete(id)
            except (UnknownJob, IllegalMove):
                continue  # deleted or retried by somebody in the meantime
            forget(self.files, id)
            gone += 1
        return gone

    def _artifacts(self) -> int:
        """Delete bundles of no job, and those that no job has published."""
        gone = 0
        for place, inside, row in self._listed("jobs"):
            if row is None:
                gone += self._gone(place)
            elif row["state"] in FINAL:
                left = [name for name in inside if name != row["folder"]]
                gone += sum(self._gone(name) for name in left)
        return gone

    def _checkpoints(self) -> int:
        """Delete checkpoints that no attempt will go on from."""
        gone, then = 0, self._time() - self.limits.checkpoints
        for place, _, row in self._listed("checkpoints"):
            over = row is None or row["state"] == JobState.SUCCEEDED
            if over or (row["state"] in FINAL and (row["finished"] or 0) < then):
                gone += self._gone(place)
        return gone

    def _datasets(self) -> int:
        """Delete files of data sets whose rows are gone, or never came."""
        stale = [
            id
            for id in self.files.names("datasets")
            if (age := self.files.age(f"datasets/{id}")) is not None and age > FRESH
        ]
        there = known_datasets(self.engine, stale)
        return sum(self._gone(f"datasets/{id}") for id in stale if id not in there)

    def _workers(self) -> None:
        """Forget workers that were not seen for a day."""
        with self.engine.begin() as db:
            db.execute(delete(workers).where(workers.c.seen < now() - DAY))

    def _time(self) -> float:
        with self.reader.begin() as db:
            return float(db.execute(select(now())).scalar_one())

    def _listed(self, top: str) -> Iterator[tuple[str, list[str], Any]]:
        """Yield each job's folder, what lies in it, and then the row or None.

        In this order: what an attempt adds after the row was seen to have ended is not
        among what was listed before.
        """
        columns = jobs.c.id, jobs.c.state, jobs.c.folder, jobs.c.finished
        for ids in _some([id for id in self.files.names(top) if _is_id(id)]):
            places = {id: f"{top}/{id}" for id in ids}
            inside = {
                id: [f"{place}/{name}" for name in self.files.names(place)]
                for id, place in places.items()
            }
            query = select(*columns).where(jobs.c.id.in_([UUID(id) for id in ids]))
            with self.reader.begin() as db:
                rows = {str(r["id"]): r for r in db.execute(query).mappings()}
            yield from ((places[id], inside[id], rows.get(id)) for id in ids)

    def _gone(self, place: str) -> bool:
        try:
            self.files.delete(place)
        except OSError:
            _log.exception("%s could not be deleted; it is tried again", place)
            return False
        _log.info("%s was left over and is deleted", place)
        return True


def forget(files: Files, id: UUID) -> None:
    """Delete all files of a job whose row is gone; what fails is left to a sweep."""
    for place in (f"jobs/{id}", f"checkpoints/{id}"):
        try:
            files.delete(place)
        except OSError:
            _log.exception("%s is left to the next sweep", place)


def known_datasets(engine: Engine, ids: Sequence[str]) -> set[str]:
    """Return those of the ids that there are data sets for."""
    found: set[str] = set()
    for some in _some(ids):
        query = select(datasets.c.id).where(datasets.c.id.in_(some))
        with reader(engine).begin() as db:
            found.update(db.scalars(query))
    return found


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + SOME] for at in range(0, len(ids), SOME))


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
