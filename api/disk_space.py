"""Whether there is room for more: on the disk, and within the quota of all files."""

from __future__ import annotations

import threading
import time

from autosample.errors import DiskFull
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings

FRESH = 30.0
"""Seconds for which the bytes of all files are not counted again."""
WHAT = "delete jobs or data sets, or make room"


class Room:
    """Looks before uploads and new jobs are let in; running ones go on."""

    def __init__(self, files: Files, settings: Settings) -> None:
        self.files, self.settings = files, settings
        self._lock, self._used, self._counted = threading.Lock(), 0, -FRESH

    def check(self) -> None:
        """Raise DiskFull where there is too little."""
        free, least = self.files.free(), self.settings.low_water
        if free is not None and free < least:
            raise DiskFull(
                f"{free >> 20} MiB are free where files are kept, and {least >> 20} are"
                f" the least; {WHAT}"
            )
        quota = self.settings.quota
        if quota and (used := self.used()) > quota:
            raise DiskFull(
                f"files take {used >> 20} MiB, and {quota >> 20} are the quota; {WHAT}"
            )

    @property
    def there(self) -> bool:
        """Whether `check` would pass."""
        try:
            self.check()
        except DiskFull:
            return False
        return True

    def used(self) -> int:
        """Return the bytes of all files, as counted a moment ago."""
        with self._lock:
            if time.monotonic() - self._counted >= FRESH:
                self._used, self._counted = self.files.used(), time.monotonic()
            return self._used
