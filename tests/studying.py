"""A runner of studies without Ray, for tests of what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autosample.data.splits import Split
from autosample.trials import OnEpoch, Request, TrialResult
from autosample.trials.checkpoints import NoCheckpoints
from autosample.trials.run import InProcessRunner, TrialRun
from autosample.trials.study import (
    SAMPLER,
    Study,
    Tried,
)


class Studying:
    """Runs studies here, one training after the other.

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
        base = study.space.samplers[point[SAMPLER]]
        return Tried(base, run.keep(done=over), over)


def points(study: Study) -> list[dict[str, Any]]:
    """Return the candidates as they are, then others at random."""
    rng = np.random.default_rng(0)
    training, space = study.template.training, study.space
    usual = [
        {SAMPLER: at}
        | {name: getattr(training, name) for name in space.rates}
        | {name: getattr(each, name.partition(".")[2]) for name in space.own[at]}
        for at, each in enumerate(space.samplers)
    ]
    if space.is_list:
        return usual
    for _ in range(study.samples - len(usual)):
        at = int(rng.integers(len(space.samplers)))
        turned = {
            name: bounds.low * (bounds.high / bounds.low) ** rng.random()
            for name, bounds in space.rates.items()
        }
        usual.append(usual[at] | turned)
    return usual
