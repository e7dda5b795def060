"""Checks that there is space for more files: on the disk, and within the quota."""

from __future__ import annotations

import threading
import time

from autosample.errors import DiskFull
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings

FRESH = 30.0
"""Seconds for which a count of the bytes of all files is used again."""
ADVICE = "delete jobs or data sets, or make room"


class DiskSpace:
    """Checked before an upload or a new job is accepted; running jobs go on."""

    def __init__(self, files: Files, settings: Settings) -> None:
        self.files, self.settings = files, settings
        self._lock, self._used, self._counted = threading.Lock(), 0, -FRESH

    def check(self) -> None:
        """Raise DiskFull if there is too little space."""
        free, least = self.files.free(), self.settings.low_water
        if free is not None and free < least:
            raise DiskFull(
                f"{free >> 20} MiB are free where files are kept, and {least >> 20} are"
                f" the least; {ADVICE}"
            )
        quota = self.settings.quota
        if quota and (used := self.used()) > quota:
            raise DiskFull(
                f"files take {used >> 20} MiB, and the quota is {quota >> 20}; {ADVICE}"
            )

    @property
    def is_enough(self) -> bool:
        """Whether there is enough space, as `check` sees it."""
        try:
            self.check()
        except DiskFull:
            return False
        return True

    def used(self) -> int:
        """Return the bytes of all files, counted at most `FRESH` seconds ago."""
        with self._lock:
            if time.monotonic() - self._counted >= FRESH:
                self._used, self._counted = self.files.used(), time.monotonic()
            return self._used
