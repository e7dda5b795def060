"""The assessment of a winner: its metrics, and the trainings that verify its gain.

The test split is opened here, once, after everything is trained and decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autosample.core.events import StageBegan, Tick
from autosample.core.progress import Listener, Progress, Stage, within
from autosample.data.splits import Split
from autosample.evaluation.bands import Reach, reach
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Hits, Ranking
from autosample.experiment.false_negatives import FalseNegatives, false_negatives
from autosample.experiment.prepare import (
    metrics_of,
    open_test_split,
    open_valid_split,
)
from autosample.experiment.progress import count_epochs
from autosample.experiment.refit import Refit
from autosample.experiment.strategies.evidence import SearchResult
from autosample.experiment.verdict import Verdict, verdict
from autosample.experiment.verification import Contest, Judge, Verification, contest
from autosample.experiment.winner import Models, Winner
from autosample.models import Model
from autosample.spec import SearchSpec
from autosample.trials import TrialResult, TrialRunner
from autosample.trials.recipe import is_baseline

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
        verdict=_judge(spec, winner.search, verification),
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
    _begin(0.0, listener)
    requests = entrants.requests(spec)
    if not requests:
        return {}
    stage = Stage.EVALUATING
    span = (within(stage, 0.0), within(stage, VERIFIED))
    epochs = len(requests) * spec.training.epochs
    results = runner.run(requests, count_epochs(stage, span, epochs, listener))
    return entrants.by_role(results)


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


def _judge(
    spec: SearchSpec, result: SearchResult, verification: Verification | None
) -> Verdict:
    """Return the verdict on a search's winner."""
    label, left_after = result.chosen.label, None
    gain = result.tuning.sampler_gain if result.tuning else None
    reports = {report.name: report for report in result.candidates}
    report = reports.get(label)
    if result.tuning is None and report is not None:
        gain = report.versus_uniform
        left_after = None if report.was_beside_uniform else report.versus_uniform_after
    return verdict(
        label,
        is_uniform=is_baseline(result.chosen),
        searched=gain,
        verified=verification,
        metric=spec.metric,
        left_after=left_after,
    )
