"""Dependencies of the routes: stores, settings, and what a path's id refers to."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from api.cage import Cage
from api.security import Reader
from autosample.jobs.datasets import DatasetInfo, SqlDatasetStore
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings
from autosample.jobs.state import Job
from autosample.jobs.store import SqlJobStore


def job_store(request: Request) -> SqlJobStore:
    store: SqlJobStore = request.app.state.jobs
    return store


def dataset_store(request: Request) -> SqlDatasetStore:
    store: SqlDatasetStore = request.app.state.datasets
    return store


def file_store(request: Request) -> Files:
    files: Files = request.app.state.files
    return files


def app_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def reading_cage(request: Request) -> Cage:
    cage: Cage = request.app.state.cage
    return cage


def require_disk_space(request: Request) -> None:
    """Raise DiskFull if there is too little space for more files."""
    request.app.state.disk_space.check()


NeedsDiskSpace = Depends(require_disk_space)

Jobs = Annotated[SqlJobStore, Depends(job_store)]
Datasets = Annotated[SqlDatasetStore, Depends(dataset_store)]
StoredFiles = Annotated[Files, Depends(file_store)]
ReadingCage = Annotated[Cage, Depends(reading_cage)]
AppSettings = Annotated[Settings, Depends(app_settings)]


def find_job(id: UUID, jobs: Jobs, caller: Reader) -> Job:
    """Return the job of a path; raises UnknownJob, also if it is another owner's."""
    return jobs.get(id, only_owner=caller.only_owner)


def find_dataset(id: str, datasets: Datasets, caller: Reader) -> DatasetInfo:
    """Return the data set of a path.

    Raises UnknownDataset, also if it is another owner's.
    """
    return datasets.get(id, only_owner=caller.only_owner)


FoundJob = Annotated[Job, Depends(find_job)]
FoundDataset = Annotated[DatasetInfo, Depends(find_dataset)]
