"""Uploaded data sets: a row in the database, and Parquet files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from pydantic import NonNegativeInt
from sqlalchemy import Engine, RowMapping, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from autosample.core.config import Config
from autosample.data.dataset import DIGESTS, Dataset, DatasetStats, check_files
from autosample.data.options import ReadOptions
from autosample.errors import DataError, InUse, LimitReached, UnknownDataset
from autosample.jobs.engine import reader
from autosample.jobs.files import Files
from autosample.jobs.rows import fetch_optional
from autosample.jobs.state import FINAL
from autosample.jobs.tables import datasets, jobs, now

ID_LENGTH = 32  # hex digits of a sha256


class DatasetInfo(Config):
    """An uploaded data set."""

    id: str
    """Id of the data set; equal bytes, options and owner give an equal id."""
    name: str
    """Name of the file as uploaded."""
    stats: DatasetStats
    """Counts of users, items and interactions."""
    options: ReadOptions
    """Options that the file was read with."""
    created: datetime
    """When the data set was uploaded."""
    owner: str
    """Owner of the key that uploaded the data set; empty if no keys are in use."""
    size: NonNegativeInt
    """Size of the stored files in bytes."""


class SqlDatasetStore:
    """Keeps rows of data sets in the database, and their pairs and ids in files."""

    def __init__(self, engine: Engine, files: Files, quota: int | None = None) -> None:
        self.engine, self.reader, self.files = engine, reader(engine), files
        self.quota = quota

    def add(
        self,
        id: str,
        name: str,
        dataset: Dataset,
        options: ReadOptions,
        owner: str = "",
    ) -> DatasetInfo:
        """Store a data set; one with this id that is whole already stays as it is, and
        one that is damaged is replaced.

        Raises LimitReached if the owner's data sets would take too many bytes.
        """
        with tempfile.TemporaryDirectory() as folder:
            dataset.save(Path(folder))
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
            if self._is_whole(id):
                return self.get(id)
            self._check_quota(owner, size)
            self.files.replace(Path(folder), place_of(id))
        # Files before their row: a row never names files that are not complete.
        row: Mapping[str, Any] = {
            "id": id,
            "name": name,
            "stats": dataset.stats.model_dump(mode="json"),
            "options": options.model_dump(mode="json"),
            "owner": owner,
            "size": size,
        }
        try:
            with self.engine.begin() as db:
                db.execute(insert(datasets).values(**row, created=now()))
        except IntegrityError:
            pass  # it was uploaded before, or by another request meanwhile
        return self.get(id)

    def _is_whole(self, id: str) -> bool:
        """Tell whether a data set is stored, with files that are as they were."""
        try:
            self.get(id)
            with self.files.local(place_of(id)) as folder:
                check_files(folder)
                # Those of an earlier version cannot be checked.
                return (folder / DIGESTS).exists()
        except (UnknownDataset, DataError, OSError):
            return False

    def _check_quota(self, owner: str, size: int) -> None:
        if self.quota is None:
            return
        mine = select(func.sum(datasets.c.size)).where(datasets.c.owner == owner)
        with self.reader.begin() as db:
            kept = int(db.scalar(mine) or 0)
        if kept + size > self.quota:
            raise LimitReached(
                f"your data sets take {kept} bytes, this one {size}, and {self.quota}"
                " is the limit; delete one that no job needs"
            )

    def get(self, id: str, *, only_owner: str | None = None) -> DatasetInfo:
        """Return what is known of a data set.

        Raises UnknownDataset, also if it is not that owner's.
        """
        with self.reader.begin() as db:
            row = fetch_optional(db, select(datasets).where(datasets.c.id == id))
        if row is None or only_owner not in (None, row["owner"]):
            raise UnknownDataset(f"no data set {id!r}; upload it first")
        return _info(row)

    def list(self, *, only_owner: str | None = None) -> list[DatasetInfo]:
        """Return all data sets, or those of one owner, newest first."""
        query = select(datasets).order_by(datasets.c.created.desc(), datasets.c.id)
        if only_owner is not None:
            query = query.where(datasets.c.owner == only_owner)
        with self.reader.begin() as db:
            return [_info(row) for row in db.execute(query).mappings()]

    def load(self, id: str) -> Dataset:
        """Read a data set from its files; raises UnknownDataset, and DataError where
        its files are damaged."""
        self.get(id)
        with self.files.local(place_of(id)) as folder:
            return Dataset.load(folder)

    def delete(self, id: str) -> None:
        """Delete a data set.

        Raises UnknownDataset, and InUse if an unfinished job needs it.
        """
        active = select(func.count()).where(
            jobs.c.dataset == id, jobs.c.state.not_in(tuple(FINAL))
        )
        with self.engine.begin() as db:
            # Adding a job locks the same row, so no job can appear after the count.
            lock = select(datasets.c.id).where(datasets.c.id == id).with_for_update()
            if db.scalar(lock) is None:
                raise UnknownDataset(f"no data set {id!r}")
            if count := db.scalar(active):
                raise InUse(f"data set {id!r} is needed by {count} unfinished jobs")
            db.execute(delete(datasets).where(datasets.c.id == id))
        self.files.delete(place_of(id))


def dataset_id(files: list[Path], options: ReadOptions, owner: str = "") -> str:
    """Return the id of an owner's files when read with these options."""
    digest = sha256((owner + options.model_dump_json()).encode())
    for path in files:
        with path.open("rb") as file:  # in chunks, as it may be gigabytes
            digest.update(file_digest(file, "sha256").digest())
    return digest.hexdigest()[:ID_LENGTH]


def place_of(id: str) -> str:
    return f"datasets/{id}"


def _info(row: RowMapping) -> DatasetInfo:
    return DatasetInfo(
        id=row["id"],
        name=row["name"],
        stats=row["stats"],
        options=row["options"],
        created=datetime.fromtimestamp(row["created"], UTC),
        owner=row["owner"],
        size=row["size"],
    )
