"""Exhaustive search: train every candidate from scratch, under every seed."""

from __future__ import annotations

import numpy as np

from autosample.core.events import RungEnded
from autosample.errors import SearchFailed
from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import compare, estimate
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.samplers import Sampler, UniformSampler
from autosample.spec.strategies import Exhaustive
from autosample.trials import TrialResult


def search_exhaustively(ledger: Ledger, settings: Exhaustive) -> SearchResult:
    """Train all candidates, and choose the one with the best mean over seeds."""
    samplers, seeds = ledger.spec.samplers, ledger.spec.seeds
    requests = [
        recipe.ordinary(ledger.spec, sampler, seed)
        for sampler in samplers
        for seed in seeds
    ]
    results = ledger.run(requests)
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
    ledger.note(RungEnded(rung=1, metrics=means, kept=(chosen.label,)))
    return SearchResult(
        chosen=chosen,
        candidates=tuple(
            _report(sampler, by_sampler[sampler], sound, chosen) for sampler in samplers
        ),
        final_training=max(by_sampler[chosen], key=lambda result: result.best),
        trace=tuple(ledger.trace),
        cost=ledger.cost,
        runner_up=max(
            (sampler for sampler in sound if sampler != chosen),
            key=lambda sampler: float(sound[sampler].mean()),
            default=None,
        ),
    )


def mean_U(results: list[TrialResult]) -> Values:
    """Return each user's validation metric at the best epoch, averaged over seeds."""
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
    values_U, gap = sound.get(sampler), None
    if values_U is not None and uniform is not None and sampler != uniform:
        gap = compare(
            values_U,
            sound[uniform],
            results[0].owners_Q,
            comparisons=max(len(sound) - 1, 1),
        )
    return CandidateReport(
        sampler=sampler,
        name=sampler.label,
        metric=None if values_U is None else estimate(values_U, results[0].owners_Q),
        epochs=sum(len(result.history) for result in results),
        versus_uniform=gap,
        weight=float(sampler == chosen),
        error=_error(results),
    )
