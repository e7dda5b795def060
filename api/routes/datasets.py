"""/v1/datasets: upload, list, look, delete."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile, status
from pydantic import ValidationError

from api.deps import AppSettings, Datasets, FoundDataset, Room
from api.security import Reader, Submitter
from autosample.core.config import Config, describe_errors
from autosample.data.apart import preview_apart, read_apart
from autosample.data.options import ReadOptions
from autosample.data.preview import Preview
from autosample.errors import DataError, SpecError
from autosample.jobs.datasets import DatasetInfo, dataset_id
from autosample.jobs.scratch import make_scratch

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

UPLOADS = "autosample-upload-"
"""How folders are named in which uploads are read."""
SUFFIXES = (".csv", ".tsv", ".txt", ".inter", ".parquet", ".pq")


class DatasetList(Config):
    datasets: list[DatasetInfo]


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=[Room])
def upload(
    datasets: Datasets,
    response: Response,
    asking: Submitter,
    settings: AppSettings,
    file: Annotated[UploadFile, File(description="Interactions")],
    test_file: Annotated[UploadFile | None, File(description="Test pairs")] = None,
    options: Annotated[str, Form(description="ReadOptions as JSON")] = "{}",
) -> DatasetInfo:
    """Read a file of interactions and keep what is in it."""
    read = parse_options(options)
    folder = make_scratch(UPLOADS)
    try:
        paths = [
            _saved(each, folder, at)
            for at, each in enumerate([file, test_file])
            if each is not None
        ]
        dataset = read_apart(
            paths,
            read,
            folder / "read",
            memory=settings.upload_memory,
            seconds=settings.upload_seconds,
        )
        id = dataset_id(paths, read, asking.owner)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    response.headers["Location"] = f"/v1/datasets/{id}"
    name = Path(file.filename or "upload").name[:255]
    return datasets.add(id, name, dataset, read, asking.owner)


@router.post("/preview")
def preview(
    settings: AppSettings,
    _: Submitter,
    file: Annotated[UploadFile, File(description="Interactions, or their beginning")],
) -> Preview:
    """Show the first rows of a file and what its columns seem to be; nothing is kept.

    Of a text file its first 256 KiB are enough.
    """
    folder = make_scratch(UPLOADS)
    try:
        path = _saved(file, folder, 0)
        return preview_apart(path, memory=settings.upload_memory, seconds=60.0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@router.get("")
def all_datasets(datasets: Datasets, asking: Reader) -> DatasetList:
    """List your data sets, newest first; an admin's key lists everybody's."""
    return DatasetList(datasets=datasets.list(only_owner=asking.only_owner))


@router.get("/{id}")
def show(dataset: FoundDataset) -> DatasetInfo:
    """Tell what is in a data set."""
    return dataset


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
def delete(dataset: FoundDataset, datasets: Datasets, _: Submitter) -> None:
    """Forget a data set that no unfinished job needs."""
    datasets.delete(dataset.id)


def parse_options(text: str) -> ReadOptions:
    """Read options; raises SpecError naming what is wrong."""
    try:
        return ReadOptions.model_validate_json(text)
    except ValidationError as error:
        raise SpecError(f"options: {describe_errors(error)}") from error


def _saved(upload: UploadFile, folder: Path, at: int) -> Path:
    """Copy an upload under a name of ours; a known suffix is kept of its own."""
    name = (upload.filename or "").lower()
    stem = "train" if at == 0 else "test"
    suffix = Path(name.removesuffix(".gz")).suffix
    path = folder / f"{stem}{suffix if suffix in SUFFIXES else ''}"
    with path.open("wb") as target:
        shutil.copyfileobj(upload.file, target)
    if path.stat().st_size == 0:
        raise DataError(f"{upload.filename or 'the file'} is empty")
    return path
