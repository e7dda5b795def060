"""/healthz and /readyz: alive, and able to do its work."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from api.deps import AppSettings, Jobs
from api.disk_space import Room
from api.metrics import Metrics
from api.security import Reader
from autosample.core.config import Config

router = APIRouter(tags=["health"])

SEEN_WITHIN = 30.0  # seconds


class Health(Config):
    status: str


class Readiness(Config):
    ready: bool
    database: bool
    worker: bool
    """Whether a worker showed itself of late."""
    disk: bool
    """Whether there is room for more."""


@router.get("/healthz")
def live() -> Health:
    """Answer, which is all that is asked."""
    return Health(status="alive")


@router.get("/readyz", responses={503: {"model": Readiness}})
def ready(
    jobs: Jobs, request: Request, settings: AppSettings, response: Response
) -> Readiness:
    """Tell whether jobs can be taken and run; 503 if not."""
    room: Room = request.app.state.room
    disk = room.there
    try:
        ago = jobs.seconds_since_heartbeat()
        database = True
    except SQLAlchemyError:
        ago, database = None, False
    worker = ago is not None and ago < max(SEEN_WITHIN, 3 * settings.poll)
    ready = database and worker and disk
    if not ready:
        response.status_code = 503
    return Readiness(ready=ready, database=database, worker=worker, disk=disk)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, _: Reader) -> PlainTextResponse:
    """Tell Prometheus about queue, workers, disk and requests."""
    found: Metrics = request.app.state.metrics
    return PlainTextResponse(found.text(), media_type=CONTENT_TYPE_LATEST)
