"""An audit: a search compared with exhaustive search, on a user's own data.

The truth about a candidate is its mean test metric when it is trained from scratch to
early stopping, over all seeds. Regret is the share of the metric that is lost by
training with the chosen sampler instead of the best one: 1 - truth(chosen) /
truth(best).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import NonNegativeFloat

from autosample.core.config import Config
from autosample.core.progress import Listener, Stage, silent
from autosample.core.seeds import numpy_generator
from autosample.core.tensors import usual_torch
from autosample.data.dataset import Dataset
from autosample.data.interactions import Ints
from autosample.errors import SearchFailed
from autosample.evaluation.agreement import kendall
from autosample.evaluation.metrics import Metric, Values
from autosample.evaluation.replicates import compare_replicates, seed_noise
from autosample.evaluation.significance import Comparison
from autosample.experiment.prepare import fit_metrics, open_test_split, prepare
from autosample.experiment.progress import count_epochs
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import Cost, SearchResult
from autosample.experiment.winner import Winner, find_winner
from autosample.models import Model
from autosample.spec import SearchSpec
from autosample.trials import Runners, TrialResult, TrialRunner
from autosample.trials.recipe import Candidate
from autosample.trials.run import InProcessRunner

SEARCH = 0.2
"""Share of an audit's progress that the search takes, roughly."""


class Audited(Config):
    """One candidate, as the search measured it and as exhaustive search did."""

    name: str
    """The sampler in short."""
    searched: float | None
    """Validation metric where the search last measured it; None: it never did."""
    truth: float | None
    """Mean test metric over seeds; None: one of the trainings failed."""
    seconds: NonNegativeFloat
    """Seconds of an ordinary training, mean over seeds."""
    epochs: NonNegativeFloat
    """Epochs of an ordinary training, mean over seeds."""


class Audit(Config):
    """A search compared with exhaustive search."""

    strategy: str
    """Kind of the strategy."""
    metric: str
    """Metric that the search maximised."""
    seeds: tuple[int, ...]
    """Seeds of the trainings that the truth is the mean of."""
    candidates: tuple[Audited, ...]
    """Each candidate, the best by truth first."""
    chosen: str
    """Name of the candidate that the search chose."""
    best: str
    """Name of the candidate that is best by truth."""
    regret: float
    """1 - truth(chosen) / truth(best); 0 where the chosen candidate is the best."""
    gap: Comparison | None
    """Chosen minus best, with an interval over users and seeds; None where the chosen
    candidate is the best."""
    agreement: float | None
    """Kendall's tau between the search's order of candidates and the truth's."""
    returned: float
    """Test metric of the model that the search returned."""
    returned_over_best: float
    """Test metric of the returned model over the truth of the best, minus 1."""
    returned_before_refit: float
    """Test metric of the returned model before its refit; like the truth's models, it
    has seen training pairs alone."""
    before_refit_over_best: float
    """Test metric before the refit over the truth of the best, minus 1."""
    search: Cost
    """Cost of the search with its final training."""
    exhaustive: Cost
    """Cost of exhaustive search with all seeds."""
    in_trainings: float
    """Seconds of the search over those of an ordinary training of the chosen one."""
    saved: float
    """Share of the seconds of exhaustive search with one seed that the search saved."""


@usual_torch()
def audit(
    spec: SearchSpec,
    dataset: Dataset,
    *,
    runners: Runners = InProcessRunner,
    tell: Listener = silent,
) -> Audit:
    """Search as the spec says, train every candidate under every seed, and compare.

    Raises what a search raises, and SearchFailed where no candidate can be trained.
    """
    spec = fit_metrics(spec, dataset)
    split = prepare(spec, dataset)
    runner = runners(split)
    winner = find_winner(spec, runner, _scale(tell))
    truth = _train_all(spec, winner.search.chosen, runner, tell)
    # The test split is opened here, once everything is trained and decided.
    metric = Metric(spec.metric)
    ranking = open_test_split(split, metric.k)

    def measure(model: Model) -> Values:
        return ranking.hits(model()).values(metric)

    values = {
        sampler: np.stack([measure(result.best_model(split)) for result in results])
        for sampler, results in truth.items()
        if all(result.usable for result in results)
    }
    if winner.search.chosen not in values:
        name = winner.search.chosen.label
        raise SearchFailed(f"{name} won, and could not be trained from scratch")
    models = winner.models(split)
    returned, before = (float(measure(model).mean()) for model in models)
    chosen, owners_Q = winner.search.chosen, ranking.cases.owners_Q
    gap = _gap(spec, values, chosen, owners_Q)
    return _audit(spec, winner, truth, values, gap, (returned, before))


def _scale(listener: Listener) -> Listener:
    """Return a listener to the search, whose progress is a share of the audit's."""
    return lambda progress: listener(
        replace(progress, fraction=progress.fraction * SEARCH)
    )


def _train_all(
    spec: SearchSpec, chosen: Candidate, runner: TrialRunner, listener: Listener
) -> dict[Candidate, list[TrialResult]]:
    """Train all candidates, and the winner too where the search has refined it."""
    candidates = tuple(dict.fromkeys([*spec.all_candidates, chosen]))
    seeds = spec.seeds
    requests = [
        recipe.ordinary(spec, each, seed) for each in candidates for seed in seeds
    ]
    planned = len(requests) * spec.training.epochs
    span = (SEARCH, 1.0)
    on_epoch = count_epochs(Stage.EVALUATING, span, planned, listener)
    results = runner.run(requests, on_epoch)
    return {
        candidate: list(results[at * len(seeds) : (at + 1) * len(seeds)])
        for at, candidate in enumerate(candidates)
    }


def _audit(
    spec: SearchSpec,
    winner: Winner,
    truth: Mapping[Candidate, Sequence[TrialResult]],
    values: Mapping[Candidate, Values],
    gap: Comparison | None,
    means_on_test: tuple[float, float],
) -> Audit:
    result, cost = winner.search, winner.cost
    returned, before_refit = means_on_test
    means = {sampler: float(array.mean()) for sampler, array in values.items()}
    best = _find_best(values)
    measured = _measured(result)
    both = [sampler for sampler in means if sampler.label in measured]
    seconds = {s: _mean([r.seconds for r in results]) for s, results in truth.items()}
    return Audit(
        strategy=spec.strategy.kind,
        metric=spec.metric,
        seeds=spec.seeds,
        candidates=tuple(
            Audited(
                name=sampler.label,
                searched=measured.get(sampler.label),
                truth=means.get(sampler),
                seconds=seconds[sampler],
                epochs=_mean([len(result.history) for result in truth[sampler]]),
            )
            for sampler in sorted(truth, key=lambda s: -means.get(s, -1.0))
        ),
        chosen=result.chosen.label,
        best=best.label,
        regret=regret(means[result.chosen], means[best]),
        gap=gap,
        agreement=kendall(
            [measured[sampler.label] for sampler in both],
            [means[sampler] for sampler in both],
        ),
        returned=returned,
        returned_over_best=-regret(returned, means[best]),
        returned_before_refit=before_refit,
        before_refit_over_best=-regret(before_refit, means[best]),
        search=cost,
        exhaustive=Cost().plus(
            [result for group in truth.values() for result in group]
        ),
        in_trainings=cost.seconds / max(seconds[result.chosen], 1e-9),
        saved=1 - cost.seconds / max(sum(seconds.values()), 1e-9),
    )


def _measured(result: SearchResult) -> dict[str, float]:
    """Return the validation metric of each candidate that the search has measured."""
    reports = result.candidates
    return {report.name: report.metric.mean for report in reports if report.metric}


def regret(chosen: float, best: float) -> float:
    """Return the relative loss of a metric."""
    return 1 - chosen / best if best else 0.0


def _gap(
    spec: SearchSpec,
    values: Mapping[Candidate, Values],
    chosen: Candidate,
    owners_Q: Ints,
) -> Comparison | None:
    """Compare the chosen sampler with the best; None where it is the best."""
    best = _find_best(values)
    if chosen == best:
        return None
    rng = numpy_generator(spec.training.seed, "bootstrap", "audit")
    noise = seed_noise(list(values.values()))
    return compare_replicates(
        values[chosen], values[best], noise, rng, owners_Q=owners_Q
    )


def _find_best(values: Mapping[Candidate, Values]) -> Candidate:
    return max(values, key=lambda sampler: float(values[sampler].mean()))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
