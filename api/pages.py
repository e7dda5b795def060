"""The pages, which show what the API knows; whatever they change goes by the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response, status
from fastapi.exceptions import HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from api.deps import AppSettings, Datasets, Jobs
from api.security import COOKIE, authenticate, caller_of
from autosample.errors import NotAllowed, NotFound
from autosample.experiment.report import Report
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.keys import LOCAL, Caller
from autosample.jobs.state import Job, JobState
from autosample.jobs.store import SqlJobStore
from autosample.spec.catalogue import catalogue
from autosample.training import Training
from autosample.views import web
from autosample.views.chart import short
from autosample.views.charts import of_comparison
from autosample.views.page import environment as templates_of
from autosample.views.page import findings, in_script
from autosample.views.rows import comparison_rows


def _read_own(name: str) -> str:
    """Return a file of api/web."""
    return files("api").joinpath("web", name).read_text("utf-8")


OWN = ("page.js", "jobs.js", "job.js", "new.js", "compare.js")
ASSETS: Mapping[str, Callable[[], str]] = {
    "plotly.js": web.plotly,
    "charts.js": partial(web.read, "charts.js"),
    "style.css": partial(web.read, "style.css"),
    **{name: partial(_read_own, name) for name in OWN},
}
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Pages load nothing from other hosts. Styles may be inline because Plotly adds its own
to the page."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
COOKIE_SECONDS = 400 * 86400
"""Lifetime of the cookie with the key; browsers allow no more."""
MOST_COMPARED = 8
"""Most jobs that are compared at once."""


def viewer(request: Request) -> Caller:
    """Return the caller whose browser asks; one without a key is sent to the login."""
    try:
        return authenticate(request)
    except NotAllowed as error:
        path = quote(request.url.path, safe="/")
        headers = {"Location": f"/login?next={path}"}
        raise HTTPException(status.HTTP_303_SEE_OTHER, headers=headers) from error


Viewer = Annotated[Caller, Depends(viewer)]

# Names of routes are those of their functions, and `url_for` finds the first route of a
# name: a page must not be called like a route of the API.
router = APIRouter(include_in_schema=False)


@cache
def environment() -> Environment:
    """Return the templates of the pages."""
    templates = templates_of("api")
    templates.filters["moment"] = lambda time: f"{time:%Y-%m-%d %H:%M}"
    return templates


def page(
    file: str, caller: Caller | None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Render a template; `caller` is None where nobody is logged in."""
    template = environment().get_template(file)
    keyed = caller is not None and caller != LOCAL
    text = template.render(keyed=keyed, caller=caller, **values)
    return HTMLResponse(text, status, headers=HEADERS)


@router.get("/")
def jobs_page(caller: Viewer, jobs: Jobs, datasets: Datasets) -> HTMLResponse:
    """List jobs, newest first; a script keeps their states up to date."""
    newest = jobs.page(limit=100, only_owner=caller.only_owner).jobs
    names = {each.id: each.name for each in datasets.list(only_owner=caller.only_owner)}
    return page("jobs.html", caller, jobs=newest, names=names)


@router.get("/new")
def form_page(caller: Viewer, datasets: Datasets) -> HTMLResponse:
    """Show the form that submits a search."""
    parts = {
        part: [entry.model_dump(mode="json") for entry in entries]
        for part, entries in catalogue().items()
    }
    uploaded = datasets.list(only_owner=caller.only_owner)
    epochs = Training().epochs
    return page("new.html", caller, datasets=uploaded, parts=parts, epochs=epochs)


@router.get("/jobs/{id}")
def job_page(id: UUID, caller: Viewer, jobs: Jobs, datasets: Datasets) -> HTMLResponse:
    """Show a job: its progress while it runs, its findings when it has ended."""
    try:
        job = jobs.get(id, only_owner=caller.only_owner)
    except NotFound as error:
        return page("missing.html", caller, status=404, message=str(error))
    report = _report(jobs, job)
    return page(
        "job.html",
        caller,
        job=job,
        dataset=_dataset_name(datasets, job),
        report=report,
        findings=findings(report) if report else "",
        files=jobs.artifacts(job.id)[1] if report else [],
        spec=json.dumps(job.spec, indent=1),
    )


@router.get("/compare")
def comparison_page(
    caller: Viewer,
    jobs: Jobs,
    datasets: Datasets,
    job: Annotated[list[UUID], Query(max_length=MOST_COMPARED)] = [],  # noqa: B006
) -> HTMLResponse:
    """Show finished jobs side by side."""
    try:
        chosen = [
            jobs.get(id, only_owner=caller.only_owner) for id in dict.fromkeys(job)
        ]
    except NotFound as error:
        return page("missing.html", caller, status=404, message=str(error))
    done = [(each, report) for each in chosen if (report := _report(jobs, each))]
    names = {each.id: _dataset_name(datasets, each) for each in chosen}
    unfinished = [each for each in chosen if each.state is not JobState.SUCCEEDED]
    comparable = len({_conditions(each, report) for each, report in done}) <= 1
    return page(
        "compare.html",
        caller,
        done=done,
        names=names,
        unfinished=unfinished,
        comparable=comparable,
        rows=comparison_rows([report for _, report in done]),
        charts=in_script([_chart(done, names)] if len(done) > 1 else []),
    )


def _conditions(job: Job, report: Report) -> tuple[str, ...]:
    """Return what two searches must share for their numbers to be compared."""
    split = report.spec.split.model_dump_json() if report.spec.split else ""
    seed = str(report.spec.training.seed)
    return job.spec["dataset"], report.spec.metric, split, seed


def _chart(
    done: Sequence[tuple[Job, Report]], names: Mapping[UUID, str]
) -> dict[str, Any]:
    """Return the chart of the jobs' test metrics; jobs are numbered from 1."""
    reports = {
        f"{number}: {short(report.chosen_label)}": report
        for number, (_, report) in enumerate(done, start=1)
    }
    return of_comparison(reports, [names[job.id] for job, _ in done]).json()


@router.get("/docs")
def docs_page(request: Request) -> HTMLResponse:
    """Describe the API; everything comes from this installation."""
    document = request.app.openapi()
    verbs = ("get", "post", "put", "patch", "delete")
    operations = [
        {"verb": verb.upper(), "path": path, **operation}
        for path, item in document["paths"].items()
        for verb, operation in item.items()
        if verb in verbs
    ]
    schemas = document["components"]["schemas"]
    return page("docs.html", None, operations=operations, schemas=schemas, here="docs")


@router.get("/login")
def login(next: str = "/") -> HTMLResponse:
    """Ask for a key."""
    return page("login.html", None, next=_local(next), message="")


@router.post("/login")
def log_in(
    request: Request,
    settings: AppSettings,
    key: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Put a valid key into a cookie that scripts cannot read."""
    request.app.state.rate_limit.take("login")
    try:
        caller_of(settings, request.app.state.keys, key.strip())
    except NotAllowed:
        message = "This key is not known here, or has expired or been revoked."
        return page("login.html", None, status=401, next=_local(next), message=message)
    response = RedirectResponse(_local(next), status.HTTP_303_SEE_OTHER)
    secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, key.strip(), max_age=COOKIE_SECONDS, httponly=True, samesite="strict",
        secure=secure,
    )  # fmt: skip
    return response


@router.post("/logout")
def log_out() -> Response:
    """Delete the cookie with the key."""
    response = RedirectResponse("/login", status.HTTP_303_SEE_OTHER)
    response.delete_cookie(COOKIE)
    return response


@router.get("/assets/{name}")
def asset(name: str) -> Response:
    """Return a script or the style sheet from this installation."""
    if name not in ASSETS:
        raise NotFound(f"no asset {name!r}")
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    headers = {"Cache-Control": "no-cache", "ETag": _etag(name)}
    return Response(ASSETS[name](), media_type=kind, headers=headers)


@cache
def _etag(name: str) -> str:
    return f'"{sha256(ASSETS[name]().encode()).hexdigest()[:32]}"'


def _report(jobs: SqlJobStore, job: Job) -> Report | None:
    """Return the report of a job; None unless it has succeeded."""
    if job.state is not JobState.SUCCEEDED:
        return None
    return Report.model_validate(jobs.result(job.id))


def _dataset_name(datasets: SqlDatasetStore, job: Job) -> str:
    try:
        return datasets.get(job.spec["dataset"]).name
    except NotFound:
        return "a data set that has been deleted"


def _local(path: str) -> str:
    """Return a path of this site, or the front page in place of anything else."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") else "/"
