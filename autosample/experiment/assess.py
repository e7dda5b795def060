"""The assessment of a winner: its metrics, and the trainings that verify its gain.

The test split is opened here, once, after everything is trained and decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from autosample.core.events import StageBegan, Tick
from autosample.core.progress import Listener, Progress, Stage, within
from autosample.data.splits import Split
from autosample.evaluation.bands import Reach, reach
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Hits, Ranking
from autosample.experiment.baseline import (
    Baseline,
    BaselinePlan,
    Measured,
    baseline_report,
    weigh_gains,
)
from autosample.experiment.false_negatives import FalseNegatives, false_negatives
from autosample.experiment.prepare import (
    metrics_of,
    open_test_split,
    open_valid_split,
)
from autosample.experiment.progress import count_epochs
from autosample.experiment.refit import Refit
from autosample.experiment.verdict import Verdict, verdict
from autosample.experiment.verification import Contest, Judge, Verification, contest
from autosample.experiment.winner import Models, Winner
from autosample.models import Model
from autosample.spec import SearchSpec
from autosample.trials import TrialResult, TrialRunner

BASELINE = 0.3
"""Progress of the evaluating stage when the baseline is trained."""
VERIFIED = 0.8
"""Progress of the evaluating stage when the trainings that verify are done."""
RANKED = 0.85
"""Progress of the evaluating stage while models are ranked."""
REFITTED = 0.9
"""Progress of the evaluating stage at which the refit on all pairs begins."""


@dataclass(frozen=True)
class Assessment:
    """What was measured about a winner; the report has fields of the same names."""

    valid: dict[str, float]
    test: dict[str, float]
    refit: Refit | None
    reach: Reach
    false_negatives: FalseNegatives
    verification: Verification | None
    baseline: Baseline | None
    verdict: Verdict


def assess(
    spec: SearchSpec,
    winner: Winner,
    models: Models,
    split: Split,
    runner: TrialRunner,
    listener: Listener,
) -> Assessment:
    """Verify the winner where the spec says so, then open the test split."""
    _begin(0.0, listener)
    plan = BaselinePlan.of(spec, winner, split)
    baseline = _train_baseline(spec, plan, runner, listener)
    entrants = contest(spec, winner.search) if spec.verify else Contest({}, ())
    trainings = _train_entrants(spec, entrants, runner, listener)
    _begin(VERIFIED, listener)
    evaluation = Evaluation(spec, listener)
    ranking = open_valid_split(split, evaluation.k)
    valid = evaluation.rank(ranking, [models.before_refit])
    ranking = open_test_split(split, evaluation.k)
    refitted = winner.refitted
    on_test = [models.returned] if refitted is None else list(models)
    test, *before_refit = evaluation.rank(ranking, on_test)
    beside = None
    if baseline:
        known = Ranked(ranking, test, before_refit[0] if before_refit else test)
        beside = _compare(plan, baseline, winner, split, evaluation, known)
    verification = _verify(spec, entrants, trainings, split, evaluation)
    return Assessment(
        valid=evaluation.means(valid),
        test=evaluation.means([test]),
        refit=Refit(
            epochs=refitted.epochs,
            branches=len(refitted.branches),
            test_before=evaluation.means(before_refit),
        )
        if refitted is not None
        else None,
        reach=reach(test, ranking.cases, split.train, evaluation.metric.k),
        false_negatives=_false_negatives(spec, winner, models.before_refit, split),
        verification=verification,
        baseline=beside,
        verdict=verdict(
            winner.search.chosen.label,
            is_baseline=plan.is_chosen(winner.search),
            baseline=beside,
            verified=verification,
            metric=spec.metric,
        ),
    )


class Evaluation:
    """Ranks models by the metrics of a spec; the listener may stop it in between."""

    def __init__(self, spec: SearchSpec, listener: Listener) -> None:
        self.metrics = metrics_of(spec)
        self.k = max(metric.k for metric in self.metrics)
        self.metric = Metric(spec.metric)
        self.listener = listener

    def rank(self, ranking: Ranking, models: Sequence[Model]) -> list[Hits]:
        """Return what each model ranks on top for the users of a ranking."""
        return [ranking.hits(model(), self._tick) for model in models]

    def _tick(self) -> None:
        at = within(Stage.EVALUATING, RANKED)
        self.listener(Progress(Stage.EVALUATING, at, Tick()))

    def means(self, hits: Sequence[Hits]) -> dict[str, float]:
        """Return each metric, averaged over users and models."""
        means = [hit.means(self.metrics) for hit in hits]
        return {
            name: float(np.mean([by_name[name] for by_name in means]))
            for name in means[0]
        }


def _false_negatives(
    spec: SearchSpec, winner: Winner, model: Model, split: Split
) -> FalseNegatives:
    """Measure the chosen sampler with the model before its refit."""
    final = winner.final
    if final.trial.merged:
        final = replace(final, trial=winner.trial(spec))
    return false_negatives(final, model, split)


def _begin(fraction: float, listener: Listener) -> None:
    at = within(Stage.EVALUATING, fraction)
    listener(Progress(Stage.EVALUATING, at, StageBegan()))


def _train_entrants(
    spec: SearchSpec, entrants: Contest, runner: TrialRunner, listener: Listener
) -> dict[str, list[TrialResult]]:
    """Run the trainings that verify, by role."""
    requests = entrants.requests(spec)
    if not requests:
        return {}
    stage = Stage.EVALUATING
    span = (within(stage, BASELINE), within(stage, VERIFIED))
    epochs = len(requests) * spec.training.epochs
    results = runner.run(requests, count_epochs(stage, span, epochs, listener))
    return entrants.by_role(results)


def _train_baseline(
    spec: SearchSpec, plan: BaselinePlan, runner: TrialRunner, listener: Listener
) -> list[TrialResult]:
    """Train the baseline under its seeds; empty where any of that fails."""
    stage, requests = Stage.EVALUATING, plan.requests(spec)
    span = (within(stage, 0.0), within(stage, BASELINE))
    epochs = len(requests) * spec.training.epochs
    results = runner.run(requests, count_epochs(stage, span, epochs, listener))
    return results if all(result.usable for result in results) else []


class Ranked(NamedTuple):
    """The test ranking, and what the returned models have on top in it."""

    ranking: Ranking
    returned: Hits
    before_refit: Hits


def _compare(
    plan: BaselinePlan,
    results: Sequence[TrialResult],
    winner: Winner,
    split: Split,
    evaluation: Evaluation,
    known: Ranked,
) -> Baseline:
    """Compare the returned model with the baseline on the test split."""
    models = [result.best_model(split) for result in results]
    hits = evaluation.rank(known.ranking, models)
    alone = known.before_refit
    if winner.alone is not winner.final:
        [alone] = evaluation.rank(known.ranking, [winner.alone.best_model(split)])
    measured = Measured(known.returned, known.before_refit, alone, hits)
    seed = winner.final.trial.training.seed
    gains = weigh_gains(plan, winner, measured, evaluation.metric, seed)
    return baseline_report(plan, results, evaluation.means(hits), gains)


def _verify(
    spec: SearchSpec,
    entrants: Contest,
    trainings: dict[str, list[TrialResult]],
    split: Split,
    evaluation: Evaluation,
) -> Verification | None:
    """Compare the trainings that verify on the test split; None where any failed."""
    results = [result for group in trainings.values() for result in group]
    if not all(result.usable for result in results) or not results:
        return None
    judge = Judge(
        rank=lambda models: evaluation.rank(
            open_test_split(split, evaluation.k), models
        ),
        means=evaluation.means,
        metric=evaluation.metric,
        candidates=len(spec.all_candidates),
        seed=spec.training.seed,
    )
    models = {
        role: [result.best_model(split) for result in group]
        for role, group in trainings.items()
    }
    return judge.verified(entrants, trainings, models)
