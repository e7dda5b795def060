"""The web app, and the command that serves it with a worker beside it."""

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
from api.disk_space import Room
from api.metrics import Metrics, Timed
from api.rate_limit import Rates
from api.routes import artifacts, catalogue, datasets, events, health, jobs
from api.security import check_bind, needs
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
    """Build the app; on SQLite the schema is brought up to date first."""
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
        for each in threads:
            each.start()
        yield
        stop.set()
        for each in threads:
            each.join()
        engine.dispose()

    app = FastAPI(
        separate_input_output_schemas=False,
        title="AutoSample",
        summary="Finds the negative sampler that fits a recommender and its data.",
        version=version("autosample"),
        lifespan=lifespan,
        responses=errors.ANY,
    )
    app.state.settings, app.state.jobs, app.state.files = settings, store, files
    app.state.datasets = SqlDatasetStore(engine, files, settings.bytes_per_owner)
    app.state.keys = SqlKeyStore(engine)
    app.state.room = Room(files, settings)
    app.state.rates = Rates(settings.rate, settings.burst)
    app.state.metrics = Metrics(engine, files.free)
    errors.install(app)
    app.add_middleware(BodyLimit, max_upload=settings.max_upload)
    app.add_middleware(Timed, metrics=app.state.metrics)
    app.include_router(health.router)
    app.include_router(pages.router)
    for part in (datasets, events, artifacts, jobs, catalogue):
        app.include_router(part.router, dependencies=[Depends(needs(Scope.READ))])
    return app


def _reap(store: SqlJobStore, settings: Settings, stop: threading.Event) -> None:
    """Take jobs from lost workers, until told to stop."""
    while not stop.wait(min(settings.lease / 4, 5.0)):
        try:
            for id in store.reap():
                _log.warning("job %s was lost by its worker", id)
        except SQLAlchemyError:
            _log.exception("the database cannot be asked; trying again")


def serve(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
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
        # Its own configuration of logs would stand beside ours.
        uvicorn.run(app, host=host, port=port, log_config=None, access_log=False)
    finally:
        if beside:
            beside.stop()
