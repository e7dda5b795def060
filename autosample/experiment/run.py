"""A search from start to report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import version

from autosample.core.events import StageBegan
from autosample.core.progress import Listener, Progress, Stage, silent, within
from autosample.core.tensors import State, usual_torch
from autosample.data.cold import cold
from autosample.data.dataset import Dataset, DatasetStats
from autosample.data.interactions import Interactions
from autosample.data.likeness import likeness
from autosample.data.splits import Split
from autosample.experiment.assess import REFITTED, Assessment, assess
from autosample.experiment.budget import Plan, plan_within_budget
from autosample.experiment.prepare import fit_metrics, prepare, split_rule
from autosample.experiment.progress import count_epochs
from autosample.experiment.refit import FinalRefit
from autosample.experiment.report import Costs, Report, SplitSizes
from autosample.experiment.winner import Winner, find_winner, refit_on_all
from autosample.models import Model
from autosample.samplers import Sampler
from autosample.spec import SearchSpec
from autosample.trials import OnEpoch, Runners, Trial
from autosample.trials.recipe import recipe_or_none, sampler_of
from autosample.trials.run import InProcessRunner


@dataclass(frozen=True)
class Outcome:
    """A finished search, in memory: what a bundle is written from."""

    report: Report
    model: Model
    sampler: Sampler
    trial: Trial
    """The final training: model, loss and training settings in full."""
    dataset: Dataset
    split: Split
    sampler_state: State
    """What the sampler itself has learned, such as gates; empty for most."""

    @property
    def known(self) -> Interactions:
        """The pairs that the model was trained on."""
        handed_over_all = self.report.final_refit is not None
        return self.split.everything if handed_over_all else self.split.known


@usual_torch()
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
    spec = fit_metrics(spec, dataset)
    split = prepare(spec, dataset)
    runner = runners(split)
    plan = plan_within_budget(spec, split, runner.parallel)
    winner = find_winner(plan.spec, runner, tell, plan.spending)
    models = winner.models(split)
    assessment = assess(plan.spec, winner, models, split, runner, tell)
    final = None
    if spec.hands_over_all(test_file=split.test_file):
        final = refit_on_all(winner, runner, _count_final(winner, tell))
    costs = Costs(
        search=winner.search.cost,
        retraining=winner.final_cost.plus([] if final is None else final.branches),
        wall_seconds=time.perf_counter() - began,
    )
    sizes = _sizes(spec, dataset, split)
    report = _report(dataset.stats, sizes, plan, winner, assessment, costs)
    if final is not None:
        pairs = split.everything.num_pairs
        done = FinalRefit(epochs=final.epochs, pairs=pairs)
        report = report.model_copy(update={"final_refit": done})
    return Outcome(
        report=report,
        model=models.returned if final is None else final.model.best_model(split),
        sampler=sampler_of(winner.search.chosen),
        trial=winner.trial(spec),
        dataset=dataset,
        split=split,
        sampler_state=(final.model if final else winner.returned).best_sampler(),
    )


def _count_final(winner: Winner, listener: Listener) -> OnEpoch:
    """Return a callback that reports the refit on all pairs."""
    low, high = (within(Stage.EVALUATING, part) for part in (REFITTED, 1.0))
    done = winner.refitted
    epochs = 0 if done is None else done.epochs * len(done.branches)
    return count_epochs(Stage.EVALUATING, (low, high), epochs, listener)


def _sizes(spec: SearchSpec, dataset: Dataset, split: Split) -> SplitSizes:
    return SplitSizes(
        kind=split_rule(spec, dataset).label,
        train=split.train.num_pairs,
        valid=split.valid.num_pairs,
        test=split.test.num_pairs,
        likeness=likeness(split),
        cold=cold(split),
    )


def _report(
    stats: DatasetStats,
    sizes: SplitSizes,
    plan: Plan,
    winner: Winner,
    assessment: Assessment,
    costs: Costs,
) -> Report:
    result = winner.search
    return Report(
        version=version("autosample"),
        spec=plan.asked,
        shortened=plan.shortened,
        dataset=stats,
        split=sizes,
        chosen=sampler_of(result.chosen),
        recipe=recipe_or_none(result.chosen),
        chosen_label=result.chosen.label,
        candidates=result.candidates,
        verdict=assessment.verdict,
        baseline=assessment.baseline,
        valid=assessment.valid,
        test=assessment.test,
        refit=assessment.refit,
        reach=assessment.reach,
        false_negatives=assessment.false_negatives,
        best_epoch=winner.final.best_epoch,
        tuning=result.tuning,
        verification=assessment.verification,
        forecast=plan.forecast,
        costs=costs,
        curves=result.curves,
        training=winner.curve,
        trace=result.trace,
    )
