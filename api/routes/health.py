"""/healthz, /readyz and /metrics: for load balancers, operators and Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from api.deps import AppSettings, Jobs
from api.disk_space import DiskSpace
from api.metrics import Metrics
from api.security import Reader
from autosample.core.config import Config

router = APIRouter(tags=["health"])

ALIVE = 30.0
"""Seconds since its last heartbeat for which a worker counts as alive."""


class Health(Config):
    """Answer of a running service."""

    status: str
    """Always `alive`."""


class Readiness(Config):
    """Whether the service can accept and run jobs."""

    ready: bool
    """Whether the database, a worker and disk space are all available."""
    database: bool
    """Whether the database can be reached."""
    worker: bool
    """Whether a worker had a recent heartbeat."""
    disk: bool
    """Whether there is space for more files."""


@router.get("/healthz")
def live() -> Health:
    """Answer as long as the service runs, whatever its database and workers do."""
    return Health(status="alive")


@router.get("/readyz", responses={503: {"model": Readiness}})
def ready(
    jobs: Jobs, request: Request, settings: AppSettings, response: Response
) -> Readiness:
    """Tell whether jobs can be accepted and run; 503 if not."""
    disk_space: DiskSpace = request.app.state.disk_space
    disk = disk_space.is_enough
    try:
        seconds = jobs.seconds_since_heartbeat()
        database = True
    except SQLAlchemyError:
        seconds, database = None, False
    worker = seconds is not None and seconds < max(ALIVE, 3 * settings.poll)
    ready = database and worker and disk
    if not ready:
        response.status_code = 503
    return Readiness(ready=ready, database=database, worker=worker, disk=disk)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, _: Reader) -> PlainTextResponse:
    """Return metrics of queue, workers, disk and requests for Prometheus."""
    registered: Metrics = request.app.state.metrics
    return PlainTextResponse(registered.text(), media_type=CONTENT_TYPE_LATEST)
