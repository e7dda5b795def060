"""/healthz and /readyz: alive, and able to do its work."""

from __future__ import annotations

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from api.deps import AppSettings, Jobs
from autosample.config import Config

router = APIRouter(tags=["health"])

SEEN_WITHIN = 30.0  # seconds


class Health(Config):
    status: str


class Readiness(Config):
    ready: bool
    database: bool
    worker: bool
    """Whether a worker showed itself of late."""


@router.get("/healthz")
def live() -> Health:
    """Answer, which is all that is asked."""
    return Health(status="alive")


@router.get("/readyz", responses={503: {"model": Readiness}})
def ready(jobs: Jobs, settings: AppSettings, response: Response) -> Readiness:
    """Tell whether jobs can be taken and run; 503 if not."""
    try:
        ago = jobs.worker_seen_ago()
    except SQLAlchemyError:
        response.status_code = 503
        return Readiness(ready=False, database=False, worker=False)
    worker = ago is not None and ago < max(SEEN_WITHIN, 3 * settings.poll)
    if not worker:
        response.status_code = 503
    return Readiness(ready=worker, database=True, worker=worker)


@router.get("/", include_in_schema=False)
def home() -> Response:
    """Lead a browser to the API's pages."""
    return Response(status_code=307, headers={"Location": "/docs"})
