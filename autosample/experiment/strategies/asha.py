"""ASHA over candidates and their hyperparameters.

Li et al., MLSys 2020, arXiv:1810.05934. Every training starts from fresh parameters, so
the winner is already trained to its end when the search is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from autosample.core.events import RungEnded
from autosample.errors import SearchFailed
from autosample.evaluation.significance import compare, estimate
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.space import space_of
from autosample.spec import SearchSpec
from autosample.spec.strategies import Asha
from autosample.trials import Request, TrialResult
from autosample.trials.recipe import (
    Candidate,
    is_baseline,
)
from autosample.trials.study import Study, Tried


def search_with_asha(ledger: Ledger, settings: Asha) -> SearchResult:
    """Train all candidates, stopping those that are behind; choose the best of those
    that ended by themselves."""
    spec = ledger.spec
    tried = ledger.study(study_of(spec, spec.all_candidates, settings))
    best = {base: best_of(trainings) for base, trainings in _by_base(tried).items()}
    sound = {base: training for base, training in best.items() if training is not None}
    if not sound:
        errors = "; ".join(f"{t.base.label}: {t.result.error}" for t in tried)
        raise SearchFailed(f"every candidate failed ({errors})")
    ranked = sorted(sound.values(), key=_rank, reverse=True)
    ledger.note(_rung_event(tried, ranked))
    winner = ranked[0]
    errors_by_base = {training.base: training.result.error for training in tried}
    return SearchResult(
        chosen=winner.candidate,
        candidates=tuple(
            _report(sound[listed], ranked)
            if listed in sound
            else CandidateReport.of(
                listed,
                error=errors_by_base.get(listed) or "not tried",
            )
            for listed in spec.all_candidates
        ),
        final_training=_final_training(spec, winner),
        trace=tuple(ledger.trace),
        cost=ledger.cost,
        runner_up=ranked[1].candidate if len(ranked) > 1 else None,
        listed=winner.base,
    )


def study_of(
    spec: SearchSpec, candidates: Sequence[Candidate], settings: Asha
) -> Study:
    """Return a study of some candidates over what the spec lets be tuned."""
    return Study(
        templates=tuple(recipe.trial(spec, "study", [each]) for each in candidates),
        space=space_of(spec, candidates),
        samples=spec.tune.samples if spec.tune else len(candidates),
        grace=settings.grace,
        reduction=settings.reduction,
        total_epochs=settings.total_epochs,
        seconds=settings.seconds,
    )


def best_of(tried: Sequence[Tried]) -> Tried | None:
    """Return the best of those that ended by themselves, or else of those that came
    farthest; None where all failed."""
    sound = [training for training in tried if training.result.error is None]
    return max(sound, key=_rank, default=None)


def _rank(training: Tried) -> tuple[bool, int, float]:
    """Return what trainings are compared by: those that ended by themselves by their
    metric; those that were stopped by how far they came, then by their metric."""
    epochs = 0 if training.over else len(training.result.history)
    return training.over, epochs, training.result.best


def _final_training(spec: SearchSpec, winner: Tried) -> Request | TrialResult:
    """Return the winner's training, or how it goes on where a limit stopped it."""
    result = winner.result
    if winner.over:
        return result
    tuned = result.trial.training
    return recipe.retraining(spec, winner.candidate, result, training=tuned)


def _by_base(tried: Sequence[Tried]) -> dict[Candidate, list[Tried]]:
    """Group the trainings of a study by the candidate as it was listed."""
    groups: dict[Candidate, list[Tried]] = {}
    for training in tried:
        groups.setdefault(training.base, []).append(training)
    return groups


def _rung_event(tried: Sequence[Tried], ranked: Sequence[Tried]) -> RungEnded:
    return RungEnded(
        rung=1,
        metrics={best.candidate.label: round(best.result.best, 6) for best in ranked},
        kept=(ranked[0].candidate.label,),
        tried=len(tried),
        stopped=sum(not training.over for training in tried),
    )


def _report(best: Tried, ranked: Sequence[Tried]) -> CandidateReport:
    """Report a candidate by its best training."""
    uniform = next((t for t in ranked if is_baseline(t.base)), None)
    gap = None
    # A training that was stopped at a milestone was not trained as long as another.
    if uniform is not None and best is not uniform and best.over and uniform.over:
        gap = compare(best.result.best_U, uniform.result.best_U, best.result.owners_Q)
    return CandidateReport.of(
        best.candidate,
        metric=estimate(best.result.best_U, best.result.owners_Q),
        epochs=len(best.result.history),
        versus_uniform=gap,
        weight=float(best is ranked[0]),
    )
