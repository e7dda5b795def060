"""What a search will cost, from a timed probe of its steps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from math import ceil

import torch
from pydantic import AliasChoices, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from autosample.core.config import Config
from autosample.data.splits import Split
from autosample.experiment.strategies import recipe
from autosample.spec import SearchSpec
from autosample.spec.plan import (
    PlannedEpochs,
    Trainee,
    plan_retraining,
    plan_search,
    plan_verification,
)
from autosample.trials import Request, Trial
from autosample.trials.run import prepare

ENOUGH = 0.15
"""Seconds of steps that are timed, after a first batch that is not."""


class Amount(Config):
    """Work of a stage."""

    seconds: NonNegativeFloat
    """On the clock, with as many trainings at a time as there is room for."""
    pair_updates: NonNegativeInt


class Forecast(Config):
    """Likely costs, and what they may be at most."""

    search: Amount
    retraining: Amount
    verification: Amount
    likely: Amount
    """All of it, if trainings stop as early as they usually do."""
    most: Amount
    """The same if none does."""
    epoch_seconds: dict[str, float] = Field(
        validation_alias=AliasChoices("epoch_seconds", "pass_seconds")
    )
    """Seconds of one epoch with its validation, by candidate; those of the supernet
    under `supernet`, where there is one."""
    parallel: PositiveInt
    """Trainings at a time."""


def forecast(spec: SearchSpec, split: Split, parallel: int = 1) -> Forecast:
    """Time some steps of everything the search will train.

    Takes a fraction of a second for each candidate, and what it takes to build it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as trials have it
    try:
        seconds = _probed(spec, split)
    finally:
        torch.set_num_threads(threads)
    bill = _Bill(seconds, split.train.num_pairs, parallel)
    stages = [plan_search(spec), plan_retraining(spec), plan_verification(spec)]
    everything = [each for stage in stages for each in stage]
    search, final, checks = (bill.amount(stage) for stage in stages)
    return Forecast(
        search=search,
        retraining=final,
        verification=checks,
        likely=bill.amount(everything),
        most=bill.amount([each._replace(likely=each.most) for each in everything]),
        epoch_seconds=seconds,
        parallel=parallel,
    )


def _probed(spec: SearchSpec, split: Split) -> dict[str, float]:
    trials = {
        each.label: recipe.trial(spec, each.label, [each]) for each in spec.samplers
    }
    if any(each.trainee is Trainee.SUPERNET for each in plan_search(spec)):
        name, learning = Trainee.SUPERNET.value, spec.strategy.weight_learning
        trials[name] = recipe.trial(spec, name, spec.samplers, mixture=learning)
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
    def __init__(self, seconds: dict[str, float], pairs: int, parallel: int) -> None:
        self.seconds, self.pairs, self.parallel = seconds, pairs, parallel
        each = [s for name, s in seconds.items() if name != Trainee.SUPERNET]
        self.mean = sum(each) / len(each)

    def amount(self, stage: Sequence[PlannedEpochs]) -> Amount:
        return Amount(
            seconds=sum(self._clock(each) for each in stage),
            pair_updates=sum(each.trials * each.likely for each in stage) * self.pairs,
        )

    def _clock(self, planned: PlannedEpochs) -> float:
        one = self.mean
        if planned.trainee is Trainee.SUPERNET:
            one = self.seconds[Trainee.SUPERNET]
        rounds: float = ceil(planned.trials / self.parallel)
        if planned.trainee is Trainee.EACH:  # all costs occur, and pack well
            rounds = max(planned.trials / self.parallel, 1)
        return rounds * planned.likely * one
