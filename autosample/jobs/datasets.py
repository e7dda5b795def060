"""Data sets as the service keeps them: a row, and Parquet files beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, RowMapping, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from autosample.config import Config
from autosample.data.dataset import Dataset, DatasetStats
from autosample.data.options import ReadOptions
from autosample.errors import InUse, UnknownDataset
from autosample.jobs.engine import reader
from autosample.jobs.files import Files
from autosample.jobs.state import FINAL
from autosample.jobs.tables import datasets, jobs, now

ID_LENGTH = 32  # hex digits of a sha256


class DatasetInfo(Config):
    """An uploaded data set."""

    id: str
    """The same bytes and options give the same id."""
    name: str
    """As uploaded."""
    stats: DatasetStats
    options: ReadOptions
    created: datetime


class SqlDatasetStore:
    """Rows in the database, pairs and ids among the files."""

    def __init__(self, engine: Engine, files: Files) -> None:
        self.engine, self.reader, self.files = engine, reader(engine), files

    def add(
        self, id: str, name: str, dataset: Dataset, options: ReadOptions
    ) -> DatasetInfo:
        """Keep a data set; one that is there already stays as it is."""
        with tempfile.TemporaryDirectory() as folder:
            dataset.save(Path(folder))
            self.files.put(Path(folder), _place(id))
        row: Mapping[str, Any] = {
            "id": id,
            "name": name,
            "stats": dataset.stats.model_dump(mode="json"),
            "options": options.model_dump(mode="json"),
        }
        try:
            with self.engine.begin() as db:
                db.execute(insert(datasets).values(**row, created=now()))
        except IntegrityError:
            pass  # uploaded before, or at the same time
        return self.get(id)

    def get(self, id: str) -> DatasetInfo:
        """Return a data set's row; raises UnknownDataset."""
        with self.reader.begin() as db:
            found = db.execute(select(datasets).where(datasets.c.id == id))
            row = found.mappings().one_or_none()
        if row is None:
            raise UnknownDataset(f"no data set {id!r}; upload it first")
        return _info(row)

    def list(self) -> list[DatasetInfo]:
        """Return all data sets, newest first."""
        query = select(datasets).order_by(datasets.c.created.desc(), datasets.c.id)
        with self.reader.begin() as db:
            return [_info(row) for row in db.execute(query).mappings()]

    def load(self, id: str) -> Dataset:
        """Return the data set itself; raises UnknownDataset."""
        self.get(id)
        with self.files.local(_place(id)) as folder:
            return Dataset.load(folder)

    def delete(self, id: str) -> None:
        """Forget a data set; InUse while a job that has not ended needs it."""
        active = select(func.count()).where(
            jobs.c.dataset == id, jobs.c.state.not_in(tuple(FINAL))
        )
        with self.engine.begin() as db:
            held = select(datasets.c.id).where(datasets.c.id == id).with_for_update()
            if db.scalar(held) is None:
                raise UnknownDataset(f"no data set {id!r}")
            if count := db.scalar(active):
                raise InUse(f"data set {id!r} is needed by {count} unfinished jobs")
            db.execute(delete(datasets).where(datasets.c.id == id))
        self.files.delete(_place(id))


def dataset_id(files: list[Path], options: ReadOptions) -> str:
    """Return the id of these bytes under these options."""
    digest = sha256(options.model_dump_json().encode())
    for path in files:
        with path.open("rb") as file:  # read in parts: it may be gigabytes
            digest.update(file_digest(file, "sha256").digest())
    return digest.hexdigest()[:ID_LENGTH]


def _place(id: str) -> str:
    return f"datasets/{id}"


def _info(row: RowMapping) -> DatasetInfo:
    return DatasetInfo(
        id=row["id"],
        name=row["name"],
        stats=row["stats"],
        options=row["options"],
        created=datetime.fromtimestamp(row["created"], UTC),
    )
