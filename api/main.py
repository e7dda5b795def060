"""The web app, and `autosample serve`, which runs it and a worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated

import typer
import uvicorn
from fastapi import Depends, FastAPI
from sqlalchemy.exc import SQLAlchemyError

from api import errors, pages
from api.body_limit import BodyLimit
from api.cage import Cage
from api.disk_space import DiskSpace
from api.door import Door
from api.metrics import Metrics, RequestTimer
from api.rate_limit import RateLimit
from api.routes import artifacts, catalogue, datasets, events, health, jobs
from api.security import check_bind, require_scope
from api.webhooks import call_all
from api.worker_process import WorkerProcess
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.engine import connect
from autosample.jobs.files import Files
from autosample.jobs.keys import Scope, SqlKeyStore
from autosample.jobs.logs import configure
from autosample.jobs.scratch import clear_scratch
from autosample.jobs.settings import Settings
from autosample.jobs.store import SqlJobStore
from autosample.jobs.webhooks import SqlWebhookStore
from migrations.upgrade import upgrade

_log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """Build the app; a SQLite database is migrated first."""
    if settings.embedded:
        upgrade(settings.database_url)
    engine, files = connect(settings.database_url), Files(settings.artifacts)
    store = SqlJobStore(
        engine,
        lease=settings.lease,
        attempts=settings.attempts,
        quota=settings.jobs_per_owner,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        clear_scratch(datasets.UPLOADS)
        stop = threading.Event()
        calls = (SqlWebhookStore(engine), settings, stop)
        threads = (
            threading.Thread(target=_reap, args=(store, settings, stop)),
            threading.Thread(target=call_all, args=calls, daemon=True),
        )
        for thread in threads:
            thread.start()
        yield
        stop.set()
        for thread in threads:
            thread.join()
        engine.dispose()

    app = FastAPI(
        separate_input_output_schemas=False,
        title="AutoSample",
        summary="Finds the negative sampler that fits a recommender and its data.",
        version=version("autosample"),
        lifespan=lifespan,
        responses=errors.PROBLEMS,
    )
    app.state.settings, app.state.jobs, app.state.files = settings, store, files
    app.state.datasets = SqlDatasetStore(engine, files, settings.bytes_per_owner)
    app.state.keys = SqlKeyStore(engine)
    app.state.disk_space = DiskSpace(files, settings)
    app.state.rate_limit = RateLimit(settings.rate, settings.burst)
    app.state.metrics = Metrics(engine, files.free)
    errors.install(app)
    app.state.cage = Cage(settings)
    app.add_middleware(Door, body_seconds=settings.body_seconds)
    app.add_middleware(BodyLimit, max_upload=settings.max_upload)
    app.add_middleware(RequestTimer, metrics=app.state.metrics)
    app.include_router(health.router)
    app.include_router(pages.router)
    for routes in (datasets, events, artifacts, jobs, catalogue):
        app.include_router(
            routes.router, dependencies=[Depends(require_scope(Scope.READ))]
        )
    return app


def _reap(store: SqlJobStore, settings: Settings, stop: threading.Event) -> None:
    """Take jobs from lost workers, until `stop` is set."""
    while not stop.wait(min(settings.lease / 4, 5.0)):
        try:
            for id in store.reap():
                _log.warning("the worker of job %s was lost", id)
        except SQLAlchemyError:
            _log.exception("the database cannot be reached; trying again")


def serve(
    port: Annotated[
        int, typer.Option(help="Port; 0 uses a free one.", min=0, max=65535)
    ] = 8000,
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    worker: Annotated[bool, typer.Option(help="Run a worker beside the API.")] = True,
) -> None:
    """Serve the API, with a worker beside it."""
    settings = Settings()
    app = create_app(settings)
    check_bind(host, settings, app.state.keys)
    configure(settings.log)
    beside = WorkerProcess() if worker else None
    try:
        if beside:
            beside.start()
        # None: uvicorn must not replace the format of the logs.
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            limit_concurrency=settings.connections,
        )
    finally:
        if beside:
            beside.stop()
