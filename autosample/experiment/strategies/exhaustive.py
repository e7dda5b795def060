"""Exhaustive: every candidate from scratch to early stopping, under every seed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from autosample.core.events import RungEnded
from autosample.errors import SearchFailed
from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import compare, estimate
from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.task import Task
from autosample.samplers import Sampler, UniformSampler
from autosample.spec.strategies import Exhaustive
from autosample.trials import Request, TrialResult


def exhaustive(task: Task, settings: Exhaustive) -> SearchResult:
    """Train all candidates, and name the one with the best mean over seeds."""
    samplers, seeds = task.spec.samplers, task.spec.seeds
    task.planned = len(samplers) * len(seeds) * task.spec.training.epochs
    requests = [scratch(task, sampler, seed) for sampler in samplers for seed in seeds]
    results = task.run(requests)
    by_sampler = {
        sampler: results[at * len(seeds) : (at + 1) * len(seeds)]
        for at, sampler in enumerate(samplers)
    }
    sound = {s: mean_U(r) for s, r in by_sampler.items() if not _error(r)}
    if not sound:
        errors = "; ".join(f"{s.label}: {_error(r)}" for s, r in by_sampler.items())
        raise SearchFailed(f"every candidate failed ({errors})")
    chosen = max(sound, key=lambda sampler: float(sound[sampler].mean()))
    means = {sampler.label: float(values.mean()) for sampler, values in sound.items()}
    task.note(RungEnded(rung=1, metrics=means, kept=(chosen.label,)))
    best = max(by_sampler[chosen], key=lambda result: result.best)
    return SearchResult(
        chosen=chosen,
        candidates=tuple(
            _report(sampler, by_sampler[sampler], sound, chosen) for sampler in samplers
        ),
        start=best,
        trace=tuple(task.trace),
        cost=task.cost,
        runner_up=max(
            (each for each in sound if each != chosen),
            key=lambda sampler: float(sound[sampler].mean()),
            default=None,
        ),
    )


def scratch(
    task: Task, sampler: Sampler, seed: int, rates: Mapping[str, float] | None = None
) -> Request:
    """Describe an ordinary training of one sampler from fresh parameters, at the
    search's learning rate and l2 or at others."""
    changed = {"seed": seed, **(rates or {})}
    training = task.spec.resolved_training.model_copy(update=changed)
    name = f"{sampler.label}, seed {seed}"
    return Request(task.trial(name, [sampler], training=training))


def mean_U(results: list[TrialResult]) -> Values:
    """Return each user's best-epoch validation metric, averaged over seeds."""
    return np.asarray(np.mean([result.best_U for result in results], axis=0))


def _error(results: list[TrialResult]) -> str | None:
    return next((result.error for result in results if result.error), None)


def _report(
    sampler: Sampler,
    results: list[TrialResult],
    sound: dict[Sampler, Values],
    chosen: Sampler,
) -> CandidateReport:
    uniform = next((s for s in sound if isinstance(s, UniformSampler)), None)
    mine, gap = sound.get(sampler), None
    if mine is not None and uniform is not None and sampler != uniform:
        gap = compare(mine, sound[uniform], comparisons=max(len(sound) - 1, 1))
    return CandidateReport(
        sampler=sampler.model_dump(mode="json"),
        name=sampler.label,
        metric=None if mine is None else estimate(mine),
        epochs=sum(len(result.history) for result in results),
        versus_uniform=gap,
        weight=float(sampler == chosen),
        error=_error(results),
    )
