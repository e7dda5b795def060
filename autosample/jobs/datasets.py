"""Data sets as the service keeps them: a row, and Parquet files beside it."""

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
from autosample.data.dataset import Dataset, DatasetStats
from autosample.data.options import ReadOptions
from autosample.errors import InUse, LimitReached, UnknownDataset
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
    owner: str
    """Who uploaded it: the owner of their key, empty where there are no keys."""
    size: NonNegativeInt
    """Bytes that are kept of it."""


class SqlDatasetStore:
    """Rows in the database, pairs and ids among the files."""

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
        """Keep a data set; one that is there already stays as it is.

        Raises LimitReached where the owner's data sets are as large as they may be.
        """
        with tempfile.TemporaryDirectory() as folder:
            dataset.save(Path(folder))
            size = sum(each.stat().st_size for each in Path(folder).iterdir())
            self._check_quota(owner, size)
            self.files.put(Path(folder), _place(id))
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
            pass  # uploaded before, or at the same time
        return self.get(id)

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

    def get(self, id: str, *, sees: str | None = None) -> DatasetInfo:
        """Return a data set's row; raises UnknownDataset, also where it is not one that
        they see."""
        with self.reader.begin() as db:
            found = db.execute(select(datasets).where(datasets.c.id == id))
            row = found.mappings().one_or_none()
        if row is None or sees not in (None, row["owner"]):
            raise UnknownDataset(f"no data set {id!r}; upload it first")
        return _info(row)

    def list(self, *, sees: str | None = None) -> list[DatasetInfo]:
        """Return data sets, newest first."""
        query = select(datasets).order_by(datasets.c.created.desc(), datasets.c.id)
        if sees is not None:
            query = query.where(datasets.c.owner == sees)
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


def dataset_id(files: list[Path], options: ReadOptions, owner: str = "") -> str:
    """Return the id of an owner's bytes under these options."""
    digest = sha256((owner + options.model_dump_json()).encode())
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
        owner=row["owner"],
        size=row["size"],
    )
