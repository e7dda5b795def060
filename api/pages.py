"""The pages: what the API knows, to look at; whatever they change goes by the API."""

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
from jinja2 import Environment, PackageLoader, StrictUndefined

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
from autosample.views.chart import (
    COLOURS,
    Chart,
    short,
)
from autosample.views.page import findings, in_script


def _own(name: str) -> str:
    return files("api").joinpath("web", name).read_text("utf-8")


OWN = ("page.js", "jobs.js", "job.js", "new.js", "compare.js")
ASSETS: Mapping[str, Callable[[], str]] = {
    "plotly.js": web.plotly,
    "charts.js": partial(web.read, "charts.js"),
    "style.css": partial(web.read, "style.css"),
    **{name: partial(_own, name) for name in OWN},
}
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing from another host; Plotly puts its own style into the page."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
LONG = 400 * 86400
"""Seconds that a browser may keep a key; browsers keep none for longer."""
MOST = 8
"""Jobs that are compared at once."""


def viewer(request: Request) -> Caller:
    """Return who looks; who has no key yet is asked for it."""
    try:
        return authenticate(request, None)
    except NotAllowed as error:
        back = quote(request.url.path, safe="/")
        to = {"Location": f"/login?next={back}"}
        raise HTTPException(status.HTTP_303_SEE_OTHER, headers=to) from error


Viewer = Annotated[Caller, Depends(viewer)]

router = APIRouter(include_in_schema=False)


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("api", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    made.filters["moment"] = lambda each: f"{each:%Y-%m-%d %H:%M}"
    return made


def page(
    file: str, asking: Caller | None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Render a template; `asking` is None before anybody has said who they are."""
    template = environment().get_template(file)
    keyed = asking is not None and asking != LOCAL
    text = template.render(keyed=keyed, asking=asking, **values)
    return HTMLResponse(text, status, headers=HEADERS)


@router.get("/")
def show_jobs(asking: Viewer, jobs: Jobs, datasets: Datasets) -> HTMLResponse:
    """List jobs, newest first; a script keeps their states up to date."""
    found = jobs.page(limit=100, only_owner=asking.only_owner)
    names = {each.id: each.name for each in datasets.list(only_owner=asking.only_owner)}
    return page("jobs.html", asking, jobs=found.jobs, names=names)


@router.get("/new")
def new_job(asking: Viewer, datasets: Datasets) -> HTMLResponse:
    """Show the form that submits a search."""
    known_parts = {
        part: [entry.model_dump(mode="json") for entry in entries]
        for part, entries in catalogue().items()
    }
    found = datasets.list(only_owner=asking.only_owner)
    epochs = Training().epochs
    return page("new.html", asking, datasets=found, parts=known_parts, epochs=epochs)


@router.get("/jobs/{id}")
def view_job(id: UUID, asking: Viewer, jobs: Jobs, datasets: Datasets) -> HTMLResponse:
    """Show a job: live while it runs, with its findings at the end."""
    try:
        job = jobs.get(id, only_owner=asking.only_owner)
    except NotFound as error:
        return page("missing.html", asking, status=404, told=str(error))
    report = _report(jobs, job)
    return page(
        "job.html",
        asking,
        job=job,
        dataset=_name(datasets, job),
        report=report,
        findings=findings(report) if report else "",
        files=jobs.artifacts(job.id)[1] if report else [],
        spec=json.dumps(job.spec, indent=1),
    )


@router.get("/compare")
def compare(
    asking: Viewer,
    jobs: Jobs,
    datasets: Datasets,
    job: Annotated[list[UUID], Query(max_length=MOST)] = [],  # noqa: B006
) -> HTMLResponse:
    """Show finished jobs side by side."""
    try:
        found = [
            jobs.get(id, only_owner=asking.only_owner) for id in dict.fromkeys(job)
        ]
    except NotFound as error:
        return page("missing.html", asking, status=404, told=str(error))
    done = [(each, report) for each in found if (report := _report(jobs, each))]
    names = {each.id: _name(datasets, each) for each in found}
    left_out = [each for each in found if each.state is not JobState.SUCCEEDED]
    alike = len({_ground(each, report) for each, report in done}) <= 1
    return page(
        "compare.html",
        asking,
        done=done,
        names=names,
        left_out=left_out,
        alike=alike,
        rows=_rows(done),
        charts=in_script([_compared(done, names)] if len(done) > 1 else []),
    )


def _ground(job: Job, report: Report) -> tuple[str, ...]:
    """Return what must be the same for numbers to be compared."""
    split = report.spec.split.model_dump_json() if report.spec.split else ""
    seed = str(report.spec.training.seed)
    return job.spec["dataset"], report.spec.metric, split, seed


def _rows(done: Sequence[tuple[Job, Report]]) -> list[tuple[str, list[str]]]:
    """Return what is told of each job, line by line."""
    reports = [report for _, report in done]
    rows = [
        ("model", [each.spec.model.label for each in reports]),
        ("loss", [each.spec.loss.label for each in reports]),
        ("chosen sampler", [each.chosen_label for each in reports]),
        ("candidates", [str(len(each.candidates)) for each in reports]),
        ("verdict", [each.verdict.text for each in reports]),
    ]
    for name in dict.fromkeys(name for each in reports for name in each.test):
        told = [
            f"{each.test[name]:.4f}" if name in each.test else "" for each in reports
        ]
        rows.append((f"test {name}", told))
    costs = [each.costs for each in reports]
    rows += [
        ("passes", [str(c.search.epochs + c.retraining.epochs) for c in costs]),
        ("seconds in all", [f"{c.wall_seconds:.0f}" for c in costs]),
    ]
    return rows


def _compared(
    done: Sequence[tuple[Job, Report]], names: Mapping[UUID, str]
) -> dict[str, Any]:
    labels = [
        f"{at}: {short(report.chosen_label)}"
        for at, (_, report) in enumerate(done, start=1)
    ]
    values = [report.test[report.spec.metric] for _, report in done]
    rows = [
        (label, names[job.id], f"{value:.4f}")
        for label, (job, _), value in zip(labels, done, values, strict=True)
    ]
    bars = {
        "type": "bar", "x": labels, "y": values, "name": "test",
        "marker": {"color": COLOURS[0]},
    }  # fmt: skip
    metric = done[0][1].spec.metric
    return Chart(
        "compared",
        f"Test {metric} of the returned models",
        "Each split was opened once, at the end of its search.",
        [bars],
        {"xaxis": {"title": ""}, "yaxis": {"title": metric}, "showlegend": False},
        ("job", "data set", metric),
        rows,
    ).json()


@router.get("/login")
def login(next: str = "/") -> HTMLResponse:
    """Ask for a key."""
    return page("login.html", None, next=_local(next), told="")


@router.post("/login")
def log_in(
    request: Request,
    settings: AppSettings,
    key: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Keep a key that is good in a cookie that scripts cannot read."""
    request.app.state.rate_limit.take("login")
    try:
        caller_of(settings, request.app.state.keys, key.strip())
    except NotAllowed:
        told = "This key is not known here, or has expired or been revoked."
        return page("login.html", None, status=401, next=_local(next), told=told)
    response = RedirectResponse(_local(next), status.HTTP_303_SEE_OTHER)
    secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, key.strip(), max_age=LONG, httponly=True, samesite="strict",
        secure=secure,
    )  # fmt: skip
    return response


@router.post("/logout")
def log_out() -> Response:
    """Forget the key."""
    response = RedirectResponse("/login", status.HTTP_303_SEE_OTHER)
    response.delete_cookie(COOKIE)
    return response


@router.get("/assets/{name}")
def asset(name: str) -> Response:
    """Return a script or the style; all of them are part of this installation."""
    if name not in ASSETS:
        raise NotFound(f"no asset {name!r}")
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    headers = {"Cache-Control": "no-cache", "ETag": _etag(name)}
    return Response(ASSETS[name](), media_type=kind, headers=headers)


@cache
def _etag(name: str) -> str:
    return f'"{sha256(ASSETS[name]().encode()).hexdigest()[:32]}"'


def _report(jobs: SqlJobStore, job: Job) -> Report | None:
    if job.state is not JobState.SUCCEEDED:
        return None
    return Report.model_validate(jobs.result(job.id))


def _name(datasets: SqlDatasetStore, job: Job) -> str:
    try:
        return datasets.get(job.spec["dataset"]).name
    except NotFound:
        return "a data set that has been deleted"


def _local(path: str) -> str:
    """Return a path of this site; anything else leads to the start."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") else "/"
