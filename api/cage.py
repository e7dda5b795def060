"""Reads files and probes searches in processes of their own, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore

from autosample.core.apart import Limits
from autosample.data.apart import preview_apart, read_apart
from autosample.data.dataset import Dataset
from autosample.data.options import ReadOptions
from autosample.data.preview import Preview
from autosample.errors import LimitReached
from autosample.experiment.forecast import Forecast
from autosample.jobs.estimate import forecast_apart
from autosample.jobs.settings import Settings
from autosample.spec import SearchSpec

PATIENCE = 30.0
"""Seconds that a request waits for its turn."""
QUICK = 60.0
"""Seconds that a preview may take."""


class Cage:
    """What the API must not do in its own process, where it would stop all others."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free = BoundedSemaphore(settings.readers)

    def read(
        self, paths: Sequence[Path], options: ReadOptions, folder: Path
    ) -> Dataset:
        """Read a file, as `read_apart` does. Raises LimitReached while too many are."""
        with self._turn():
            return read_apart(paths, options, folder, self._limits())

    def preview(self, path: Path) -> Preview:
        """Return the preview of a file. Raises LimitReached as `read` does."""
        with self._turn():
            return preview_apart(path, self._limits(QUICK))

    def forecast(self, spec: SearchSpec) -> Forecast:
        """Return what a search would cost. Raises LimitReached as `read` does."""
        with self._turn():
            return forecast_apart(spec, self._settings.artifacts, self._limits())

    def _limits(self, seconds: float | None = None) -> Limits:
        settings = self._settings
        return Limits(settings.upload_memory, seconds or settings.upload_seconds)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._free.acquire(timeout=PATIENCE):
            raise LimitReached(
                f"{self._settings.readers} files are being read at the moment", 5.0
            )
        try:
            yield
        finally:
            self._free.release()
