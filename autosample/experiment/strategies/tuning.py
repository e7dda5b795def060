"""Tuning: studies of the best candidates and of uniform sampling, equally long.

More tuning trials give a better-looking result, so uniform gets as many as the winner.
Both are also trained untuned; the four results separate tuning's gain from the
sampler's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autosample.core.events import Tuned, TunedSampler
from autosample.errors import SearchFailed
from autosample.evaluation.significance import Comparison, compare, estimate
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.asha import best_of, study_of
from autosample.experiment.strategies.evidence import SearchResult, Setting, Tuning
from autosample.experiment.strategies.ledger import Ledger
from autosample.spec.candidates import baseline_of
from autosample.trials import TrialResult
from autosample.trials.recipe import (
    Candidate,
    is_baseline,
    recipe_or_none,
    sampler_of,
)
from autosample.trials.study import Tried


def tune(ledger: Ledger, result: SearchResult) -> SearchResult:
    """Tune the finalists of a search; the new result is trained to the end."""
    spec, settings = ledger.spec, ledger.spec.study_settings
    if spec.strategy.tunes:  # it has tuned the candidates as it searched
        base = result.listed or result.chosen
        tried = [Tried(base, _complete(ledger, result), over=True)]
    else:
        tried = ledger.study(study_of(spec, _finalists(result), settings))
    best = _sound(best_of(tried), "tuning")
    uniform = baseline_of(spec.loss, best.base)
    tried_uniform = ledger.study(study_of(spec, [uniform], settings))
    # A study may have trained at the usual rates already; these then go on from there.
    before, uniform_before = _train_untuned(ledger, [best.base, uniform])
    best = _sound(best_of([best, before]), "tuning")
    best_uniform = _sound(best_of([*tried_uniform, uniform_before]), "tuning uniform")
    tuning = Tuning(
        chosen=_setting(best),
        chosen_before=_setting(before),
        uniform=_setting(best_uniform),
        uniform_before=_setting(uniform_before),
        tried=len(ledger.tried),
        stopped=sum(not training.over for training in ledger.tried),
        tuning_gain=_gain(best, before, len(ledger.tried) - len(tried_uniform)),
        sampler_gain=_gain(best, best_uniform, len(ledger.tried)),
        sampler_gain_before=_gain(before, uniform_before, len(spec.all_candidates)),
    )
    ledger.note(Tuned(chosen=_shown(tuning.chosen), uniform=_shown(tuning.uniform)))
    winner = max(best, best_uniform, key=lambda training: training.result.best)
    tuned = replace(
        result,
        chosen=winner.candidate,
        final_training=winner.result,
        alone=None,
        mixture=(),
        trace=tuple(ledger.trace),
        cost=ledger.cost,
        tuning=tuning,
    )
    return _with_better_model(result, tuned, winner.result)


def _with_better_model(
    before: SearchResult, tuned: SearchResult, alone: TrialResult
) -> SearchResult:
    """Return the tuned result with the average that a soup ended with, where that is
    better on the validation pairs than the tuned training alone."""
    model = before.final_training
    if not before.mixture or not isinstance(model, TrialResult):
        return tuned
    if model.best <= alone.best:
        return tuned
    return replace(tuned, final_training=model, alone=alone, mixture=before.mixture)


def _complete(ledger: Ledger, result: SearchResult) -> TrialResult:
    """Return the winner's training, after training it to the end if it is not yet."""
    if isinstance(result.final_training, TrialResult):
        return result.final_training
    [completed] = ledger.run([result.final_training])
    return completed


def _finalists(result: SearchResult) -> list[Candidate]:
    """Return winner and runner-up without uniform, which has a study of its own."""
    both = [each for each in (result.chosen, result.runner_up) if each is not None]
    others = [each for each in both if not is_baseline(each)]
    return others or both[:1]


def _train_untuned(ledger: Ledger, candidates: Sequence[Candidate]) -> list[Tried]:
    """Train candidates as they are listed, at the usual rates."""
    spec = ledger.spec
    results = ledger.run(
        [recipe.ordinary(spec, each, spec.training.seed) for each in candidates]
    )
    for each, result in zip(candidates, results, strict=True):
        if result.error is not None:
            raise SearchFailed(f"{each.label} as listed failed: {result.error}")
    return [Tried(s, r, over=True) for s, r in zip(candidates, results, strict=True)]


def _sound(best: Tried | None, what: str) -> Tried:
    """Return the best training; raises SearchFailed where there is none."""
    if best is None:
        raise SearchFailed(
            f"{what}: every training failed; narrow the ranges of `tune`, or leave it"
            " out"
        )
    return best


def _setting(tried: Tried) -> Setting:
    training = tried.result.trial.training
    assert training.learning_rate is not None
    assert training.l2 is not None
    return Setting(
        sampler=sampler_of(tried.candidate),
        recipe=recipe_or_none(tried.candidate),
        learning_rate=training.learning_rate,
        l2=training.l2,
        valid=estimate(tried.result.best_U, tried.result.owners_Q),
        epochs=len(tried.result.history),
    )


def _shown(setting: Setting) -> TunedSampler:
    """Return a setting as events hold it."""
    return TunedSampler.model_validate(setting.model_dump(mode="json"))


def _gain(ours: Tried, theirs: Tried, comparisons: int) -> Comparison:
    return compare(
        ours.result.best_U,
        theirs.result.best_U,
        ours.result.owners_Q,
        comparisons=max(comparisons, 1),
    )
