"""The whole of a search: split, search, retrain, verify, open the test split once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from autosample.core.events import StageBegan, Tick
from autosample.core.progress import Listener, Progress, Stage, silent, within
from autosample.core.tensors import State
from autosample.data.dataset import Dataset
from autosample.data.interactions import Interactions
from autosample.data.splits import Split, default_split
from autosample.errors import SearchFailed, SpecError
from autosample.evaluation.bands import reach
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Hits, Ranking
from autosample.experiment.budget import Spending
from autosample.experiment.false_negatives import false_negatives
from autosample.experiment.forecast import forecast
from autosample.experiment.refit import Refit, refit
from autosample.experiment.report import (
    Costs,
    Report,
    SplitSizes,
)
from autosample.experiment.strategies.evidence import (
    Cost,
    Curve,
    SearchResult,
)
from autosample.experiment.strategies.exhaustive import scratch
from autosample.experiment.strategies.run import search
from autosample.experiment.strategies.task import Task, epoch_event
from autosample.experiment.verdict import Verdict, verdict
from autosample.experiment.verification import (
    Contest,
    Judge,
    Verification,
    contest,
)
from autosample.models import Model
from autosample.samplers import Sampler, UniformSampler
from autosample.spec import SearchSpec
from autosample.training import Epoch
from autosample.trials import Runners, Trial, TrialResult, TrialRunner
from autosample.trials.run import InProcessRunner


@dataclass(frozen=True)
class Outcome:
    """A finished search, in memory: what a bundle is written from."""

    report: Report
    model: Model
    sampler: Sampler
    trial: Trial
    """The retraining: model, loss and training settings in full."""
    dataset: Dataset
    split: Split
    sampler_state: State
    """What the sampler itself has learned, such as gates; empty for most."""


def run(
    spec: SearchSpec,
    dataset: Dataset,
    *,
    runners: Runners = InProcessRunner,
    tell: Listener = silent,
) -> Outcome:
    """Run a search to its end.

    Raises DataError or SpecError where data and spec do not fit, SearchFailed where no
    candidate survives, and whatever `tell` raises to stop.
    """
    began = time.perf_counter()
    tell(Progress(Stage.PREPARING, 0.0, StageBegan()))
    split = prepare(spec, dataset)
    runner = runners(split)
    spending, predicted = None, None
    if spec.budget is not None:
        spending = Spending(spec, split.train.num_pairs, split.known.num_pairs)
        predicted = forecast(spec, split, runner.parallel)
        spec = spending.fitted(predicted)
    found = searched(spec, split, runner, tell)
    final = retrained(spec, found, split, runner, tell, spending)
    epochs, seconds = spec.resolved_refit, None
    if spending is not None:
        spent = _final_cost(found, final, final)
        epochs, seconds = spending.last(found.cost.pair_updates + spent.pair_updates)
    returned = refitted(final, epochs, runner, tell, seconds)
    tried = contest(spec, found) if spec.verify else Contest({}, ())
    checks = _verifying_trainings(spec, tried, split, runner, tell)
    tell(Progress(Stage.EVALUATING, within(Stage.EVALUATING, 0.8), StageBegan()))
    evaluation = _Evaluation(spec, split, tell)
    before, model = final.best_model(split), returned.best_model(split)
    valid = evaluation.of([before], split.valid, split.train)
    whole = returned.trial.with_validation
    test, *without = evaluation.of(
        [model, before] if whole else [model], split.test, split.known
    )
    verification = _verification(spec, tried, checks, split, evaluation)
    report = Report(
        version=version("autosample"),
        spec=spec,
        dataset=dataset.stats,
        split=_sizes(spec, dataset, split),
        chosen=found.chosen.model_dump(mode="json"),
        chosen_label=found.chosen.label,
        candidates=found.candidates,
        verdict=_verdict(spec, found, verification),
        valid=evaluation.means(valid),
        test=evaluation.means([test]),
        refit=Refit(epochs=len(returned.history), test_before=evaluation.means(without))
        if whole
        else None,
        reach=reach(test, split.test, split.train, Metric(spec.metric).k),
        false_negatives=false_negatives(final, before, split),
        best_epoch=final.best_epoch,
        tuning=found.tuning,
        verification=verification,
        forecast=predicted,
        costs=Costs(
            search=found.cost,
            retraining=_final_cost(found, final, returned),
            wall_seconds=time.perf_counter() - began,
        ),
        curves=found.curves,
        training=_training(found, final),
        trace=found.trace,
    )
    return Outcome(
        report=report,
        model=model,
        sampler=found.chosen,
        trial=final.trial,
        dataset=dataset,
        split=split,
        sampler_state=returned.best_sampler(),
    )


def _training(found: SearchResult, final: TrialResult) -> Curve:
    """Return the final training, from the epoch that the search began it with."""
    label = found.chosen.label
    whole = Curve(name=label).plus(final)
    if final is found.start or final.trial.start is None:
        return whole
    begun = [each.metric for each in found.curves if each.name == label]
    return Curve(name=label, metric=sum(begun, ()) + whole.metric)


def _final_cost(found: SearchResult, final: TrialResult, returned: TrialResult) -> Cost:
    cost = Cost() if final is found.start else Cost().plus([final])
    return cost if returned is final else cost.plus([returned])


def prepare(spec: SearchSpec, dataset: Dataset) -> Split:
    """Split the data as the spec says, and check that the two fit."""
    split = (spec.split or default_split(dataset)).apply(dataset, spec.training.seed)
    for metric in _metrics(spec):
        if metric.k > split.train.num_items:
            raise SpecError(
                f"{metric} needs {metric.k} ranks, and the data has"
                f" {split.train.num_items} items"
            )
    return split


def searched(
    spec: SearchSpec, split: Split, runner: TrialRunner, tell: Listener
) -> SearchResult:
    """Run the spec's strategy, as the searching stage of the whole."""
    began = StageBegan(candidates=tuple(sampler.label for sampler in spec.samplers))
    tell(Progress(Stage.SEARCHING, within(Stage.SEARCHING, 0.0), began))
    return search(Task(spec, split, runner, tell))


def retrained(
    spec: SearchSpec,
    found: SearchResult,
    split: Split,
    runner: TrialRunner,
    tell: Listener,
    spending: Spending | None = None,
) -> TrialResult:
    """Train the winner to early stopping, from the searched parameters if warm."""
    if isinstance(found.start, TrialResult):
        return found.start
    request = found.start
    if not spec.warm_start:
        task = Task(spec, split, runner, silent)
        request = scratch(task, found.chosen, spec.training.seed)
    if spending is not None:
        request = spending.final(request, found.cost.pair_updates)
    began = StageBegan(chosen=found.chosen.label)
    tell(Progress(Stage.RETRAINING, within(Stage.RETRAINING, 0.0), began))
    told = _counting(Stage.RETRAINING, (0.0, 0.9), request.trial.training.epochs, tell)
    [result] = runner.run([request], told)
    if not result.usable:
        raise SearchFailed(f"retraining {found.chosen.label} failed: {result.error}")
    return result


def refitted(
    final: TrialResult,
    epochs: int,
    runner: TrialRunner,
    tell: Listener,
    seconds: float | None = None,
) -> TrialResult:
    """Let the final training see the validation pairs, now that they have served."""
    if not epochs:
        return final
    told = _counting(Stage.RETRAINING, (0.9, 1.0), epochs, tell)
    [result] = runner.run([refit(final, epochs, seconds)], told)
    return final if result.error else result


def _verifying_trainings(
    spec: SearchSpec,
    tried: Contest,
    split: Split,
    runner: TrialRunner,
    tell: Listener,
) -> dict[str, list[TrialResult]]:
    tell(Progress(Stage.EVALUATING, within(Stage.EVALUATING, 0.0), StageBegan()))
    task = Task(spec, split, runner, silent)
    requests = tried.requests(task)
    if not requests:
        return {}
    epochs = len(requests) * spec.training.epochs
    results = runner.run(
        requests, _counting(Stage.EVALUATING, (0.0, 0.8), epochs, tell)
    )
    return tried.by_role(results)


def _counting(
    stage: Stage, span: tuple[float, float], epochs: int, tell: Listener
) -> Callable[[Trial, Epoch], None]:
    """Tell of epochs, as so many of those planned; early stopping may end it sooner."""
    done = 0

    def told(trial: Trial, epoch: Epoch) -> None:
        nonlocal done
        done += 1
        share = span[0] + (span[1] - span[0]) * min(done / max(epochs, 1), 1.0)
        tell(Progress(stage, within(stage, share), epoch_event(trial, epoch)))

    return told


class _Evaluation:
    """Ranks models on a part of the split; `tell` may stop it between blocks."""

    def __init__(self, spec: SearchSpec, split: Split, tell: Listener) -> None:
        self.metrics = _metrics(spec)
        self.k = max(metric.k for metric in self.metrics)
        self.metric = Metric(spec.metric)
        self.tell = tell

    def of(
        self, models: Sequence[Model], held_out: Interactions, masked: Interactions
    ) -> list[Hits]:
        ranking = Ranking(held_out, masked, k=self.k)
        return [ranking.hits(model(), self._tick) for model in models]

    def _tick(self) -> None:
        self.tell(Progress(Stage.EVALUATING, within(Stage.EVALUATING, 0.9), Tick()))

    def means(self, hits: Sequence[Hits]) -> dict[str, float]:
        """Return each metric, averaged over users and models."""
        each = [hit.means(self.metrics) for hit in hits]
        return {
            name: float(np.mean([means[name] for means in each])) for name in each[0]
        }


def _verification(
    spec: SearchSpec,
    tried: Contest,
    results: dict[str, list[TrialResult]],
    split: Split,
    evaluation: _Evaluation,
) -> Verification | None:
    """Open the test split for what was trained to verify; None where any failed."""
    if not results or any(not r.usable for some in results.values() for r in some):
        return None
    judge = Judge(
        rank=lambda models: evaluation.of(models, split.test, split.known),
        means=evaluation.means,
        metric=evaluation.metric,
        candidates=len(spec.samplers),
        seed=spec.training.seed,
    )
    models = {
        role: [result.best_model(split) for result in some]
        for role, some in results.items()
    }
    return judge.verified(tried, results, models)


def _verdict(
    spec: SearchSpec, found: SearchResult, verification: Verification | None
) -> Verdict:
    label = found.chosen.label
    searched, left_after = found.tuning.sampler_gain if found.tuning else None, None
    mine = next((each for each in found.candidates if each.name == label), None)
    if found.tuning is None and mine is not None:
        searched = mine.versus_uniform
        left_after = None if mine.was_beside_uniform else mine.versus_uniform_after
    return verdict(
        label,
        is_uniform=isinstance(found.chosen, UniformSampler),
        searched=searched,
        verified=verification,
        metric=spec.metric,
        left_after=left_after,
    )


def _metrics(spec: SearchSpec) -> list[Metric]:
    return [Metric(text) for text in dict.fromkeys((spec.metric, *spec.report_metrics))]


def _sizes(spec: SearchSpec, dataset: Dataset, split: Split) -> SplitSizes:
    return SplitSizes(
        kind=(spec.split or default_split(dataset)).label,
        train=split.train.num_pairs,
        valid=split.valid.num_pairs,
        test=split.test.num_pairs,
    )
