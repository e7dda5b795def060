"""Stand-ins that several suites share: small trials, and runners of trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from autosample.data.splits import RandomSplit, Split
from autosample.data.synthetic import Synthetic
from autosample.losses import BPR
from autosample.models import MF
from autosample.samplers import DNS, UniformSampler
from autosample.training import Epoch, Training
from autosample.trials import OnEpoch, Request, Trial, TrialResult
from autosample.trials.checkpoints import NoCheckpoints
from autosample.trials.run import InProcessRunner, TrialRun
from autosample.trials.study import (
    SAMPLER,
    Study,
    Tried,
)

SPLIT = RandomSplit().apply(Synthetic(users=120, items=80).build().dataset, seed=0)
"""Data on which `trial` takes a tenth of a second."""


def trial(name: str = "t", epochs: int = 5, seed: int = 0, **changes: object) -> Trial:
    """Return a short training; `changes` replace its fields."""
    fields: dict[str, object] = {
        "name": name,
        "model": MF(width=8),
        "loss": BPR(),
        "candidates": (UniformSampler(), DNS(pool=4)),
        "training": Training(
            epochs=epochs, batch_size=256, learning_rate=0.05, l2=0.01, seed=seed
        ),
        "metric": "ndcg@10",
    }
    return Trial.model_validate(fields | changes)


def quiet(_: Trial, __: Epoch) -> None:
    """Listen to epochs and do nothing."""


def same(ours: TrialResult, theirs: TrialResult) -> bool:
    """Tell whether two trainings ended in the same bits."""
    mine, other = ours.load_state(), theirs.load_state()
    return all(torch.equal(mine[name], other[name]) for name in other)


class Counting:
    """Runs trials, and remembers the names of those it ran."""

    def __init__(self, split: Split, parallel: int = 1) -> None:
        self.inner, self.ran = InProcessRunner(split), list[str]()
        self.parallel = parallel

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        self.ran += [request.trial.name for request in requests]
        return self.inner.run(requests, on_epoch)


class Failing:
    """Runs trials, and says of those with some samplers that they diverged."""

    parallel = 1

    def __init__(self, split: Split, bad: Sequence[str]) -> None:
        self.inner, self.bad = InProcessRunner(split), bad

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        results = self.inner.run(requests, on_epoch)
        return [
            replace(result, error="the loss became nan")
            if any(s.label in self.bad for s in result.trial.candidates)
            else result
            for result in results
        ]


class Studying:
    """Runs studies without Ray, one training after the other.

    Stops at each milestone what is not the best so far, as Ray Tune's scheduler does
    with few trials.
    """

    parallel = 1

    def __init__(self, split: Split) -> None:
        self.inner, self.split = InProcessRunner(split), split
        self.studies: list[Study] = []

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        return self.inner.run(requests, on_epoch)

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        self.studies.append(study)
        best: dict[int, float] = {}
        return [self._one(study, p, best, on_epoch) for p in points(study)]

    def _one(
        self,
        study: Study,
        point: dict[str, Any],
        best: dict[int, float],
        on_epoch: OnEpoch,
    ) -> Tried:
        trial = study.trial(point)
        run = TrialRun(Request(trial), self.split, NoCheckpoints())
        over = True
        for epoch in run.epochs():
            on_epoch(trial, epoch)
            at = len(run.history)
            if at in study.milestones:
                if epoch.best < best.get(at, 0.0):
                    over = False
                    break
                best[at] = epoch.best
        base = study.space.candidates[point[SAMPLER]]
        return Tried(base, run.keep(done=over), over)


def points(study: Study) -> list[dict[str, Any]]:
    """Return the candidates as they are, then others at random."""
    rng = np.random.default_rng(0)
    space = study.space
    usual = [
        {SAMPLER: at}
        | {
            name: space.listed_value(name, template.training)
            for name in space.hyperparameters(at)
        }
        for at, template in enumerate(study.templates)
    ]
    if space.is_list:
        return usual
    for _ in range(study.samples - len(usual)):
        at = int(rng.integers(len(space.candidates)))
        turned = {
            name: bounds.low * (bounds.high / bounds.low) ** rng.random()
            for name, bounds in space.rates.items()
        }
        usual.append(usual[at] | turned)
    return usual
