"""A forecast of what a search will cost, from some steps that are timed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from math import ceil

import torch
from pydantic import AliasChoices, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from autosample.core.config import Config
from autosample.core.tensors import usual_torch
from autosample.data.splits import Split
from autosample.experiment.strategies import recipe
from autosample.spec import SearchSpec
from autosample.spec.plan import (
    PlannedEpochs,
    Trainee,
    plan_baseline,
    plan_retraining,
    plan_search,
    plan_verification,
)
from autosample.trials import Request, Trial
from autosample.trials.run import prepare

ENOUGH = 0.15
"""Seconds for which steps are timed, after a first batch that is not."""


class Amount(Config):
    """Work that is expected."""

    seconds: NonNegativeFloat
    """Seconds on the clock, with `parallel` trainings at a time."""
    pair_updates: NonNegativeInt
    """Training pairs times epochs."""


class Forecast(Config):
    """Costs that are expected before a search starts."""

    search: Amount
    """Likely cost of the search itself."""
    retraining: Amount
    """Likely cost of the final training and its refit."""
    verification: Amount
    """Likely cost of the trainings that verify the gain."""
    baseline: Amount | None = None
    """Likely cost of the baseline's trainings; None in reports of earlier versions."""
    likely: Amount
    """Cost of everything, if trainings stop as early as they usually do."""
    most: Amount
    """Cost of everything, if no training stops early."""
    epoch_seconds: dict[str, float] = Field(
        validation_alias=AliasChoices("epoch_seconds", "pass_seconds")
    )
    """Seconds of one epoch with its validation, by candidate; under `supernet` those of
    the supernet, where there is one."""
    parallel: PositiveInt
    """Number of trainings that run at a time."""


@usual_torch()
def forecast(spec: SearchSpec, split: Split, parallel: int = 1) -> Forecast:
    """Time some steps of everything that the search will train.

    It takes a fraction of a second per candidate, besides the time to build them.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in trials
    try:
        seconds = _time_epochs(spec, split)
    finally:
        torch.set_num_threads(threads)
    bill = _Bill(seconds, split.train.num_pairs, parallel)
    refits = 1 + spec.hands_over_all(test_file=split.test_file)
    stages = [
        plan_search(spec),
        plan_retraining(spec, refits),
        plan_baseline(spec, split.train.num_pairs),
        plan_verification(spec),
    ]
    everything = [planned for stage in stages for planned in stage]
    search, final, baseline, checks = (bill.amount(stage) for stage in stages)
    return Forecast(
        search=search,
        retraining=final,
        verification=checks,
        baseline=baseline,
        likely=bill.amount(everything),
        most=bill.amount([p._replace(likely=p.most) for p in everything]),
        epoch_seconds=seconds,
        parallel=parallel,
    )


def _time_epochs(spec: SearchSpec, split: Split) -> dict[str, float]:
    """Return the seconds of one epoch of each candidate, and of the supernet."""
    trials = {
        candidate.label: recipe.trial(spec, candidate.label, [candidate])
        for candidate in spec.all_candidates
    }
    if any(p.trainee is Trainee.SUPERNET for p in plan_search(spec)):
        name, learning = Trainee.SUPERNET.value, spec.strategy.weight_learning
        trials[name] = recipe.trial(spec, name, spec.all_candidates, mixture=learning)
    return {name: _seconds_per_epoch(trial, split) for name, trial in trials.items()}


def _seconds_per_epoch(trial: Trial, split: Split) -> float:
    trainer, weights = prepare(Request(trial), split)
    trainer.train_on(islice(trainer.batches(), 1), weights)
    batches = list(trainer.batches())
    began = time.perf_counter()
    trainer.begin()
    prepared = time.perf_counter() - began
    at, size, spent = 0, 1, 0.0
    while at < len(batches) and spent < ENOUGH:
        began = time.perf_counter()
        trainer.train_on(batches[at : at + size], weights)
        spent += time.perf_counter() - began
        at, size = at + size, size * 2
    timed = sum(len(batch.rows_B) for batch in batches[:at])
    began = time.perf_counter()
    trainer.evaluate()
    ranked = time.perf_counter() - began
    return prepared + spent * trainer.order.num_rows / timed + ranked


class _Bill:
    """What planned epochs cost, at measured seconds per epoch."""

    def __init__(self, seconds: dict[str, float], pairs: int, parallel: int) -> None:
        self.seconds, self.pairs, self.parallel = seconds, pairs, parallel
        candidates = [s for name, s in seconds.items() if name != Trainee.SUPERNET]
        self.mean = sum(candidates) / len(candidates)

    def amount(self, stage: Sequence[PlannedEpochs]) -> Amount:
        return Amount(
            seconds=sum(self._clock(planned) for planned in stage),
            pair_updates=sum(p.trials * p.likely for p in stage) * self.pairs,
        )

    def _clock(self, planned: PlannedEpochs) -> float:
        epoch = self.mean
        if planned.trainee is Trainee.SUPERNET:
            epoch = self.seconds[Trainee.SUPERNET]
        rounds: float = ceil(planned.trials / self.parallel)
        if planned.trainee is Trainee.EACH:  # long and short ones fill the processors
            rounds = max(planned.trials / self.parallel, 1)
        return rounds * planned.likely * epoch
