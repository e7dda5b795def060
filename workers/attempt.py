"""One try at a job: its lease, its progress, and how it ends."""

from __future__ import annotations

import errno
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from autosample.bundle import archive
from autosample.bundle.write import write
from autosample.core.progress import (
    Progress,
    Stage,
    within,
)
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
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings
from autosample.jobs.state import Claim, Failure, JobState
from autosample.jobs.store import SqlJobStore
from autosample.spec import SearchSpec
from autosample.trials import TrialRunner
from autosample.trials.checkpoints import FolderCheckpoints

_log = logging.getLogger(__name__)

SOME = 0.05  # progress from which an end can be estimated
OFTEN = 0.5  # seconds: progress is written at most this often
BEAT = 1.5  # seconds at most between renewals, which also bring the news of a cancel
BUDGETED = (Stage.PREPARING, Stage.SEARCHING, Stage.RETRAINING)
SLACK = 1.25, 60.0  # times a budget and plus seconds, after which something must hang
REASONS: Mapping[type[Exception], str] = {
    DataError: "data",
    SpecError: "spec",
    NotFound: "data",
    OverBudget: "budget",
    SearchFailed: "search",
    AutoSampleError: "search",
}

Runners = Callable[[Split, FolderCheckpoints, Callable[[], None]], TrialRunner]


class Draining(AutoSampleError):
    """The worker is being stopped, and its job goes back to the queue."""


class Attempt:
    """Runs a claimed job to an end of some kind."""

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
        self.waiting: list[tuple[str, Mapping[str, Any]]] = []
        self.last = Progress(Stage.PREPARING, 0.0, "stage")
        self.over = threading.Event()
        self.budget: float | None = None

    @property
    def _id(self) -> str:
        return str(self.claim.job.id)

    def run(self, runners: Runners) -> None:
        """Run the job and write how it ended, unless it has been taken over."""
        heart = threading.Thread(target=self._beat, daemon=True)
        heart.start()
        try:
            end = self._attempt(runners)
            self._insist(end)
        except (Fenced, UnknownJob) as error:  # taken over, and perhaps deleted since
            _log.warning("job %s was taken over: %s", self._id, error)
        finally:
            self.over.set()
            heart.join()

    def _attempt(self, runners: Runners) -> Callable[[], None]:
        """Do the work; returns what writes its end."""
        try:
            spec = SearchSpec.model_validate(self.claim.job.spec)
            if spec.budget is not None:
                self.budget = spec.budget.seconds
            dataset = self.datasets.load(spec.dataset)
            outcome = run(
                spec,
                dataset,
                runners=lambda split: runners(split, self.checkpoints, self.check),
                tell=self.tell,
            )
            return self._publish(outcome)
        except Fenced:
            raise
        except Cancelled:
            self._flush()
            self._clear()
            return lambda: self.store.confirm_cancel(self.claim)
        except Draining:
            self._flush()
            return lambda: self.store.release(self.claim)
        except OperationalError:
            # The database is away, which is not the job's fault: nothing is written,
            # the lease runs out, and another attempt goes on from the checkpoints.
            _log.exception("job %s is left to its next attempt", self._id)
            return lambda: None
        except Exception as error:  # the one boundary: here it becomes a failed job
            _log.exception("job %s failed", self._id)
            self._flush()
            failure = failure_of(error)
            return lambda: self.store.fail(self.claim, failure)

    def _publish(self, outcome: Outcome) -> Callable[[], None]:
        """Write the bundle aside; the end written later makes it visible."""
        at = within(Stage.PUBLISHING, 0.0)
        self.tell(Progress(Stage.PUBLISHING, at, "stage"))
        place = f"jobs/{self._id}/{self.claim.epoch}"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bundle"
            write(outcome, path)
            archive.pack(path, path / archive.ARCHIVE)
            self.check()
            artifacts = self.files.put(path, place)
        report = outcome.report.model_dump(mode="json")

        def end() -> None:
            self.store.publish(self.claim, report, place, artifacts)
            self._clear(keep=str(self.claim.epoch))

        return end

    def tell(self, progress: Progress) -> None:
        """Write progress, not too often; raises Fenced, Cancelled or Draining."""
        self.last = progress
        self.check()
        if progress.kind != "tick":
            self.waiting.append(
                (progress.kind, {"stage": progress.stage, **progress.data})
            )
        now = time.monotonic()
        if progress.kind in ("epoch", "tick") and now - self.written < OFTEN:
            return
        self._flush()
        self.written = now
        if progress.kind == "stage" and self.settings.drill_pause:
            self._pause()
        self.check()

    def _flush(self) -> None:
        """Write where it is and what has happened; kept for later if that fails."""
        at, passed = self.last.fraction, time.monotonic() - self.began
        remaining = passed * (1 - at) / at if at > SOME else None
        try:
            self.state = self.store.record_progress(
                self.claim, self.last.stage, at, self.waiting, remaining=remaining
            )
        except OperationalError:
            _log.exception("progress of job %s is kept for later", self._id)
            return
        self.waiting = []

    def check(self) -> None:
        """Raise what there is reason to stop for."""
        if self.fenced:
            raise Fenced(f"epoch {self.claim.epoch} of job {self._id} has passed")
        if self.state is JobState.CANCELLING:
            raise Cancelled(f"job {self._id} was called off")
        if self.stopping.is_set():
            raise Draining("the worker is being stopped")
        if self.budget is not None and self.last.stage in BUDGETED:
            self._check_budget(self.budget, time.monotonic() - self.began)

    @staticmethod
    def _check_budget(budget: float, passed: float) -> None:
        """Searches keep to their budgets by themselves, unless a trial hangs."""
        times, plus = SLACK
        if passed > times * budget + plus:
            raise OverBudget(
                f"the budget was {budget:.0f} s, and {passed:.0f} s after its start the"
                " search has not ended: a trial hangs, or a pass of one takes longer"
                " than that; retry goes on from what is finished"
            )

    def _pause(self) -> None:
        until = time.monotonic() + self.settings.drill_pause
        while time.monotonic() < until:
            self.check()
            time.sleep(0.05)

    def _beat(self) -> None:
        """Renew the lease until the attempt is over or has been taken over."""
        while not self.over.wait(min(self.settings.lease / 4, BEAT)):
            try:
                self.state = self.store.renew(self.claim)
                self.store.record_heartbeat(self.claim.worker)
            except Fenced:
                self.fenced = True
                return
            except OperationalError:
                _log.exception("the lease of job %s was not renewed", self._id)

    def _insist(self, end: Callable[[], None]) -> None:
        """Write the end, again and again while the database is away.

        A cancel that came too late for the work still wins over its result.
        """
        while True:
            try:
                return end()
            except Fenced:
                if self.store.get(self.claim.job.id).state is JobState.CANCELLING:
                    self.store.confirm_cancel(self.claim)
                    return self._clear()  # also the bundle that nobody will see
                raise
            except OperationalError:
                _log.exception("the end of job %s was not written", self._id)
                time.sleep(self.settings.poll)

    def _clear(self, keep: str | None = None) -> None:
        """Delete checkpoints, and what earlier attempts wrote aside."""
        try:
            self.checkpoints.clear()
            for name in self.files.names(f"jobs/{self._id}"):
                if name != keep:
                    self.files.delete(f"jobs/{self._id}/{name}")
        except OSError:
            _log.exception("files of job %s were left behind", self._id)


def failure_of(error: Exception) -> Failure:
    """Put an error into words for the job's owner."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        told = "no room is left where the service keeps files; retry when there is"
        return Failure(reason="disk", detail=told)
    for kind in type(error).__mro__:
        if kind in REASONS:
            return Failure(reason=REASONS[kind], detail=str(error))
    return Failure(reason="internal", detail=f"{type(error).__name__}: {error}")
