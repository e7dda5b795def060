"""Mixture: learn the weights of the supernet by gradient, take the largest.

The paper's way (Lyu et al., 2023, arXiv:2311.03526). Its signal answers which gradient
helps this mixture now, not which sampler trains the best model; see `race`.
"""

from __future__ import annotations

from collections.abc import Sequence

from autosample.core.events import MetricMean, SupernetTrained, WeightsLearned
from autosample.errors import SearchFailed
from autosample.evaluation.significance import estimate
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.spec.strategies import Mixture
from autosample.trials import Request, Start, TrialResult
from autosample.trials.recipe import Candidate


def learn_mixture(ledger: Ledger, settings: Mixture) -> SearchResult:
    """Train the supernet and its weights together; choose the heaviest candidate."""
    candidates = ledger.spec.all_candidates
    result = _train_supernet(ledger, settings)
    for epoch in result.history:
        weights = _by_label(candidates, epoch.weights)
        ledger.trace.append(WeightsLearned(epoch=epoch.number, weights=weights))
    measured = estimate(result.last_U, result.owners_Q)
    metric = MetricMean.model_validate(measured.model_dump())
    ledger.note(SupernetTrained(metric=metric))
    weights_K = result.history[-1].weights
    heaviest_first = sorted(range(len(candidates)), key=lambda k: -weights_K[k])
    chosen = candidates[heaviest_first[0]]
    return SearchResult(
        chosen=chosen,
        candidates=_reports(candidates, result),
        final_training=recipe.retraining(ledger.spec, chosen, result, Start.PARAMETERS),
        trace=tuple(ledger.trace),
        cost=ledger.cost,
        runner_up=candidates[heaviest_first[1]] if len(candidates) > 1 else None,
    )


def _train_supernet(ledger: Ledger, settings: Mixture) -> TrialResult:
    epochs = {"epochs": settings.epochs}
    trial = recipe.trial(
        ledger.spec,
        "supernet",
        ledger.spec.all_candidates,
        training=ledger.spec.resolved_training.model_copy(update=epochs),
        stop_early=False,
        mixture=settings.weight_learning,
    )
    [result] = ledger.run([Request(trial)])
    if result.error is not None:
        raise SearchFailed(f"the supernet failed: {result.error}")
    return result


def _by_label(
    candidates: Sequence[Candidate], weights_K: Sequence[float]
) -> dict[str, float]:
    labels = [candidate.label for candidate in candidates]
    return dict(zip(labels, weights_K, strict=True))


def _reports(
    candidates: Sequence[Candidate], supernet: TrialResult
) -> tuple[CandidateReport, ...]:
    """Report the weights alone: the candidates share one model, so its metric says
    nothing of any one of them."""
    return tuple(
        CandidateReport.of(
            candidate,
            epochs=len(supernet.history),
            weight=weight,
        )
        for candidate, weight in zip(
            candidates, supernet.history[-1].weights, strict=True
        )
    )
