"""The web app, and `autosample serve`, which runs it and a worker."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Annotated

import typer
import uvicorn
from fastapi import Depends, FastAPI
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api import errors, pages
from api.body_limit import BodyLimit
from api.cage import Cage
from api.disk_space import DiskSpace
from api.door import Door
from api.metrics import Metrics, RequestTimer
from api.notifier import Notifier
from api.rate_limit import RateLimit
from api.routes import artifacts, catalogue, datasets, events, health, jobs
from api.security import check_bind, require_scope
from api.streams import Streams
from api.webhooks import call_all
from api.worker_process import WorkerProcess
from autosample.errors import SpecError
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

    app = FastAPI(
        separate_input_output_schemas=False,
        title="AutoSample",
        summary="Finds the negative sampler that fits a recommender and its data.",
        version=version("autosample"),
        lifespan=partial(_live, settings, engine, store),
        responses=errors.PROBLEMS,
        # FastAPI's own pages load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
    )
    _add_state(app, settings, engine, files)
    app.state.jobs = store
    app.state.notifier = Notifier(store.newest_event, settings.poll)
    errors.install(app)
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


def _add_state(app: FastAPI, settings: Settings, engine: Engine, files: Files) -> None:
    """Add what routes and middleware need."""
    state = app.state
    state.settings, state.files = settings, files
    state.datasets = SqlDatasetStore(engine, files, settings.bytes_per_owner)
    state.keys = SqlKeyStore(engine)
    state.disk_space = DiskSpace(files, settings)
    state.rate_limit = RateLimit(settings.rate, settings.burst)
    state.metrics = Metrics(engine, files.free)
    state.cage = Cage(settings)
    state.streams = Streams(settings.streams_per_key)


@asynccontextmanager
async def _live(
    settings: Settings, engine: Engine, store: SqlJobStore, app: FastAPI
) -> AsyncIterator[None]:
    """Run the threads beside the API as long as it serves."""
    clear_scratch(datasets.UPLOADS)
    stop = threading.Event()
    calls = (SqlWebhookStore(engine), settings, stop)
    threads = (
        threading.Thread(target=_reap, args=(store, settings, stop)),
        threading.Thread(target=app.state.notifier.watch, args=(stop,)),
        threading.Thread(target=call_all, args=calls, daemon=True),
    )
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()
    engine.dispose()


def _reap(store: SqlJobStore, settings: Settings, stop: threading.Event) -> None:
    """Take jobs from lost workers, until `stop` is set."""
    while not stop.wait(min(settings.lease / 4, 5.0)):
        try:
            for id in store.reap():
                _log.warning("the worker of job %s was lost", id)
        except SQLAlchemyError:
            _log.exception("the database cannot be reached; trying again")


def _check_port(host: str, port: int) -> None:
    """Raise SpecError where the port cannot be bound: before a worker is started."""
    try:
        family, kind, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SpecError(
            f"port {port} of {host} cannot be used ({error.strerror}); name another"
            " with --port, or stop what uses it"
        ) from error


def serve(
    port: Annotated[
        int, typer.Option(help="Port; 0 uses a free one.", min=0, max=65535)
    ] = 8000,
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    worker: Annotated[bool, typer.Option(help="Run a worker beside the API.")] = True,
) -> None:
    """Serve the API, with a worker beside it."""
    settings = Settings()
    settings.check_home()
    app = create_app(settings)
    check_bind(host, settings, app.state.keys)
    _check_port(host, port)
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
