"""Folders for a while, whose names tell which process they are of.

A process that is killed deletes nothing; the next one of its kind does.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path


def scratch(prefix: str) -> Path:
    """Make an empty folder for this process."""
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-"))


def clear(prefix: str) -> int:
    """Delete folders of processes that are gone; returns how many."""
    gone = 0
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        match = re.fullmatch(rf"{re.escape(prefix)}(\d+)-.*", path.name)
        if match and not _lives(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)
            gone += 1
    return gone


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, and somebody else's
    return True
