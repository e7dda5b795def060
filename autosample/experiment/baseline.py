"""The baseline: what the user has without this search, trained beside it.

It is trained from fresh parameters to early stopping under the search's seed, and where
the data are small under one more, as the chosen candidate is when it is trained alone.
So the gain of the returned model can be taken apart: what the candidate gained over the
baseline when each was trained alone, what averaging with other trainings added, and
what the refit did. Billed apart from the search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autosample.core.config import Config
from autosample.core.seeds import derive, numpy_generator
from autosample.data.interactions import Ints
from autosample.data.splits import Split
from autosample.evaluation.metrics import Metric, Values
from autosample.evaluation.ranking import Hits
from autosample.evaluation.replicates import compare_replicates, seed_noise, with_prior
from autosample.evaluation.significance import Comparison
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import Cost, SearchResult
from autosample.experiment.winner import Winner
from autosample.samplers import SamplerSpec
from autosample.spec import SearchSpec
from autosample.spec.candidates import baseline_of
from autosample.spec.plan import SMALL
from autosample.trials import Request, TrialResult
from autosample.trials.recipe import (
    Candidate,
    RecipeField,
    recipe_or_none,
    sampler_of,
)
from autosample.trials.trial import SEED_BITS


class Gains(Config):
    """Differences of test metrics by user, in pairs; their intervals include what the
    seed of a training does.

    Each is over the baseline's mean, so that the parts sum to the total where another
    candidate than the baseline was chosen.
    """

    total: Comparison
    """The returned model minus the baseline."""
    candidate: Comparison | None
    """The chosen candidate trained alone minus the baseline; None: the baseline was
    chosen."""
    averaging: Comparison | None
    """The model before its refit minus the chosen candidate trained alone; None: they
    are one."""
    refit: Comparison | None
    """The returned model minus the one before its refit; None: there was no refit."""


class Baseline(Config):
    """What the returned model is compared with."""

    sampler: SamplerSpec
    """The sampler, complete enough to build it."""
    recipe: RecipeField = None
    """The sampler with what the candidate says of its training; None: nothing."""
    name: str
    """The candidate in short."""
    seeds: tuple[int, ...]
    """Seeds it was trained under."""
    averaged: bool
    """Whether its trainings were averaged over their epochs, as the chosen one's."""
    test: dict[str, float]
    """Means over seeds on the test split."""
    gains: Gains
    cost: Cost
    """Cost of its trainings, billed apart from the search."""


@dataclass(frozen=True)
class BaselinePlan:
    """How the baseline of a search is trained."""

    candidate: Candidate
    seeds: tuple[int, ...]
    average: bool
    rates: Mapping[str, float] = field(default_factory=dict)
    """Fields of Training, where they were tuned."""

    @classmethod
    def of(cls, spec: SearchSpec, winner: Winner, split: Split) -> BaselinePlan:
        """Return the spec's baseline, or uniform sampling as the winner is trained."""
        first = spec.training.seed
        second = derive(first, "baseline") >> (63 - SEED_BITS)
        seeds = (first, second) if split.train.num_pairs <= SMALL else (first,)
        average = winner.alone.trial.training.average
        found = winner.search
        if spec.baseline is not None:
            return cls(spec.baseline, seeds, average)
        if found.tuning is not None:
            tuned = found.tuning.uniform
            return cls(tuned.candidate, seeds, average, tuned.rates)
        return cls(baseline_of(spec.loss, found.chosen), seeds, average)

    def requests(self, spec: SearchSpec) -> list[Request]:
        """Return its trainings, one for each seed."""
        changes: dict[str, Any] = {**self.rates}
        if self.average:
            changes["average"] = True
        return [
            recipe.ordinary(spec, self.candidate, seed, changes) for seed in self.seeds
        ]

    def is_chosen(self, found: SearchResult) -> bool:
        """Tell whether the search chose the baseline itself."""
        return found.chosen == self.candidate


@dataclass(frozen=True)
class Measured:
    """Test rankings of the models that a gain is made of; models are trained once."""

    returned: Hits
    before_refit: Hits
    alone: Hits
    """The chosen candidate trained alone."""
    baseline: Sequence[Hits]
    """One for each seed."""


def weigh_gains(
    plan: BaselinePlan, winner: Winner, measured: Measured, metric: Metric, seed: int
) -> Gains:
    """Take the gain over the baseline apart."""
    theirs = np.stack([hits.values(metric) for hits in measured.baseline])
    compare = _Compare(theirs, measured.returned.owners_Q, seed)
    returned = measured.returned.values(metric)
    before = measured.before_refit.values(metric)
    alone = measured.alone.values(metric)
    return Gains(
        total=compare(returned, theirs, "total"),
        candidate=None
        if plan.is_chosen(winner.search)
        else compare(alone, theirs, "candidate"),
        averaging=None
        if winner.alone is winner.final
        else compare(before, alone[None], "averaging"),
        refit=compare(returned, before[None], "refit") if winner.was_refitted else None,
    )


@dataclass(frozen=True)
class _Compare:
    """Compares models; relative differences are to the baseline's mean."""

    baseline_SQ: Values
    owners_Q: Ints
    seed: int

    def __call__(self, ours_Q: Values, theirs_SQ: Values, name: str) -> Comparison:
        base = float(self.baseline_SQ.mean())
        noise = with_prior(seed_noise([self.baseline_SQ]), base)
        rng = numpy_generator(self.seed, "bootstrap", "baseline", name)
        gap = compare_replicates(
            ours_Q[None], theirs_SQ, noise, rng, owners_Q=self.owners_Q
        )
        relative = gap.difference / base if base else None
        return gap.model_copy(update={"relative": relative})


def baseline_report(
    plan: BaselinePlan,
    results: Sequence[TrialResult],
    test: dict[str, float],
    gains: Gains,
) -> Baseline:
    """Return what is reported of the baseline."""
    return Baseline(
        sampler=sampler_of(plan.candidate),
        recipe=recipe_or_none(plan.candidate),
        name=plan.candidate.label,
        seeds=plan.seeds,
        averaged=plan.average,
        test=test,
        gains=gains,
        cost=Cost().plus(results),
    )
