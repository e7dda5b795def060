"""Like with like: the winner, plain uniform sampling and the runner-up, each trained
from scratch under every seed, and compared by user on the test split.

Billed apart from the search: these trainings serve the verdict alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from autosample.core.config import Config
from autosample.core.seeds import numpy_generator
from autosample.data.interactions import Ints
from autosample.evaluation.metrics import Metric, Values
from autosample.evaluation.ranking import Hits
from autosample.evaluation.replicates import (
    SeedNoise,
    compare_replicates,
    seed_noise,
)
from autosample.evaluation.significance import Comparison
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import Cost, SearchResult, Tuning
from autosample.models import Model
from autosample.spec import SearchSpec
from autosample.spec.candidates import baseline_of
from autosample.trials import Request, TrialResult
from autosample.trials.recipe import Candidate, is_baseline

CHOSEN, UNIFORM, RUNNER_UP = "chosen", "uniform", "runner_up"
UNTUNED = "untuned"


class Verification(Config):
    """Means over seeds on the test split."""

    seeds: tuple[int, ...]
    chosen: dict[str, float]
    """Mean of each metric."""
    uniform: dict[str, float] | None
    """Mean of each metric of uniform sampling; None where uniform was chosen."""
    runner_up: dict[str, float] | None
    runner_up_name: str | None
    """Name of the runner-up; None where there is none, or it is uniform."""
    gain: Comparison | None
    """Chosen minus uniform, corrected for the number of candidates."""
    over_runner_up: Comparison | None
    """Chosen minus runner-up, corrected for the number of candidates."""
    untuned: dict[str, float] | None = None
    """Chosen as it was listed, at the usual rates; None where nothing was tuned."""
    tuning_gain: Comparison | None = None
    """Chosen minus that."""
    cost: Cost


class Entry(NamedTuple):
    """Who is trained."""

    candidate: Candidate
    rates: Mapping[str, float] = MappingProxyType({})
    """Fields of Training, where they were tuned."""


@dataclass(frozen=True)
class Contest:
    """Who is trained to verify a search, by role."""

    entries: Mapping[str, Entry]
    seeds: tuple[int, ...]

    def requests(self, spec: SearchSpec) -> list[Request]:
        """Return a training of each under every seed."""
        return [
            recipe.ordinary(spec, entry.candidate, seed, entry.rates)
            for entry in self.entries.values()
            for seed in self.seeds
        ]

    def by_role(self, results: Sequence[TrialResult]) -> dict[str, list[TrialResult]]:
        """Sort results of the requests."""
        count = len(self.seeds)
        return {
            role: list(results[at * count : (at + 1) * count])
            for at, role in enumerate(self.entries)
        }


def contest(spec: SearchSpec, found: SearchResult) -> Contest:
    """Return whom a search's winner meets: uniform, which draws as many negatives, and
    the runner-up; where it was tuned, uniform tuned as much, and itself before."""
    if found.tuning is not None:
        return Contest(_tuned(found.chosen, found.tuning), spec.seeds)
    met = {CHOSEN: Entry(found.chosen)}
    if not is_baseline(found.chosen):
        met[UNIFORM] = Entry(baseline_of(spec.loss, found.chosen))
    if found.runner_up is not None and Entry(found.runner_up) not in met.values():
        met[RUNNER_UP] = Entry(found.runner_up)
    return Contest(met if len(met) > 1 else {}, spec.seeds)


def _tuned(chosen: Candidate, tuning: Tuning) -> dict[str, Entry]:
    uniform = Entry(tuning.uniform.candidate, tuning.uniform.rates)
    if is_baseline(chosen):
        before = tuning.uniform_before
        return {CHOSEN: uniform, UNTUNED: Entry(before.candidate)}
    return {
        CHOSEN: Entry(tuning.chosen.candidate, tuning.chosen.rates),
        UNIFORM: uniform,
        UNTUNED: Entry(tuning.chosen_before.candidate),
    }


@dataclass(frozen=True)
class Judge:
    """Ranks models on the test split, and knows what is asked of them."""

    rank: Callable[[list[Model]], list[Hits]]
    means: Callable[[list[Hits]], dict[str, float]]
    metric: Metric
    candidates: int
    seed: int

    def verified(
        self,
        tried: Contest,
        results: Mapping[str, list[TrialResult]],
        models: Mapping[str, list[Model]],
    ) -> Verification:
        """Compare what the trainings of a contest led to."""
        hits = {role: self.rank(each) for role, each in models.items()}
        owners_Q = hits[CHOSEN][0].owners_Q
        values = {
            role: np.stack([hit.values(self.metric) for hit in each])
            for role, each in hits.items()
        }
        noise = seed_noise(list(values.values()))
        means = {role: self.means(each) for role, each in hits.items()}
        runner_up = tried.entries.get(RUNNER_UP)
        return Verification(
            seeds=tried.seeds,
            chosen=means[CHOSEN],
            uniform=means.get(UNIFORM),
            runner_up=means.get(RUNNER_UP),
            runner_up_name=runner_up.candidate.label if runner_up else None,
            gain=self._against(values, UNIFORM, noise, owners_Q),
            over_runner_up=self._against(values, RUNNER_UP, noise, owners_Q),
            untuned=means.get(UNTUNED),
            tuning_gain=self._against(values, UNTUNED, noise, owners_Q),
            cost=Cost().plus([each for some in results.values() for each in some]),
        )

    def _against(
        self,
        values: Mapping[str, Values],
        role: str,
        noise: SeedNoise,
        owners_Q: Ints,
    ) -> Comparison | None:
        if role not in values:
            return None
        return compare_replicates(
            values[CHOSEN],
            values[role],
            noise,
            numpy_generator(self.seed, "bootstrap", role),
            owners_Q=owners_Q,
            comparisons=max(self.candidates - 1, 1),
        )
