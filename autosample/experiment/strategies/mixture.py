"""Mixture: learn the weights of the supernet by gradient, take the largest.

The paper's way (Lyu et al., 2023, arXiv:2311.03526). Its signal answers which gradient
helps this mixture now, not which sampler trains the best model; see `race`.
"""

from __future__ import annotations

from collections.abc import Sequence

from autosample.core.events import MetricMean, SupernetTrained, WeightsLearned
from autosample.errors import SearchFailed
from autosample.evaluation.significance import estimate
from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.task import Task
from autosample.samplers import Sampler
from autosample.training.settings import Mixture
from autosample.trials import Request, Start, TrialResult


def mixture(task: Task, settings: Mixture) -> SearchResult:
    """Train the supernet and its weights together, then name the heaviest candidate."""
    samplers = task.spec.samplers
    task.planned = settings.epochs
    training = task.spec.resolved_training.model_copy(
        update={"epochs": settings.epochs}
    )
    trial = task.trial(
        "supernet", samplers, training=training, stop_early=False, mixture=settings
    )
    [result] = task.run([Request(trial)])
    if result.error is not None:
        raise SearchFailed(f"the supernet failed: {result.error}")
    for epoch in result.history:
        labels = [sampler.label for sampler in samplers]
        shown = dict(zip(labels, epoch.weights, strict=True))
        task.trace.append(WeightsLearned(epoch=epoch.number, weights=shown))
    weights = result.history[-1].weights
    chosen = samplers[weights.index(max(weights))]
    retrain = task.trial(
        f"retrain {chosen.label}",
        [chosen],
        start=trial.digest,
        start_with=Start.PARAMETERS,
    )
    return SearchResult(
        chosen=chosen,
        candidates=_reports(task, result, weights),
        start=Request(retrain, result),
        trace=tuple(task.trace),
        cost=task.cost,
        runner_up=_second(samplers, weights),
    )


def _second(samplers: Sequence[Sampler], weights: Sequence[float]) -> Sampler | None:
    if len(samplers) < 2:
        return None
    return samplers[sorted(range(len(weights)), key=lambda k: -weights[k])[1]]


def _reports(
    task: Task, result: TrialResult, weights: tuple[float, ...]
) -> tuple[CandidateReport, ...]:
    """One model was trained for all, so its metric says nothing of any one of them."""
    metric = MetricMean.model_validate(estimate(result.last_U).model_dump())
    task.note(SupernetTrained(metric=metric))
    return tuple(
        CandidateReport(
            sampler=sampler.model_dump(mode="json"),
            name=sampler.label,
            epochs=len(result.history),
            weight=weight,
        )
        for sampler, weight in zip(task.spec.samplers, weights, strict=True)
    )
