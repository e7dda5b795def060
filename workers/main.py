"""The command that runs a worker, and the check that one runs."""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from autosample.jobs.engine import connect
from autosample.jobs.logs import configure
from autosample.jobs.settings import Settings
from autosample.jobs.store import SqlJobStore

ALIVE = 60.0
"""Seconds since its last heartbeat for which a worker counts as alive."""


def worker(
    with_parent: Annotated[
        bool, typer.Option(hidden=True, help="Stop when standard input closes.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(help="Only check that a worker runs on this host: exit 0 or 1."),
    ] = False,
) -> None:
    """Run jobs until stopped; a job that is running then goes back to the queue."""
    settings = Settings()
    if check:
        raise typer.Exit(0 if _is_alive(settings) else 1)
    settings.check_home()
    configure(settings.log)
    # Containers check their worker every few seconds; only it loads torch and Ray.
    from migrations.upgrade import upgrade  # noqa: PLC0415
    from workers.work import run_worker, stop_on_signals  # noqa: PLC0415

    stopping = threading.Event()
    stop_on_signals(stopping)
    if with_parent:
        threading.Thread(target=_follow_parent, args=(stopping,), daemon=True).start()
    if settings.embedded:
        upgrade(settings.database_url)
    run_worker(settings, stopping)


def _is_alive(settings: Settings) -> bool:
    """Tell whether a worker of this host had a heartbeat of late."""
    engine = connect(settings.database_url)
    try:
        seconds = SqlJobStore(engine).seconds_since_heartbeat(socket.gethostname())
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()
    return seconds is not None and seconds < ALIVE


def _follow_parent(stopping: threading.Event) -> None:
    """Stop once standard input closes: the parent process is gone."""
    while os.read(sys.stdin.fileno(), 1024):  # the parent never writes
        pass
    stopping.set()
