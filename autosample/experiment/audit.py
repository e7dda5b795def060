"""Was the answer right? A search beside the exhaustive truth, on a user's own data.

The truth is the mean test metric of every candidate, trained from scratch to early
stopping under every seed. Regret is what a user loses who trains with the chosen
sampler instead of the best one: 1 - truth(chosen) / truth(best).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import NonNegativeFloat

from autosample.core.config import Config
from autosample.core.progress import Listener, Progress, Stage, silent
from autosample.core.seeds import numpy_generator
from autosample.data.dataset import Dataset
from autosample.data.splits import Split
from autosample.errors import SearchFailed
from autosample.evaluation.agreement import kendall
from autosample.evaluation.metrics import Metric, Values
from autosample.evaluation.ranking import Ranking
from autosample.evaluation.replicates import compare_replicates, seed_noise
from autosample.evaluation.significance import Comparison
from autosample.experiment.run import (
    prepare,
    refitted,
    retrained,
    searched,
)
from autosample.experiment.strategies.evidence import Cost, SearchResult
from autosample.experiment.strategies.exhaustive import scratch
from autosample.experiment.strategies.task import Task, epoch_event
from autosample.models import Model
from autosample.samplers import Sampler
from autosample.spec import SearchSpec
from autosample.training import Epoch
from autosample.trials import Runners, Trial, TrialResult, TrialRunner
from autosample.trials.run import InProcessRunner

SEARCH = 0.2
"""About the share of the search in an audit."""


class Audited(Config):
    """One candidate, as the search saw it and as it is."""

    name: str
    searched: float | None
    """Validation metric where the search last measured it."""
    truth: float | None
    """Mean test metric over seeds; None where a training failed."""
    seconds: NonNegativeFloat
    """Of an ordinary training, mean over seeds."""
    epochs: NonNegativeFloat
    """The same."""


class Audit(Config):
    """A search, judged."""

    strategy: str
    metric: str
    seeds: tuple[int, ...]
    candidates: tuple[Audited, ...]
    """By truth, the best first."""
    chosen: str
    best: str
    regret: float
    """1 - truth(chosen) / truth(best); 0 where they are the same."""
    gap: Comparison | None
    """Chosen minus best, with what users and seeds do; None where they are one."""
    agreement: float | None
    """Kendall's tau between the search's order and the truth's."""
    returned: float
    """Test metric of the model that the search returned."""
    returned_over_best: float
    """The same over the truth of the best, minus 1."""
    returned_before_refit: float
    """Test metric of that model before its last epochs, over training and validation
    pairs; like the truth, it has seen training pairs alone."""
    before_refit_over_best: float
    """The same over the truth of the best, minus 1."""
    search: Cost
    """Of the search and its final training."""
    exhaustive: Cost
    """Of the truth, all seeds."""
    in_trainings: float
    """Seconds of the search in ordinary trainings of the chosen candidate."""
    saved: float
    """Share of the seconds that exhaustive search with one seed would have taken."""


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
    split = prepare(spec, dataset)
    runner = runners(split)
    told = _scaled(tell)
    found = searched(spec, split, runner, told)
    final = retrained(spec, found, split, runner, told)
    last = refitted(final, spec.resolved_refit, runner, told)
    truth = _truth(spec, found, split, runner, tell)
    # The test split is opened here, once everything is trained and decided.
    ranking = Ranking(split.test, split.known, k=Metric(spec.metric).k)

    def tested(model: Model) -> Values:
        return ranking.hits(model()).values(Metric(spec.metric))

    values = {
        sampler: np.stack([tested(result.best_model(split)) for result in results])
        for sampler, results in truth.items()
        if all(result.usable for result in results)
    }
    if found.chosen not in values:
        name = found.chosen.label
        raise SearchFailed(f"{name} won, and could not be trained from scratch")
    returned, before = (
        float(tested(e.best_model(split)).mean()) for e in (last, final)
    )
    cost = found.cost if final is found.start else found.cost.plus([final])
    cost = cost if last is final else cost.plus([last])
    return _judged(spec, found, truth, values, (returned, before), cost)


def _scaled(tell: Listener) -> Listener:
    return lambda each: tell(replace(each, fraction=each.fraction * SEARCH))


def _truth(
    spec: SearchSpec,
    found: SearchResult,
    split: Split,
    runner: TrialRunner,
    tell: Listener,
) -> dict[Sampler, list[TrialResult]]:
    """Train all candidates, and the winner where the search has made it itself."""
    task = Task(spec, split, runner, silent)
    samplers = tuple(dict.fromkeys([*spec.samplers, found.chosen]))
    seeds = spec.seeds
    requests = [scratch(task, sampler, seed) for sampler in samplers for seed in seeds]
    planned, done = len(requests) * spec.training.epochs, 0

    def told(trial: Trial, epoch: Epoch) -> None:
        nonlocal done
        done += 1
        at = SEARCH + (1 - SEARCH) * min(done / planned, 1.0)
        tell(Progress(Stage.EVALUATING, at, epoch_event(trial, epoch)))

    results = runner.run(requests, told)
    return {
        sampler: list(results[at * len(seeds) : (at + 1) * len(seeds)])
        for at, sampler in enumerate(samplers)
    }


def _judged(
    spec: SearchSpec,
    found: SearchResult,
    truth: Mapping[Sampler, Sequence[TrialResult]],
    values: Mapping[Sampler, Values],
    returned: tuple[float, float],
    cost: Cost,
) -> Audit:
    means = {sampler: float(each.mean()) for sampler, each in values.items()}
    best = max(means, key=lambda sampler: means[sampler])
    measured = {each.name: each.metric.mean for each in found.candidates if each.metric}
    both = [sampler for sampler in means if sampler.label in measured]
    seconds = {s: _mean([r.seconds for r in each]) for s, each in truth.items()}
    all_once = sum(seconds.values())
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
        chosen=found.chosen.label,
        best=best.label,
        regret=regret(means[found.chosen], means[best]),
        gap=_gap(spec, values, found.chosen, best),
        agreement=kendall(
            [measured[sampler.label] for sampler in both],
            [means[sampler] for sampler in both],
        ),
        returned=returned[0],
        returned_over_best=-regret(returned[0], means[best]),
        returned_before_refit=returned[1],
        before_refit_over_best=-regret(returned[1], means[best]),
        search=cost,
        exhaustive=Cost().plus([each for some in truth.values() for each in some]),
        in_trainings=cost.seconds / max(seconds[found.chosen], 1e-9),
        saved=1 - cost.seconds / max(all_once, 1e-9),
    )


def regret(chosen: float, best: float) -> float:
    """Return the relative loss of a metric."""
    return 1 - chosen / best if best else 0.0


def _gap(
    spec: SearchSpec, values: Mapping[Sampler, Values], chosen: Sampler, best: Sampler
) -> Comparison | None:
    if chosen == best:
        return None
    rng = numpy_generator(spec.training.seed, "bootstrap", "audit")
    noise = seed_noise(list(values.values()))
    return compare_replicates(values[chosen], values[best], noise, rng)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
