"""ASHA over candidates and their settings: what one would do with Ray Tune alone.

Li et al., MLSys 2020, arXiv:1810.05934. Every training starts from fresh parameters, so
the winner is trained to its end when the search is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from autosample.core.events import RungEnded
from autosample.errors import SearchFailed
from autosample.evaluation.significance import compare, estimate
from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.plan import likely_epochs
from autosample.experiment.strategies.space import space_of
from autosample.experiment.strategies.task import Task
from autosample.samplers import Sampler, UniformSampler
from autosample.spec.strategies import Asha
from autosample.trials import Request, Start, TrialResult
from autosample.trials.study import Study, Tried


def asha(task: Task, settings: Asha) -> SearchResult:
    """Train all candidates, stopping what is behind; the best that ended by itself."""
    study = study_of(task, task.spec.samplers, settings)
    task.planned = likely_epochs(task.spec)
    tried = task.study(study)
    best = {base: best_of(mine) for base, mine in _by_base(tried).items()}
    sound = {base: each for base, each in best.items() if each is not None}
    if not sound:
        told = "; ".join(f"{t.base.label}: {t.result.error}" for t in tried)
        raise SearchFailed(f"every candidate failed ({told})")
    ranked = sorted(sound.values(), key=_rank, reverse=True)
    winner = ranked[0]
    task.note(
        RungEnded(
            rung=1,
            metrics={each.sampler.label: round(each.result.best, 6) for each in ranked},
            kept=(winner.sampler.label,),
            tried=len(tried),
            stopped=sum(not each.over for each in tried),
        )
    )
    uniform = next((each for each in ranked if _is_uniform(each)), None)
    errors = {each.base: each.result.error for each in tried}
    return SearchResult(
        chosen=winner.sampler,
        candidates=tuple(
            _report(base, sound.get(base), winner, uniform, errors.get(base))
            for base in task.spec.samplers
        ),
        start=ending(task, winner),
        trace=tuple(task.trace),
        cost=task.cost,
        runner_up=ranked[1].sampler if len(ranked) > 1 else None,
        listed=winner.base,
    )


def study_of(task: Task, samplers: Sequence[Sampler], settings: Asha) -> Study:
    """Return a study of some candidates and what the spec lets be tuned."""
    spec = task.spec
    return Study(
        template=task.trial("study", [samplers[0]]),
        space=space_of(spec, samplers),
        samples=spec.tune.samples if spec.tune else len(samplers),
        grace=settings.grace,
        reduction=settings.reduction,
        total_epochs=settings.total_epochs,
        seconds=settings.seconds,
    )


def best_of(tried: Sequence[Tried]) -> Tried | None:
    """Return the best of those that ended by themselves, or else of those that came
    farthest; None where all failed."""
    sound = [each for each in tried if each.result.error is None]
    return max(sound, key=_rank, default=None)


def _rank(each: Tried) -> tuple[bool, int, float]:
    return each.over, 0 if each.over else len(each.result.history), each.result.best


def ending(task: Task, winner: Tried) -> Request | TrialResult:
    """Return the winner's model, or how its training goes on where a limit ended it."""
    if winner.over:
        return winner.result
    trial = winner.result.trial.model_copy(
        update={
            "name": f"retrain {winner.sampler.label}",
            "start": winner.result.trial.digest,
            "start_with": Start.EVERYTHING,
        }
    )
    return Request(trial, winner.result)


def _by_base(tried: Sequence[Tried]) -> dict[Sampler, list[Tried]]:
    found: dict[Sampler, list[Tried]] = {}
    for each in tried:
        found.setdefault(each.base, []).append(each)
    return found


def _is_uniform(each: Tried) -> bool:
    return isinstance(each.base, UniformSampler)


def _report(
    base: Sampler,
    best: Tried | None,
    winner: Tried,
    uniform: Tried | None,
    error: str | None,
) -> CandidateReport:
    if best is None:
        return CandidateReport(
            sampler=base.model_dump(mode="json"),
            name=base.label,
            error=error or "not tried",
        )
    like = uniform is not None and best.over and uniform.over and best is not uniform
    return CandidateReport(
        sampler=best.sampler.model_dump(mode="json"),
        name=best.sampler.label,
        metric=estimate(best.result.best_U),
        epochs=len(best.result.history),
        # What was stopped at a milestone has not been trained as long.
        versus_uniform=compare(best.result.best_U, uniform.result.best_U)
        if like and uniform is not None
        else None,
        weight=float(best is winner),
    )
