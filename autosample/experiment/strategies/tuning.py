"""Tuning: the best candidates, and uniform as much, each at many rates and settings.

Who is tuned longer looks better; so plain uniform sampling gets as many trials as the
winner, and each is also trained as it was listed. Of the four, two tell what tuning
gained and two what the sampler did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autosample.core.events import Tuned, TunedSampler
from autosample.errors import SearchFailed
from autosample.evaluation.significance import Comparison, compare, estimate
from autosample.experiment.strategies.asha import best_of, study_of
from autosample.experiment.strategies.evidence import SearchResult, Setting, Tuning
from autosample.experiment.strategies.exhaustive import scratch
from autosample.experiment.strategies.task import Task
from autosample.samplers import Sampler, UniformSampler
from autosample.spec.candidates import uniform_like
from autosample.spec.strategies import Asha
from autosample.trials import TrialResult
from autosample.trials.study import Tried


def tuned(task: Task, found: SearchResult) -> SearchResult:
    """Tune the finalists of a search; its result is then trained to the end."""
    strategy = task.spec.strategy
    if isinstance(strategy, Asha):  # it has tuned its candidates as it searched
        tried = [Tried(found.listed or found.chosen, _ended(task, found), over=True)]
        settings = strategy
    else:
        settings = Asha()
        tried = task.study(study_of(task, _finalists(found), settings))
    best = _sound(best_of(tried), "tuning")
    uniform = uniform_like(best.base)
    of_uniform = task.study(study_of(task, [uniform], settings))
    # Where a study has been through the usual rates, these go on from there.
    before, uniform_before = _usual(task, [best.base, uniform])
    best = _sound(best_of([best, before]), "tuning")
    best_uniform = _sound(best_of([*of_uniform, uniform_before]), "tuning uniform")
    told = Tuning(
        chosen=_setting(best),
        chosen_before=_setting(before),
        uniform=_setting(best_uniform),
        uniform_before=_setting(uniform_before),
        tried=len(task.tried),
        stopped=sum(not each.over for each in task.tried),
        tuning_gain=_gain(best, before, len(task.tried) - len(of_uniform)),
        sampler_gain=_gain(best, best_uniform, len(task.tried)),
        sampler_gain_before=_gain(before, uniform_before, len(task.spec.samplers)),
    )
    task.note(Tuned(chosen=_shown(told.chosen), uniform=_shown(told.uniform)))
    winner = max(best, best_uniform, key=lambda each: each.result.best)
    return replace(
        found,
        chosen=winner.sampler,
        start=winner.result,
        trace=tuple(task.trace),
        cost=task.cost,
        tuning=told,
    )


def _ended(task: Task, found: SearchResult) -> TrialResult:
    if isinstance(found.start, TrialResult):
        return found.start
    [result] = task.run([found.start])
    return result


def _finalists(found: SearchResult) -> list[Sampler]:
    """Return winner and runner-up, but for uniform, which has a study of its own."""
    both = [each for each in (found.chosen, found.runner_up) if each is not None]
    hard = [each for each in both if not isinstance(each, UniformSampler)]
    return hard or both[:1]


def _usual(task: Task, samplers: Sequence[Sampler]) -> list[Tried]:
    seed = task.spec.training.seed
    results = task.run([scratch(task, sampler, seed) for sampler in samplers])
    for sampler, result in zip(samplers, results, strict=True):
        if result.error is not None:
            raise SearchFailed(f"{sampler.label} as listed failed: {result.error}")
    return [Tried(s, r, over=True) for s, r in zip(samplers, results, strict=True)]


def _sound(best: Tried | None, what: str) -> Tried:
    if best is None:
        raise SearchFailed(
            f"{what}: every training failed; narrow the ranges of `tune`, or leave it"
            " out"
        )
    return best


def _setting(each: Tried) -> Setting:
    training = each.result.trial.training
    assert training.learning_rate is not None
    assert training.l2 is not None
    return Setting(
        sampler=each.sampler,
        learning_rate=training.learning_rate,
        l2=training.l2,
        valid=estimate(each.result.best_U),
        epochs=len(each.result.history),
    )


def _shown(setting: Setting) -> TunedSampler:
    return TunedSampler.model_validate(setting.model_dump(mode="json"))


def _gain(ours: Tried, theirs: Tried, comparisons: int) -> Comparison:
    return compare(
        ours.result.best_U, theirs.result.best_U, comparisons=max(comparisons, 1)
    )
