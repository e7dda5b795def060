"""Runs trials in this process, epoch by epoch, from their checkpoints if there are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from autosample.core.seeds import derive
from autosample.core.tensors import State
from autosample.data.splits import Split
from autosample.errors import SearchFailed, TrainingDiverged
from autosample.evaluation.metrics import Metric
from autosample.samplers import Observed
from autosample.training import (
    Epoch,
    FixedWeights,
    MixtureWeights,
    Trainer,
)
from autosample.training.average import Average
from autosample.training.learned_weights import LearnedWeights
from autosample.training.supernet import Supernet, equal_weights
from autosample.training.trainer import under
from autosample.trials.checkpoints import Checkpoints, NoCheckpoints
from autosample.trials.merge import run_merge
from autosample.trials.result import TrialResult, load_result
from autosample.trials.runner import OnEpoch, Request
from autosample.trials.trial import (
    Start,
    Trial,
    fresh_model,
)

SAVE_EVERY = 20.0
"""Seconds between two checkpoints of a running trial."""


class InProcessRunner:
    """Runs trials in this process, one after the other."""

    parallel = 1

    def __init__(self, split: Split, checkpoints: Checkpoints | None = None) -> None:
        self.split, self.checkpoints = split, checkpoints or NoCheckpoints()

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as on Ray, so that the answer is the same
        try:
            return [
                run_trial(request, self.split, on_epoch, self.checkpoints)
                for request in requests
            ]
        finally:
            torch.set_num_threads(threads)


class TrialRun:
    """A trial that is running."""

    def __init__(
        self, request: Request, split: Split, checkpoints: Checkpoints
    ) -> None:
        self.trial, self.checkpoints = request.trial, checkpoints
        self.history: list[Epoch] = []
        self.error: str | None = None
        self._finished: TrialResult | None = None
        kept = load_result(self.trial, checkpoints)
        if kept is not None:
            self.history += kept[0].history
        if kept is not None and kept[1]:
            self._finished = kept[0]
            return
        self.trainer, self.weights = prepare(request, split)
        if kept is not None:
            self.trainer.load(kept[0].load_state(), self.weights)
        self._saved = time.monotonic()

    def epochs(self) -> Iterator[Epoch]:
        """Train, and yield each new epoch until the trial ends."""
        if self._finished is not None:
            return
        stop_early = self.trial.stop_early
        try:
            for epoch in self.trainer.epochs(self.weights, stop_early=stop_early):
                self.history.append(epoch)
                yield epoch
                if self._out_of_time or len(self.history) == self.trial.own_epochs:
                    return
        except TrainingDiverged as diverged:
            self.error = str(diverged)

    def keep_now_and_then(self) -> None:
        """Keep a checkpoint if the last one is older than SAVE_EVERY."""
        if time.monotonic() - self._saved > SAVE_EVERY:
            self.keep()
            self._saved = time.monotonic()

    def keep(self, *, done: bool = False) -> TrialResult:
        """Keep a checkpoint, and return the result so far; `done` ends the trial."""
        if self._finished is not None:
            return self._finished
        state, history = self.trainer.state(self.weights), tuple(self.history)
        result = TrialResult.of(self.trial, state, history, self.error)
        self.checkpoints.save(self.trial.digest, result.to_bytes(done=done))
        return result

    @property
    def _out_of_time(self) -> bool:
        """Whether another epoch, as long as the mean so far, would exceed the limit."""
        if self.trial.seconds is None:
            return False
        spent = sum(epoch.seconds for epoch in self.history)
        return spent + spent / len(self.history) > self.trial.seconds


def run_trial(
    request: Request,
    split: Split,
    on_epoch: OnEpoch,
    checkpoints: Checkpoints,
) -> TrialResult:
    """Run a trial to its end, from its checkpoint where there is one."""
    if request.trial.merged:
        return run_merge(request, split, on_epoch, checkpoints)
    run = TrialRun(request, split, checkpoints)
    for epoch in run.epochs():
        on_epoch(request.trial, epoch)
        run.keep_now_and_then()
    return run.keep(done=True)


def prepare(request: Request, split: Split) -> tuple[Trainer, MixtureWeights]:
    """Build the trainer of a trial and its mixture weights, ready for the first step.

    Raises SearchFailed where its device is not there.
    """
    trial, split = request.trial, request.trial.training_split(split)
    device = trial.training.device
    if device == "cuda" and not torch.cuda.is_available():
        raise SearchFailed(
            "training.device is cuda, and no CUDA device is here; leave it out, or run"
            " where there is one"
        )
    observed = Observed(split.train, device)
    seed = derive(trial.training.seed, "gates")
    supernet = Supernet(
        trial.candidates,
        observed,
        trial.loss,
        trial.relaxation,
        rng=torch.Generator().manual_seed(seed),
        losses=trial.losses,
    )
    model = fresh_model(trial, split)
    trainer = Trainer(
        model,
        supernet,
        split,
        trial.training,
        Metric(trial.metric),
        average_of(trial),
    )
    weights = _weights(trial, observed, trainer.order.num_rows)
    if request.start is not None:
        state = request.start.load_state()
        if trial.with_validation or trial.average_from is not None:
            state = from_best(state)
        if trial.start_with is Start.EVERYTHING:
            trainer.load(state, weights)
        else:
            keep = trial.start_with is Start.OPTIMIZER
            trainer.start_from(state, with_optimizer=keep, begun=trial.begun)
    return trainer, weights


def average_of(trial: Trial) -> Average | None:
    """Return what averages a trial's parameters; None: nothing does."""
    if trial.average_from is not None:
        return Average(trial.average_from)
    return Average() if trial.training.average else None


def from_best(state: State) -> State:
    """Return the checkpoint with the best epoch's parameters in place of the last
    epoch's, which may have over-fitted."""
    best = under(state, "best.")
    return state | {f"model.{name}": tensor for name, tensor in best.items()}


def _weights(trial: Trial, observed: Observed, num_rows: int) -> MixtureWeights:
    if trial.mixture is None:
        return FixedWeights(equal_weights(len(trial.candidates)))
    steps = int(np.ceil(num_rows / trial.training.batch_size))
    return LearnedWeights(
        trial.mixture,
        len(trial.candidates),
        observed,
        trial.loss,
        steps * trial.training.epochs,
    )
