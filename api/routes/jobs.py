"""/v1/jobs: submit, show, cancel, retry and delete searches, and read their results."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, status
from pydantic import PositiveInt

from api.deps import (
    AppSettings,
    Datasets,
    FoundJob,
    Jobs,
    NeedsDiskSpace,
    ReadingCage,
    StoredFiles,
)
from api.security import Reader, Submitter
from api.webhooks import check_url
from autosample.core.config import Config
from autosample.errors import SpecError
from autosample.experiment.forecast import Forecast
from autosample.experiment.prepare import check_fit
from autosample.experiment.report import Report
from autosample.jobs.state import Job, JobState
from autosample.jobs.sweep import delete_job_files
from autosample.spec import SearchSpec
from autosample.spec.search import build_schema
from autosample.views.charts import of_report, of_story
from autosample.views.story import Story

build_schema()  # FastAPI reads it when the routes below are declared.

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MOST_DRAWN = 4000
"""Epochs that charts of a running job are drawn from; more are thinned out evenly."""

Key = Annotated[str | None, Header(min_length=1, max_length=255)]

Webhook = Annotated[str | None, Query(max_length=2048)]


class Checked(Config):
    """A spec that would be accepted, and what it would cost."""

    spec: SearchSpec
    """The spec with all its defaults filled in."""
    forecast: Forecast
    """Cost of the search, estimated by a timed probe on the machine of the API for one
    training at a time."""


class JobList(Config):
    """A page of the list of jobs, newest first."""

    jobs: list[Job]
    """The jobs of this page."""
    next_page_token: str | None
    """Value of `page_token` for the next page; null if this is the last."""


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    responses={200: {"model": Checked}},
    dependencies=[NeedsDiskSpace],
)
def submit(
    spec: SearchSpec,
    jobs: Jobs,
    datasets: Datasets,
    request: Request,
    response: Response,
    caller: Submitter,
    settings: AppSettings,
    cage: ReadingCage,
    validate_only: bool = False,
    webhook: Webhook = None,
    idempotency_key: Key = None,
) -> Job | Checked:
    """Queue a search; with `validate_only` only check it and estimate its cost.

    When the job has ended, a signed request is sent to `webhook`, whose host the
    operator of the service must have allowed.
    """
    if webhook is not None:
        webhook = check_url(webhook, settings)
    stats = datasets.get(spec.dataset, only_owner=caller.only_owner).stats
    check_fit(spec, stats, settings.training_memory)
    if validate_only:
        response.status_code = status.HTTP_200_OK
        return Checked(spec=spec, forecast=cage.forecast(spec))
    job = jobs.add(
        spec.model_dump(mode="json"),
        key=idempotency_key,
        owner=caller.owner,
        only_owner=caller.only_owner,
        webhook=webhook,
    )
    response.headers["Location"] = request.url_for("show_job", id=str(job.id)).path
    response.headers["Retry-After"] = "1"
    return job


@router.get("")
def all_jobs(
    jobs: Jobs,
    caller: Reader,
    state: JobState | None = None,
    limit: Annotated[PositiveInt, Query(le=200)] = 50,
    page_token: str | None = None,
) -> JobList:
    """List your jobs, newest first; an admin's key lists those of all owners."""
    try:
        page = jobs.page(
            state=state, limit=limit, token=page_token, only_owner=caller.only_owner
        )
    except ValueError as error:
        raise SpecError(str(error)) from error
    return JobList(jobs=page.jobs, next_page_token=page.next_token)


@router.get("/{id}", name="show_job")
def show(job: FoundJob) -> Job:
    """Return a job and how far it is."""
    return job


@router.post("/{id}/cancel")
def cancel(job: FoundJob, jobs: Jobs, _: Submitter) -> Job:
    """Cancel a job; 409 if it has already ended."""
    return jobs.cancel(job.id)


@router.post("/{id}/retry")
def retry(job: FoundJob, jobs: Jobs, _: Submitter) -> Job:
    """Queue a failed or cancelled job again; 409 in any other state."""
    return jobs.retry(job.id)


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
def delete(job: FoundJob, jobs: Jobs, files: StoredFiles, _: Submitter) -> None:
    """Delete a job that has ended, and its files; 409 if it has not ended."""
    jobs.delete(job.id)
    delete_job_files(files, job.id)


class ChartList(Config):
    """Charts of a job."""

    charts: list[dict[str, Any]]
    """Charts as Plotly figures, each with a table of its numbers."""


@router.get("/{id}/charts")
def charts(job: FoundJob, jobs: Jobs) -> ChartList:
    """Return the charts of a job: of its report, or of its progress so far."""
    if job.state is JobState.SUCCEEDED:
        drawn = of_report(Report.model_validate(jobs.result(job.id)))
    else:
        metric = SearchSpec.model_validate(job.spec).metric
        rows = jobs.sampled_events(job.id, MOST_DRAWN)
        happened = ((row.stage, row.event) for row in rows)
        drawn = of_story(Story.of_events(metric, happened))
    return ChartList(charts=[chart.json() for chart in drawn])


@router.get("/{id}/result")
def result(job: FoundJob, jobs: Jobs) -> Report:
    """Return the report of a job; 409 if the job has not succeeded."""
    return Report.model_validate(jobs.result(job.id))
