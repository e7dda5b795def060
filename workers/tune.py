"""Studies on Ray Tune: ASHA stops trainings early, Optuna proposes the next ones."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import optuna
import torch
from optuna.samplers import TPESampler
from optuna.trial import Trial as OptunaTrial
from ray import tune
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from autosample.data.splits import Split
from autosample.errors import SearchFailed
from autosample.training import Epoch
from autosample.trials import OnEpoch, Request, Trial, load_stored
from autosample.trials.checkpoints import Checkpoints
from autosample.trials.run import TrialRun
from autosample.trials.study import (
    SAMPLER,
    Hyperparameter,
    Point,
    Space,
    Study,
    Tried,
)

REPORT_EVERY = 1.0
"""Seconds of training after which a trial reports its epochs."""
DEATHS = 3
"""Processes that one training may lose; each time it continues from its checkpoint."""

# Otherwise Tune writes log files for each trial, and handles Ctrl-C itself.
for _name, _value in {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_MAX_PENDING_TRIALS_PG": "1",
}.items():
    os.environ.setdefault(_name, _value)


class StudyTrial(tune.Trainable):
    """One training of a study; it reports at milestones and every few epochs."""

    def setup(self, config: dict[str, Any], **given: Any) -> None:
        """Prepare the training that `config` describes.

        `given` are the arguments of `tune.with_parameters`: study, split, checkpoints.
        """
        torch.set_num_threads(1)
        self.study: Study = given["study"]
        self.split: Split = given["split"]
        self.checkpoints: Checkpoints = given["checkpoints"]
        self._begin(config)

    def _begin(self, point: Point) -> None:
        self.run: TrialRun | None = None
        self.num_reported = 0
        try:
            trial = self.study.trial(point)
        except ValueError:
            return  # these settings exclude each other, so there is nothing to train
        self.run = TrialRun(Request(trial), self.split, self.checkpoints)
        self.epochs: Iterator[Epoch] = self.run.epochs()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Prepare another training in the same process."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train for `REPORT_EVERY` seconds, at most to the next milestone."""
        if self.run is None:
            return {
                "best": 0.0,
                "total_epochs": 0,
                "epochs": [],
                "over": True,
                "done": True,
            }
        over = self._train(self.run)
        history = self.run.history
        if over or len(history) in self.study.milestones:
            self.run.keep(done=over)  # ASHA may stop it here
        unreported = history[self.num_reported :]
        self.num_reported = len(history)
        return {
            "best": max([0.0, *(epoch.best for epoch in history[-1:])]),
            "total_epochs": len(history),
            "epochs": [asdict(epoch) for epoch in unreported],
            "over": over,
            "done": over,
        }

    def _train(self, run: TrialRun) -> bool:
        """Train for a step; returns whether the training has ended."""
        began = time.monotonic()
        for _ in self.epochs:
            if len(run.history) in self.study.milestones:
                return False
            if time.monotonic() - began > REPORT_EVERY:
                run.keep_now_and_then()
                return False
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing for Tune: the training keeps its own checkpoints."""

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Load nothing: `setup` continues from the training's own checkpoint."""


@dataclass
class EpochCallback(tune.Callback):
    """Reports epochs to the runner's listener; remembers the error that it raises."""

    study: Study
    on_epoch: OnEpoch
    tick: Callable[[], None]
    raised: BaseException | None = None
    total_epochs: int = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing to pickle.

        Tune pickles callbacks so that it can restore a study, which nothing here does,
        and the listeners hold locks and sockets, which cannot be pickled.
        """
        return {}

    def on_trial_result(
        self,
        iteration: int,
        trials: list[TuneTrial],
        trial: TuneTrial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        training = trial_at(self.study, trial.config)
        if training is None:
            return
        for values in result["epochs"]:
            epoch = Epoch(**(values | {"weights": tuple(values["weights"])}))
            self.total_epochs += 1
            self._call(self.on_epoch, training, epoch)

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        self._call(self.tick)

    def _call(self, listener: Callable[..., None], *values: Any) -> None:
        """Call a listener; an error is kept too, as Tune wraps what callbacks raise."""
        try:
            listener(*values)
        except BaseException as error:
            self.raised = error
            raise


class EpochLimit(tune.Stopper):
    """Stops a study once all its trainings together have made enough epochs."""

    def __init__(self, most: int, callback: EpochCallback) -> None:
        self.most, self.callback = most, callback

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self.stop_all()

    def stop_all(self) -> bool:
        return self.callback.total_epochs >= self.most


def run_study(
    study: Study,
    split: Split,
    checkpoints: Checkpoints,
    on_epoch: OnEpoch,
    tick: Callable[[], None],
    *,
    gpus: float = 0.0,
) -> list[Tried]:
    """Run a study on the connected Ray; raises what `on_epoch` and `tick` raise.

    Trainings keep checkpoints as all trials do, so a study that is run again after its
    driver was killed does not repeat what is finished.
    """
    callback = EpochCallback(study, on_epoch, tick)
    trainable = tune.with_resources(
        tune.with_parameters(
            StudyTrial, study=study, split=split, checkpoints=checkpoints
        ),
        {"cpu": 1, "gpu": gpus},
    )
    limit = EpochLimit(study.total_epochs, callback) if study.total_epochs else None
    with tempfile.TemporaryDirectory(prefix="autosample-") as folder:
        tuner = tune.Tuner(
            trainable,
            param_space=_grid(study.space),
            tune_config=_tune_config(study),
            run_config=tune.RunConfig(
                storage_path=folder,
                name="study",
                verbose=0,
                callbacks=[callback],
                stop=limit,
                failure_config=tune.FailureConfig(max_failures=DEATHS),
            ),
        )
        try:
            results = tuner.fit()
        except BaseException:
            if callback.raised is not None:
                raise callback.raised from None
            raise
    if callback.raised is not None:
        raise callback.raised
    outcomes = [_read(study, results[at], checkpoints) for at in range(len(results))]
    trainings = [training for training in outcomes if training is not None]
    if not trainings:
        reasons = "; ".join(str(error) for error in results.errors[:3])
        raise SearchFailed(f"no training of the study ended an epoch ({reasons})")
    return trainings


def _tune_config(study: Study) -> tune.TuneConfig:
    searcher, samples = None, 1
    if not study.space.is_list:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        searcher = OptunaSearch(
            partial(_suggest_point, study.space),  # not a lambda: Tune pickles it
            metric="best",
            mode="max",
            sampler=TPESampler(seed=study.training.seed),
            points_to_evaluate=_default_points(study),
        )
        samples = study.samples
    return tune.TuneConfig(
        metric="best",
        mode="max",
        search_alg=searcher,
        num_samples=samples,
        time_budget_s=study.seconds,
        reuse_actors=True,
        scheduler=ASHAScheduler(
            time_attr="total_epochs",
            # One more than a training can make, so that it always ends by itself.
            max_t=study.training.epochs + 1,
            grace_period=study.grace,
            reduction_factor=study.reduction,
        ),
    )


def _grid(space: Space) -> dict[str, Any] | None:
    """Return the candidates as a grid if they are all there is to search."""
    if not space.is_list:
        return None
    return {SAMPLER: tune.grid_search(list(range(len(space.candidates))))}


def _suggest_point(space: Space, trial: OptunaTrial) -> None:
    """Let Optuna choose a candidate and the values of its hyperparameters."""
    at = 0
    if len(space.candidates) > 1:
        at = trial.suggest_categorical(SAMPLER, list(range(len(space.candidates))))
    else:
        trial.suggest_int(SAMPLER, 0, 0)
    for name, bounds in space.hyperparameters(at).items():
        _suggest_value(trial, name, bounds)


def _suggest_value(trial: OptunaTrial, name: str, bounds: Hyperparameter) -> None:
    if bounds.integer:
        trial.suggest_int(name, round(bounds.low), round(bounds.high), log=bounds.log)
    else:
        trial.suggest_float(name, bounds.low, bounds.high, log=bounds.log)


def _default_points(study: Study) -> list[dict[str, Any]]:
    """Return the candidates with the values as listed, if the space includes them."""
    points: list[dict[str, Any]] = []
    for at, template in enumerate(study.templates):
        ranges = study.space.hyperparameters(at).items()
        point = {SAMPLER: at} | {
            name: study.space.listed_value(name, template.training)
            for name, _ in ranges
        }
        if all(bounds.low <= point[name] <= bounds.high for name, bounds in ranges):
            points.append(point)
    return points[: study.samples]


def trial_at(study: Study, point: Point) -> Trial | None:
    """Return the training at a point; None if its settings exclude each other."""
    try:
        return study.trial(point)
    except ValueError:
        return None


def _read(study: Study, result: Any, checkpoints: Checkpoints) -> Tried | None:
    """Return the training that Tune reports; None if nothing of it can be used."""
    if result.config is None:  # the study ended before its turn
        return None
    trial, metrics = trial_at(study, result.config), result.metrics or {}
    if trial is None or not metrics.get("total_epochs"):
        return None
    if checkpoints.load(trial.digest) is None:  # the study ended before its milestone
        return None
    base = study.space.candidates[result.config[SAMPLER]]
    kept = load_stored(trial.digest, checkpoints).kept_in(checkpoints)
    return Tried(base, kept, bool(metrics.get("over")))
