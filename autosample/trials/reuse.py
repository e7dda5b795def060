"""A store of trainings from scratch, so that no search repeats one on the same data.

Exhaustive search, verification and audits request the same trainings again and again.
A training is a function of its settings, its data and the code, so its result is kept
under a digest of all three.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from platformdirs import user_cache_path
from safetensors import SafetensorError

from autosample.data.splits import EvaluationProtocol, Split
from autosample.trials.result import TrialResult
from autosample.trials.runner import (
    OnEpoch,
    Request,
    Runners,
    TrialRunner,
)
from autosample.trials.study import (
    Study,
    Tried,
    run_study,
)
from autosample.trials.trial import Trial

_log = logging.getLogger(__name__)

MOST = 4 << 30
"""Size limit in bytes; the least recently used trainings are deleted first."""
SUFFIX = ".training"


def usual_folder() -> Path:
    """Return the folder in which the command line keeps trainings:
    AUTOSAMPLE_TRAININGS, or one in the user's cache."""
    given = os.environ.get("AUTOSAMPLE_TRAININGS")
    return Path(given) if given else user_cache_path("autosample") / "trainings"


class TrainingStore:
    """A store in a folder, which several processes may share.

    `of` returns the store of one data set, in a subfolder, which can be deleted with
    the data set; the size limit holds for all subfolders together.
    """

    def __init__(self, folder: Path, most: int = MOST, dataset: str = "") -> None:
        self.root, self.folder, self.most = folder, folder / dataset, most

    def of(self, dataset: str) -> TrainingStore:
        """Return the store of a data set."""
        return TrainingStore(self.root, self.most, dataset)

    @property
    def datasets(self) -> list[str]:
        """The data sets for which there is a store."""
        if not self.root.exists():
            return []
        return [path.name for path in self.root.iterdir() if path.is_dir()]

    def forget(self, dataset: str) -> None:
        """Delete the store of a data set."""
        shutil.rmtree(self.root / dataset, ignore_errors=True)

    def load(self, name: str) -> TrialResult | None:
        """Return what is kept under a name; None: nothing is, or it cannot be read."""
        path = self._path(name)
        try:
            result, _ = TrialResult.from_bytes(path.read_bytes())
            os.utime(path)
        except (OSError, ValueError, KeyError, SafetensorError):
            return None
        return result

    def save(self, name: str, result: TrialResult) -> None:
        """Keep a result, and delete others where the store is over its limit.

        Readers see all of the file or none of it. Where nothing can be written, the
        result is not kept: the search that has it goes on.
        """
        aside = self.folder / f".{uuid4().hex}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_synced(aside, result.to_bytes(done=True))
            aside.rename(self._path(name))
            self._make_room()
        except OSError as error:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            _log.warning("trainings are not kept in %s: %s", self.folder, error)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _make_room(self) -> None:
        files = [(path.stat(), path) for path in self.root.rglob(f"*{SUFFIX}")]
        total = sum(stat.st_size for stat, _ in files)
        for stat, path in sorted(files, key=lambda file: file[0].st_mtime):
            if total <= self.most:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size


def write_synced(path: Path, raw: bytes) -> None:
    """Write a file that outlives a power cut."""
    with path.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


class ReusingRunner:
    """Runs trials that are not in the store, and keeps their results there."""

    def __init__(self, runner: TrialRunner, split: Split, store: TrainingStore) -> None:
        self.runner, self.store = runner, store
        self._data = f"{split.train.fingerprint}/{split.valid.fingerprint}"
        if split.protocol != EvaluationProtocol():
            self._data += f"/{split.protocol.label}"

    @property
    def parallel(self) -> int:
        return self.runner.parallel

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        """Run trials; a kept result reports its epochs as if it were run."""
        kept = {at: self._load(request) for at, request in enumerate(requests)}
        results: dict[int, TrialResult] = {}
        for at, result in kept.items():
            if result is not None:
                results[at] = result
                for epoch in result.history:
                    on_epoch(requests[at].trial, epoch)
        left = [at for at, result in kept.items() if result is None]
        # One by one where one runs at a time, so that each is kept when it ends.
        batches = [[at] for at in left] if self.parallel == 1 else [left]
        for batch in filter(None, batches):
            ran = self.runner.run([requests[at] for at in batch], on_epoch)
            for at, result in zip(batch, ran, strict=True):
                results[at] = result
                self._keep(requests[at], result)
        return [results[at] for at in range(len(requests))]

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        """Run a study; its trainings are neither looked up nor kept."""
        return run_study(self.runner, study, on_epoch)

    def _load(self, request: Request) -> TrialResult | None:
        if not _is_reusable(request):
            return None
        result = self.store.load(self._name(request.trial))
        return result and result.again(request.trial.name)

    def _keep(self, request: Request, result: TrialResult) -> None:
        if _is_reusable(request) and result.error is None:
            self.store.save(self._name(request.trial), result)

    def _name(self, trial: Trial) -> str:
        text = f"{trial.digest}/{self._data}/{_digest_code()}"
        return sha256(text.encode()).hexdigest()[:40]


@cache
def _digest_code() -> str:
    """Return a digest of what computes a training: torch's version and this package's
    code, since a checkout changes under one version."""
    digest = sha256(version("torch").encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _is_reusable(request: Request) -> bool:
    """Return whether another search may request it too: a training of one sampler, from
    scratch to early stopping."""
    trial = request.trial
    return (
        request.start is None
        and not trial.merged
        and len(trial.candidates) == 1
        and trial.mixture is None
        and trial.stop_early
        and trial.seconds is None
    )


def reusing(runners: Runners, store: TrainingStore) -> Runners:
    """Return `runners` with a store in which each looks first."""
    return lambda split: ReusingRunner(runners(split), split, store)
