"""Trainings from scratch, kept across searches: none is run twice on the same data.

Exhaustive search, verification and audits ask for the same trainings again and again.
A training is a function of its settings and its data, so its result is kept under a
digest of both and of what computed it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from platformdirs import user_cache_path
from safetensors import SafetensorError

from autosample.data.splits import Split
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

MOST = 4 << 30
"""Bytes that are kept; of more, what was not used for longest goes."""
SUFFIX = ".training"


def usual_folder() -> Path:
    """Return where the command line keeps trainings: AUTOSAMPLE_TRAININGS, or a folder
    of the user's cache."""
    given = os.environ.get("AUTOSAMPLE_TRAININGS")
    return Path(given) if given else user_cache_path("autosample") / "trainings"


class TrainingStore:
    """Files in a folder, which several processes may share.

    `of` gives the part of one data set, which can be forgotten with it; all parts
    together keep to the limit.
    """

    def __init__(self, folder: Path, most: int = MOST, part: str = "") -> None:
        self.root, self.folder, self.most = folder, folder / part, most

    def of(self, part: str) -> TrainingStore:
        """Return the store of a data set."""
        return TrainingStore(self.root, self.most, part)

    @property
    def parts(self) -> list[str]:
        """The data sets of which something is kept."""
        if not self.root.exists():
            return []
        return [each.name for each in self.root.iterdir() if each.is_dir()]

    def forget(self, part: str) -> None:
        """Delete what is kept of a data set."""
        shutil.rmtree(self.root / part, ignore_errors=True)

    def load(self, name: str) -> TrialResult | None:
        """Return what was kept under a name; None if nothing, or nothing readable."""
        path = self._path(name)
        try:
            result, _ = TrialResult.from_bytes(path.read_bytes())
            os.utime(path)
        except (OSError, ValueError, KeyError, SafetensorError):
            return None
        return result

    def save(self, name: str, result: TrialResult) -> None:
        """Keep a result, whole or not at all, and make room for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f".{uuid4().hex}"
        aside.write_bytes(result.to_bytes(done=True))
        aside.rename(self._path(name))
        self._make_room()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _make_room(self) -> None:
        kept = [(each.stat(), each) for each in self.root.rglob(f"*{SUFFIX}")]
        total = sum(stat.st_size for stat, _ in kept)
        for stat, path in sorted(kept, key=lambda each: each[0].st_mtime):
            if total <= self.most:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size


class ReusingRunner:
    """Runs what is not kept yet, and keeps it."""

    def __init__(self, runner: TrialRunner, split: Split, store: TrainingStore) -> None:
        self.runner, self.store = runner, store
        self._data = f"{split.train.fingerprint}/{split.valid.fingerprint}"

    @property
    def parallel(self) -> int:
        return self.runner.parallel

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        """Run trials; of one that is kept, its epochs are told as they were."""
        found = {at: self._kept(request) for at, request in enumerate(requests)}
        results: dict[int, TrialResult] = {}
        for at, result in found.items():
            if result is not None:
                results[at] = result
                for epoch in result.history:
                    on_epoch(requests[at].trial, epoch)
        left = [at for at, result in found.items() if result is None]
        # One by one where one runs at a time, so that each is kept as it ends.
        batches = [[at] for at in left] if self.parallel == 1 else [left]
        for batch in filter(None, batches):
            ran = self.runner.run([requests[at] for at in batch], on_epoch)
            for at, result in zip(batch, ran, strict=True):
                results[at] = result
                self._keep(requests[at], result)
        return [results[at] for at in range(len(requests))]

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        """Run a study as the runner does: of its trainings none is kept."""
        return run_study(self.runner, study, on_epoch)

    def _kept(self, request: Request) -> TrialResult | None:
        if not _repeats(request):
            return None
        result = self.store.load(self._name(request.trial))
        return result and result.again(request.trial.name)

    def _keep(self, request: Request, result: TrialResult) -> None:
        if _repeats(request) and result.error is None:
            self.store.save(self._name(request.trial), result)

    def _name(self, trial: Trial) -> str:
        text = f"{trial.digest}/{self._data}/{_made_by()}"
        return sha256(text.encode()).hexdigest()[:40]


@cache
def _made_by() -> str:
    """Tell what computes a training: this package's code, not just its version, since a
    checkout changes under the same one."""
    digest = sha256(version("torch").encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _repeats(request: Request) -> bool:
    """Tell whether other searches may ask for it: one sampler, from scratch, to the
    end."""
    trial = request.trial
    return (
        request.start is None
        and len(trial.candidates) == 1
        and trial.mixture is None
        and trial.stop_early
        and trial.seconds is None
    )


def reusing(runners: Runners, store: TrainingStore) -> Runners:
    """Return runners that look into a store first."""
    return lambda split: ReusingRunner(runners(split), split, store)
