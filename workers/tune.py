"""Studies on Ray Tune: ASHA stops trainings, Optuna proposes where to look next."""

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
from optuna.trial import Trial as Asked
from ray import tune
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from autosample.data.splits import Split
from autosample.errors import SearchFailed
from autosample.training import Epoch
from autosample.trials import OnEpoch, Request, Trial, stored
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

BREATH = 1.0
"""Seconds that a training goes on before it tells how far it is."""
DEATHS = 3
"""Times that a training may lose its process and go on from its checkpoint."""

# Tune would write logs of its own for each trial, and take Ctrl-C for itself.
for _name, _value in {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_MAX_PENDING_TRIALS_PG": "1",
}.items():
    os.environ.setdefault(_name, _value)


class StudyTrial(tune.Trainable):
    """One training of a study, told of at milestones and now and then between."""

    def setup(self, config: dict[str, Any], **given: Any) -> None:
        """Begin; what is not in the config comes from `tune.with_parameters`."""
        torch.set_num_threads(1)
        self.study: Study = given["study"]
        self.split: Split = given["split"]
        self.kept: Checkpoints = given["kept"]
        self._begin(config)

    def _begin(self, point: Point) -> None:
        self.run: TrialRun | None = None
        self.told = 0
        try:
            trial = self.study.trial(point)
        except ValueError:
            return  # settings that do not go together: there is nothing to train
        self.run = TrialRun(Request(trial), self.split, self.kept)
        self.epochs: Iterator[Epoch] = self.run.epochs()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take on another training without starting another process."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train for a while, to the next milestone at most."""
        if self.run is None:
            return {
                "best": 0.0,
                "total_epochs": 0,
                "epochs": [],
                "over": True,
                "done": True,
            }
        over = self._go_on(self.run)
        history = self.run.history
        if over or len(history) in self.study.milestones:
            self.run.keep(done=over)  # it may be stopped here
        told, self.told = history[self.told :], len(history)
        return {
            "best": max([0.0, *(epoch.best for epoch in history[-1:])]),
            "total_epochs": len(history),
            "epochs": [asdict(epoch) for epoch in told],
            "over": over,
            "done": over,
        }

    def _go_on(self, run: TrialRun) -> bool:
        began = time.monotonic()
        for _ in self.epochs:
            if len(run.history) in self.study.milestones:
                return False
            if time.monotonic() - began > BREATH:
                run.now_and_then()
                return False
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Keep nothing for Tune: checkpoints are where those of all trials are."""

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Have nothing to load; `setup` goes on from the checkpoint there is."""


@dataclass
class Listener(tune.Callback):
    """Tells of passes as they come; remembers what stops the study."""

    study: Study
    on_epoch: OnEpoch
    tick: Callable[[], None]
    raised: BaseException | None = None
    total_epochs: int = 0

    def __getstate__(self) -> dict[str, Any]:
        """Leave all behind: Tune pickles callbacks for a restore, which nobody asks
        for, and what these call holds locks and sockets."""
        return {}

    def on_trial_result(
        self,
        iteration: int,
        trials: list[TuneTrial],
        trial: TuneTrial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        described = trial_at(self.study, trial.config)
        if described is None:
            return
        for told in result["epochs"]:
            epoch = Epoch(**(told | {"weights": tuple(told["weights"])}))
            self.total_epochs += 1
            self._or_stop(self.on_epoch, described, epoch)

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        self._or_stop(self.tick)

    def _or_stop(self, call: Callable[..., None], *given: Any) -> None:
        try:
            call(*given)
        except BaseException as error:
            self.raised = error
            raise


class Limit(tune.Stopper):
    """Ends a study that has had its passes."""

    def __init__(self, most: int, listener: Listener) -> None:
        self.most, self.listener = most, listener

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self.stop_all()

    def stop_all(self) -> bool:
        return self.listener.total_epochs >= self.most


def run_study(
    study: Study,
    split: Split,
    kept: Checkpoints,
    on_epoch: OnEpoch,
    tick: Callable[[], None],
    *,
    gpus: float = 0.0,
) -> list[Tried]:
    """Run a study on the Ray that is connected; raises what the listeners raise.

    Trainings keep checkpoints as all trials do, so that a study run again after its
    driver was killed goes through what is done in no time.
    """
    listener = Listener(study, on_epoch, tick)
    trainable = tune.with_resources(
        tune.with_parameters(StudyTrial, study=study, split=split, kept=kept),
        {"cpu": 1, "gpu": gpus},
    )
    with tempfile.TemporaryDirectory(prefix="autosample-") as folder:
        tuner = tune.Tuner(
            trainable,
            param_space=_listed(study.space),
            tune_config=_how(study),
            run_config=tune.RunConfig(
                storage_path=folder,
                name="study",
                verbose=0,
                callbacks=[listener],
                stop=Limit(study.total_epochs, listener)
                if study.total_epochs
                else None,
                failure_config=tune.FailureConfig(max_failures=DEATHS),
            ),
        )
        try:
            results = tuner.fit()
        except BaseException:
            if listener.raised is not None:
                raise listener.raised from None
            raise
    if listener.raised is not None:
        raise listener.raised
    found = [_tried(study, results[at], kept) for at in range(len(results))]
    tried = [each for each in found if each is not None]
    if not tried:
        told = "; ".join(str(error) for error in results.errors[:3])
        raise SearchFailed(f"no training of the study came to its first pass ({told})")
    return tried


def _how(study: Study) -> tune.TuneConfig:
    searcher, samples = None, 1
    if not study.space.is_list:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        searcher = OptunaSearch(
            partial(_ask, study.space),  # Tune pickles it
            metric="best",
            mode="max",
            sampler=TPESampler(seed=study.template.training.seed),
            points_to_evaluate=_usual(study),
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
            max_t=study.template.training.epochs + 1,  # its end is its own to find
            grace_period=study.grace,
            reduction_factor=study.reduction,
        ),
    )


def _listed(space: Space) -> dict[str, Any] | None:
    if not space.is_list:
        return None
    return {SAMPLER: tune.grid_search(list(range(len(space.samplers))))}


def _ask(space: Space, asked: Asked) -> None:
    """Let Optuna set a candidate and its hyperparameters."""
    at = 0
    if len(space.samplers) > 1:
        at = asked.suggest_categorical(SAMPLER, list(range(len(space.samplers))))
    else:
        asked.suggest_int(SAMPLER, 0, 0)
    for name, bounds in space.hyperparameters(at).items():
        _suggest(asked, name, bounds)


def _suggest(asked: Asked, name: str, bounds: Hyperparameter) -> None:
    if bounds.integer:
        asked.suggest_int(name, round(bounds.low), round(bounds.high), log=bounds.log)
    else:
        asked.suggest_float(name, bounds.low, bounds.high, log=bounds.log)


def _usual(study: Study) -> list[dict[str, Any]]:
    """Return the candidates as they are listed, where that is inside the space."""
    training = study.template.training
    points = []
    for at, sampler in enumerate(study.space.samplers):
        rates = {name: getattr(training, name) for name in study.space.rates}
        own = {
            name: getattr(sampler, name.partition(".")[2])
            for name in study.space.own[at]
        }
        point = {SAMPLER: at, **rates, **own}
        allowed = study.space.hyperparameters(at).items()
        if all(bounds.low <= point[name] <= bounds.high for name, bounds in allowed):
            points.append(point)
    return points[: study.samples]


def trial_at(study: Study, point: Point) -> Trial | None:
    """Return the training at a place, None where settings do not go together."""
    try:
        return study.trial(point)
    except ValueError:
        return None


def _tried(study: Study, result: Any, kept: Checkpoints) -> Tried | None:
    """Return what became of a trial; None where there is nothing of it."""
    if result.config is None:  # a limit was met before its turn
        return None
    trial, told = trial_at(study, result.config), result.metrics or {}
    if trial is None or not told.get("total_epochs"):
        return None
    if kept.load(trial.digest) is None:  # a limit ended it before a milestone
        return None
    base = study.space.samplers[result.config[SAMPLER]]
    found = stored(trial.digest, kept).kept_in(kept)
    return Tried(base, found, bool(told.get("over")))
