"""/v1/datasets: upload, preview, list, show and delete data sets."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile, status
from pydantic import ValidationError

from api.deps import Datasets, FoundDataset, NeedsDiskSpace, ReadingCage
from api.security import Reader, Submitter
from api.strict import check_json, check_text
from autosample.core.config import Config, describe_errors
from autosample.data.options import ReadOptions
from autosample.data.preview import Preview
from autosample.errors import DataError, SpecError
from autosample.jobs.datasets import DatasetInfo, dataset_id
from autosample.jobs.scratch import make_scratch

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

UPLOADS = "autosample-upload-"
"""Prefix of the temporary folders in which uploads are read."""
UNSAFE = re.compile(r"[^\w. -]")
"""Signs of a file's name that are replaced."""


class DatasetList(Config):
    """Data sets, newest first."""

    datasets: list[DatasetInfo]
    """The data sets that the key may use."""


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=[NeedsDiskSpace])
def upload(
    datasets: Datasets,
    response: Response,
    caller: Submitter,
    cage: ReadingCage,
    file: Annotated[UploadFile, File(description="File of interactions")],
    test_file: Annotated[
        UploadFile | None,
        File(description="File of test interactions, if they are separate"),
    ] = None,
    valid_file: Annotated[
        UploadFile | None,
        File(description="File of validation interactions, beside the test file"),
    ] = None,
    options: Annotated[str, Form(description="ReadOptions as JSON")] = "{}",
) -> DatasetInfo:
    """Read a file of interactions and store it as a data set."""
    read = parse_options(options)
    if valid_file is not None and test_file is None:
        raise DataError("a validation file needs a test file beside it")
    folder = make_scratch(UPLOADS)
    try:
        paths = [
            _save(upload, folder / part)
            for part, upload in zip(PARTS, (file, test_file, valid_file), strict=True)
            if upload is not None
        ]
        dataset = cage.read(paths, read, folder / "read")
        id = dataset_id(paths, read, caller.owner)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    response.headers["Location"] = f"/v1/datasets/{id}"
    name = Path(file.filename or "upload").name[:255]
    return datasets.add(id, name, dataset, read, caller.owner)


@router.post("/preview")
def preview(
    cage: ReadingCage,
    _: Submitter,
    file: Annotated[
        UploadFile, File(description="File of interactions, or its beginning")
    ],
) -> Preview:
    """Show a file's first rows and what its columns seem to be; nothing is stored.

    The first 256 KiB of a text file are enough.
    """
    folder = make_scratch(UPLOADS)
    try:
        path = _save(file, folder / PARTS[0])
        return cage.preview(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@router.get("")
def all_datasets(datasets: Datasets, caller: Reader) -> DatasetList:
    """List your data sets, newest first; an admin's key lists those of all owners."""
    return DatasetList(datasets=datasets.list(only_owner=caller.only_owner))


@router.get("/{id}")
def show(dataset: FoundDataset) -> DatasetInfo:
    """Return the counts and options of a data set."""
    return dataset


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
def delete(dataset: FoundDataset, datasets: Datasets, _: Submitter) -> None:
    """Delete a data set; 409 if an unfinished job needs it."""
    datasets.delete(dataset.id)


def parse_options(text: str) -> ReadOptions:
    """Parse options; raises SpecError that names what is wrong."""
    check_json(text.encode(errors="surrogatepass"), "options")
    try:
        return ReadOptions.model_validate_json(text)
    except ValidationError as error:
        raise SpecError(f"options: {describe_errors(error)}") from error


PARTS = ("train", "test", "valid")
"""Folders of the files of an upload, which may have the same name."""


def _save(upload: UploadFile, folder: Path) -> Path:
    """Copy an upload to a file of its name, in which only plain signs are left.

    The name may tell the format, and messages about the file quote it. Raises DataError
    if the upload is empty.
    """
    check_text(upload.filename or "", "the name of the file")
    plain = UNSAFE.sub("_", upload.filename or "")[-100:]
    path = folder / (plain.strip(". ") or "file")
    folder.mkdir()
    with path.open("wb") as target:
        shutil.copyfileobj(upload.file, target)
    if path.stat().st_size == 0:
        raise DataError(f"{upload.filename or 'the file'} is empty")
    return path
