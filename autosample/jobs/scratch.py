"""Temporary folders that are deleted even if the process that made them is killed.

Their names hold the process's id, so that the next process of its kind can delete those
of processes that have ended.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path


def make_scratch(prefix: str, parent: Path | None = None) -> Path:
    """Make an empty temporary folder of this process, in the usual place or another."""
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))


def clear_scratch(prefix: str) -> int:
    """Delete folders of processes that have ended; returns how many were deleted."""
    deleted = 0
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        match = re.fullmatch(rf"{re.escape(prefix)}(\d+)-.*", path.name)
        if match and not _lives(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)
            deleted += 1
    return deleted


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as another user
    return True
