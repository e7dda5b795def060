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
from autosample.spec.strategies import Exhaustive
from autosample.trials import TrialResult
from autosample.trials.recipe import (
    Candidate,
    is_baseline,
)


def search_exhaustively(ledger: Ledger, settings: Exhaustive) -> SearchResult:
    """Train all candidates, and choose the one with the best mean over seeds."""
    candidates, seeds = ledger.spec.all_candidates, ledger.spec.seeds
    requests = [
        recipe.ordinary(ledger.spec, candidate, seed)
        for candidate in candidates
        for seed in seeds
    ]
    results = ledger.run(requests)
    trained = {
        candidate: results[at * len(seeds) : (at + 1) * len(seeds)]
        for at, candidate in enumerate(candidates)
    }
    sound = {s: mean_U(r) for s, r in trained.items() if not _error(r)}
    if not sound:
        errors = "; ".join(f"{s.label}: {_error(r)}" for s, r in trained.items())
        raise SearchFailed(f"every candidate failed ({errors})")
    chosen = max(sound, key=lambda each: float(sound[each].mean()))
    means = {each.label: float(values.mean()) for each, values in sound.items()}
    ledger.note(RungEnded(rung=1, metrics=means, kept=(chosen.label,)))
    return SearchResult(
        chosen=chosen,
        candidates=tuple(
            _report(each, trained[each], sound, chosen) for each in candidates
        ),
        final_training=max(trained[chosen], key=lambda result: result.best),
        trace=tuple(ledger.trace),
        cost=ledger.cost,
        runner_up=max(
            (each for each in sound if each != chosen),
            key=lambda each: float(sound[each].mean()),
            default=None,
        ),
    )


def mean_U(results: list[TrialResult]) -> Values:
    """Return each user's validation metric at the best epoch, averaged over seeds."""
    return np.asarray(np.mean([result.best_U for result in results], axis=0))


def _error(results: list[TrialResult]) -> str | None:
    return next((result.error for result in results if result.error), None)


def _report(
    candidate: Candidate,
    results: list[TrialResult],
    sound: dict[Candidate, Values],
    chosen: Candidate,
) -> CandidateReport:
    uniform = next((each for each in sound if is_baseline(each)), None)
    values_U, gap = sound.get(candidate), None
    if values_U is not None and uniform is not None and candidate != uniform:
        gap = compare(
            values_U,
            sound[uniform],
            results[0].owners_Q,
            comparisons=max(len(sound) - 1, 1),
        )
    return CandidateReport.of(
        candidate,
        metric=None if values_U is None else estimate(values_U, results[0].owners_Q),
        epochs=sum(len(result.history) for result in results),
        versus_uniform=gap,
        weight=float(candidate == chosen),
        error=_error(results),
    )
