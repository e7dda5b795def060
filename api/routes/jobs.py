"""/v1/jobs: submit a search, follow it, call it off, read its result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response, status
from pydantic import PositiveInt

from api.deps import AppSettings, Datasets, FoundJob, Jobs, Room, Stored
from api.security import Reader, Submitter
from api.webhooks import check_url
from autosample.core.config import Config
from autosample.errors import SpecError
from autosample.experiment.forecast import Forecast, forecast
from autosample.experiment.report import Report
from autosample.experiment.run import prepare
from autosample.jobs.state import Event, Job, JobState
from autosample.jobs.store import SqlJobStore
from autosample.jobs.sweep import delete_job_files
from autosample.spec import SearchSpec
from autosample.views.charts import of_report, of_story
from autosample.views.story import Story

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Key = Annotated[str | None, Header(min_length=1, max_length=255)]

Webhook = Annotated[str | None, Query(max_length=2048)]


class Checked(Config):
    """A spec that would be accepted."""

    spec: SearchSpec
    """Written out."""
    forecast: Forecast
    """Its cost, from a timed probe where the API runs, one training at a time."""


class JobList(Config):
    jobs: list[Job]
    next_page_token: str | None


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    responses={200: {"model": Checked}},
    dependencies=[Room],
)
def submit(
    spec: SearchSpec,
    jobs: Jobs,
    datasets: Datasets,
    request: Request,
    response: Response,
    asking: Submitter,
    settings: AppSettings,
    validate_only: bool = False,
    webhook: Webhook = None,
    idempotency_key: Key = None,
) -> Job | Checked:
    """Queue a search; with `validate_only` check it and estimate its cost.

    `webhook` is called when the job has ended, signed, where its host is allowed.
    """
    if webhook is not None:
        webhook = check_url(webhook, settings)
    datasets.get(spec.dataset, only_owner=asking.only_owner)
    split = prepare(spec, datasets.load(spec.dataset))
    if validate_only:
        response.status_code = status.HTTP_200_OK
        return Checked(spec=spec, forecast=forecast(spec, split))
    job = jobs.add(
        spec.model_dump(mode="json"),
        key=idempotency_key,
        owner=asking.owner,
        only_owner=asking.only_owner,
        webhook=webhook,
    )
    response.headers["Location"] = request.url_for("show_job", id=str(job.id)).path
    response.headers["Retry-After"] = "1"
    return job


@router.get("")
def all_jobs(
    jobs: Jobs,
    asking: Reader,
    state: JobState | None = None,
    limit: Annotated[PositiveInt, Query(le=200)] = 50,
    page_token: str | None = None,
) -> JobList:
    """List your jobs, newest first; an admin's key lists everybody's."""
    try:
        page = jobs.page(
            state=state, limit=limit, token=page_token, only_owner=asking.only_owner
        )
    except ValueError as error:
        raise SpecError(str(error)) from error
    return JobList(jobs=page.jobs, next_page_token=page.next_token)


@router.get("/{id}", name="show_job")
def show(job: FoundJob) -> Job:
    """Tell how a job is doing."""
    return job


@router.post("/{id}/cancel")
def cancel(job: FoundJob, jobs: Jobs, _: Submitter) -> Job:
    """Call a job off; 409 if it has already ended."""
    return jobs.cancel(job.id)


@router.post("/{id}/retry")
def retry(job: FoundJob, jobs: Jobs, _: Submitter) -> Job:
    """Queue a failed or cancelled job again."""
    return jobs.retry(job.id)


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
def delete(job: FoundJob, jobs: Jobs, files: Stored, _: Submitter) -> None:
    """Forget a job that has ended, and its files."""
    jobs.delete(job.id)
    delete_job_files(files, job.id)


class ChartList(Config):
    charts: list[dict[str, Any]]
    """In Plotly's terms, each with a table of its numbers."""


@router.get("/{id}/charts")
def charts(job: FoundJob, jobs: Jobs) -> ChartList:
    """Return what there is to see of a job, as far as it has come."""
    if job.state is JobState.SUCCEEDED:
        made = of_report(Report.model_validate(jobs.result(job.id)))
    else:
        metric = SearchSpec.model_validate(job.spec).metric
        told = ((each.kind, each.data) for each in _all_events(jobs, job.id))
        made = of_story(Story.of_events(metric, told))
    return ChartList(charts=[chart.json() for chart in made])


def _all_events(jobs: SqlJobStore, id: UUID) -> Iterator[Event]:
    last = 0
    while found := jobs.events(id, after=last):
        yield from found
        last = found[-1].id


@router.get("/{id}/result")
def result(job: FoundJob, jobs: Jobs) -> Report:
    """Return the report; 409 while there is none."""
    return Report.model_validate(jobs.result(job.id))
