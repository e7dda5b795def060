"""One attempt at a job: it keeps the lease, records progress and writes the end."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy.exc import OperationalError

from autosample.bundle import archive
from autosample.bundle.write import write
from autosample.core.events import EpochEnded, StageBegan, StoredEvent, Tick
from autosample.core.progress import Progress, Stage, within
from autosample.data.splits import Split
from autosample.errors import (
    AutoSampleError,
    Cancelled,
    DataError,
    Fenced,
    NotFound,
    OverBudget,
    SearchFailed,
    SpecError,
    UnknownJob,
)
from autosample.experiment.run import Outcome, run
from autosample.jobs.datasets import SqlDatasetStore
from autosample.jobs.events import StagedEvent
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings
from autosample.jobs.state import Claim, Failure, JobState
from autosample.jobs.store import SqlJobStore
from autosample.jobs.trouble import is_disk_full, sentence_of
from autosample.spec import SearchSpec
from autosample.trials import TrialRunner
from autosample.trials.checkpoints import FolderCheckpoints
from workers.ray_watch import RayLost

_log = logging.getLogger(__name__)

ESTIMABLE = 0.05
"""Fraction of the work after which the end can be estimated."""
WRITE_EVERY = 0.5
"""Fewest seconds between two writes of progress."""
BEAT = 1.5
"""Most seconds between two renewals of the lease, which also tell of a cancel."""
BUDGETED = (Stage.PREPARING, Stage.SEARCHING, Stage.RETRAINING)
"""Stages that a budget is for."""
SLACK = 1.25, 60.0
"""A search is declared hung after 1.25 x budget + 60 s."""
REASONS: Mapping[type[Exception], str] = {
    DataError: "data",
    SpecError: "spec",
    NotFound: "data",
    OverBudget: "budget",
    SearchFailed: "search",
    AutoSampleError: "search",
}

RunnerFactory = Callable[[Split, FolderCheckpoints, Callable[[], None]], TrialRunner]
"""Makes the runner of a job's trials from its split, its checkpoints, and a function
that the runner calls often and that raises to stop it."""


class Draining(AutoSampleError):
    """The worker is stopping, so its job goes back to the queue."""


class Attempt:
    """Runs a claimed job until it ends, is released or is taken over."""

    def __init__(
        self,
        claim: Claim,
        store: SqlJobStore,
        datasets: SqlDatasetStore,
        settings: Settings,
        stopping: threading.Event,
    ) -> None:
        self.claim, self.store, self.datasets = claim, store, datasets
        self.settings, self.stopping = settings, stopping
        self.files: Files = datasets.files
        self.checkpoints = FolderCheckpoints(
            self.files.url_of(f"checkpoints/{self._id}")
        )
        self.began = self.written = time.monotonic()
        self.state, self.fenced = JobState.RUNNING, False
        self.waiting: list[StagedEvent] = []
        self.last = Progress(Stage.PREPARING, 0.0, StageBegan())
        self.over = threading.Event()
        self.budget: float | None = None

    @property
    def _id(self) -> str:
        return str(self.claim.job.id)

    def run(self, make_runner: RunnerFactory) -> None:
        """Run the job and write its end, unless another worker has taken it over."""
        heart = threading.Thread(target=self._beat, daemon=True)
        heart.start()
        try:
            self._write(self._work(make_runner))
        except (Fenced, UnknownJob) as error:  # taken over, and perhaps deleted since
            _log.warning("job %s was taken over: %s", self._id, error)
        finally:
            self.over.set()
            heart.join()

    def _work(self, make_runner: RunnerFactory) -> Callable[[], None]:
        """Do the work and return the function that writes its end; raises Fenced."""

        def runners(split: Split) -> TrialRunner:
            return make_runner(split, self.checkpoints, self.check)

        try:
            spec = SearchSpec.model_validate(self.claim.job.spec)
            if spec.budget is not None:
                self.budget = spec.budget.seconds
            dataset = self.datasets.load(spec.dataset)
            return self._publish(run(spec, dataset, runners=runners, tell=self.record))
        except Fenced:
            raise
        except Exception as error:  # the boundary where any error ends the job
            return self._ended_by(error)

    def _ended_by(self, error: Exception) -> Callable[[], None]:
        """Return the function that writes what an error means for the job."""
        if isinstance(error, OperationalError):
            # The database cannot be reached, which the job did not cause. Nothing is
            # written: the lease runs out, and the next attempt continues from the
            # checkpoints.
            _log.error("left the job to its next attempt", exc_info=error)
            return lambda: None
        self._flush()
        if isinstance(error, Cancelled):
            self._clear()
            return lambda: self.store.confirm_cancel(self.claim)
        if isinstance(error, Draining):
            return lambda: self.store.release(self.claim)
        if isinstance(error, RayLost):
            # The attempt counts, in case that the job itself is what ends Ray.
            _log.error("returned the job to the queue: %s", error)
            return lambda: self.store.release(self.claim, counts=True)
        _log.error("the job failed", exc_info=error)
        failure = failure_of(error)
        return lambda: self.store.fail(self.claim, failure)

    def _publish(self, outcome: Outcome) -> Callable[[], None]:
        """Store the bundle's files and return the function that makes them visible."""
        at = within(Stage.PUBLISHING, 0.0)
        self.record(Progress(Stage.PUBLISHING, at, StageBegan()))
        # The folder is this attempt's own, and nobody reads it before the job's row
        # names it. So a fenced worker may copy its files at any time: what it leaves is
        # never shown, and never mixed with the files of the attempt that took over.
        place = f"jobs/{self._id}/{self.claim.epoch}"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bundle"
            write(outcome, path)
            archive.pack(path, path / archive.ARCHIVE)
            self.check()
            artifacts = self.files.put(path, place)
        report = outcome.report.model_dump(mode="json")

        def publish() -> None:
            self.store.publish(self.claim, report, place, artifacts)
            self._clear(keep=str(self.claim.epoch))

        return publish

    def record(self, progress: Progress) -> None:
        """Write progress, not too often; raises Fenced, Cancelled or Draining."""
        self.last = progress
        self.check()
        event, now = progress.event, time.monotonic()
        if isinstance(event, StoredEvent):
            self.waiting.append((progress.stage, event))
        if isinstance(event, EpochEnded | Tick) and now - self.written < WRITE_EVERY:
            return
        self._flush()
        self.written = now
        if isinstance(event, StageBegan):
            self._pause(progress.stage)
        self.check()

    def _flush(self) -> None:
        """Write the progress and the waiting events, which are kept if that fails."""
        done, passed = self.last.fraction, time.monotonic() - self.began
        remaining = passed * (1 - done) / done if done > ESTIMABLE else None
        try:
            self.state = self.store.record_progress(
                self.claim, self.last.stage, done, self.waiting, remaining=remaining
            )
        except OperationalError:
            _log.exception("could not write the progress of job %s yet", self._id)
            return
        self.waiting = []

    def check(self) -> None:
        """Raise Fenced, Cancelled, Draining or OverBudget if the attempt must stop."""
        if self.fenced:
            raise Fenced(f"epoch {self.claim.epoch} of job {self._id} has passed")
        if self.state is JobState.CANCELLING:
            raise Cancelled(f"job {self._id} was cancelled")
        if self.stopping.is_set():
            raise Draining("the worker is being stopped")
        if self.budget is not None and self.last.stage in BUDGETED:
            self._check_budget(self.budget, time.monotonic() - self.began)

    @staticmethod
    def _check_budget(budget: float, passed: float) -> None:
        """Raise OverBudget if the search, which keeps its budget itself, must hang."""
        factor, seconds = SLACK
        if passed > factor * budget + seconds:
            raise OverBudget(
                f"the budget was {budget:.0f} s, and {passed:.0f} s after its start the"
                " search has not ended: a trial hangs, or one epoch takes longer than"
                " that; a retry continues from what is finished"
            )

    def _pause(self, stage: Stage) -> None:
        """Wait at the start of a stage, so that a drill can kill the worker there."""
        if self.settings.drill_stage not in (None, stage):
            return
        until = time.monotonic() + self.settings.drill_pause
        while time.monotonic() < until:
            self.check()
            time.sleep(0.05)

    def _beat(self) -> None:
        """Renew the lease until the attempt is over or the job is taken over."""
        while not self.over.wait(min(self.settings.lease / 4, BEAT)):
            try:
                self.state = self.store.renew(self.claim)
                self.store.record_heartbeat(self.claim.worker)
            except Fenced:
                self.fenced = True
                return
            except OperationalError:
                _log.exception("could not renew the lease of job %s", self._id)

    def _write(self, end: Callable[[], None]) -> None:
        """Write the end, and try again while the database cannot be reached.

        A cancel that came too late to stop the work still wins over its result. Raises
        Fenced and UnknownJob.
        """
        while True:
            try:
                return end()
            except Fenced:
                if self.store.get(self.claim.job.id).state is JobState.CANCELLING:
                    self.store.confirm_cancel(self.claim)
                    return self._clear()  # including the unpublished bundle
                raise
            except OperationalError:
                _log.exception("could not write the end of job %s yet", self._id)
                time.sleep(self.settings.poll)

    def _clear(self, keep: str | None = None) -> None:
        """Delete the checkpoints, and the job's bundles except that of epoch `keep`."""
        try:
            self.checkpoints.clear()
            for name in self.files.names(f"jobs/{self._id}"):
                if name != keep:
                    self.files.delete(f"jobs/{self._id}/{name}")
        except OSError:
            _log.exception("could not delete all files of job %s", self._id)


def failure_of(error: Exception) -> Failure:
    """Return an error as the failure that the job's owner reads."""
    if is_disk_full(error):
        detail = "no room is left where the service keeps files; retry when there is"
        return Failure(reason="disk", detail=detail)
    for kind in type(error).__mro__:
        if kind in REASONS:
            return Failure(reason=REASONS[kind], detail=sentence_of(error))
    detail = f"an unexpected error ({type(error).__name__}); the worker's log has it"
    return Failure(reason="internal", detail=detail)
