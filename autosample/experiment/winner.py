"""The winner of a search, trained to its end, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from autosample.core.events import StageBegan
from autosample.core.progress import Listener, Progress, Stage, within
from autosample.data.splits import Split
from autosample.errors import SearchFailed
from autosample.experiment.budget import Spending
from autosample.experiment.progress import count_epochs
from autosample.experiment.refit import RefitPlan, Refitted
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import Cost, Curve, SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.run import search
from autosample.models import Model
from autosample.spec import SearchSpec
from autosample.trials import OnEpoch, Request, Trial, TrialResult, TrialRunner

REFIT_FROM = 0.9
"""Progress of the retraining stage at which the refit begins."""


class Models(NamedTuple):
    """The winner's models."""

    returned: Model
    """The one that the search returns."""
    before_refit: Model
    """The one that has seen training pairs alone; a copy where there was no refit."""


@dataclass(frozen=True)
class Winner:
    """What a search chose, the final training, and its refit.

    What was run after the search is read off the results' own settings, never off their
    identity: a runner may wrap, rename or copy a result.
    """

    search: SearchResult
    final: TrialResult
    """The winner's training on the training pairs, to its end."""
    refitted: Refitted | None = None
    """The refit; None: there was none."""
    refit_plan: RefitPlan | None = None
    """How it was made, to be made again over all pairs."""

    @property
    def returned(self) -> TrialResult:
        """What the returned model is from: the refit, or `final` where there was
        none."""
        return self.final if self.refitted is None else self.refitted.model

    @property
    def alone(self) -> TrialResult:
        """The training of the winner in which no other candidate had a part."""
        return self.search.alone or self.final

    @property
    def was_retrained(self) -> bool:
        """Whether `final` was run after the search, whose cost does not include it."""
        return isinstance(self.search.final_training, Request)

    @property
    def was_refitted(self) -> bool:
        """Whether the returned model was trained on the validation pairs too."""
        return self.refitted is not None

    @property
    def final_cost(self) -> Cost:
        """Cost of what was run after the search."""
        return Cost().plus(self._after_search)

    @property
    def cost(self) -> Cost:
        """Cost of the search with all that followed it."""
        return self.search.cost.plus(self._after_search)

    @property
    def _after_search(self) -> list[TrialResult]:
        final = [self.final] if self.was_retrained else []
        refit = [] if self.refitted is None else [*self.refitted.branches]
        return final + refit

    @property
    def curve(self) -> Curve:
        """The final training, from its first epoch: a search that starts it warm has
        trained its beginning."""
        label = self.search.chosen.label
        if self.final.trial.merged:
            return self._curve_of_parents
        final = Curve(name=label).plus(self.final)
        if not self.was_retrained or self.final.trial.start is None:
            return final
        begun = [curve.points for curve in self.search.curves if curve.name == label]
        points = begun[0] if begun else {}
        return Curve.through(label, points | final.points)

    @property
    def _curve_of_parents(self) -> Curve:
        """The averages up to the one that is returned."""
        name, last = self.final.trial.name, self.final.best_epoch
        [curve] = [each for each in self.search.curves if each.name == name]
        points = {at: value for at, value in curve.points.items() if at <= last}
        return Curve.through(name, points)

    def trial(self, spec: SearchSpec) -> Trial:
        """Return the settings of the winner's training; those of an average of several
        candidates are the chosen one's."""
        if not self.final.trial.merged:
            return self.final.trial
        chosen = self.search.chosen
        return recipe.trial(spec, f"retrain {chosen.label}", [chosen])

    def models(self, split: Split) -> Models:
        """Build the returned model, and the one before its refit."""
        before = self.final.best_model(split)
        return Models(self.returned.best_model(split), before)


def find_winner(
    spec: SearchSpec,
    runner: TrialRunner,
    listener: Listener,
    spending: Spending | None = None,
) -> Winner:
    """Search, train the winner to its end, and refit it on the validation pairs.

    `spending` limits what follows the search. Raises SearchFailed where no candidate
    survives, and whatever the listener raises.
    """
    began = StageBegan(candidates=tuple(each.label for each in spec.all_candidates))
    listener(Progress(Stage.SEARCHING, within(Stage.SEARCHING, 0.0), began))
    result = search(Ledger(spec, runner, listener))
    final = retrain(spec, result, runner, listener, spending)
    epochs, seconds = spec.resolved_refit, None
    if spending is not None:
        spent = Winner(result, final).cost
        epochs, seconds = spending.limit_refit(spent.pair_updates)
    if not epochs:
        return Winner(result, final)
    if isinstance(result.final_training, TrialResult):
        _begin(result, listener)
    plan = RefitPlan(spec, final, result.mixture, epochs, seconds)
    count = _count((REFIT_FROM, 1.0), epochs * spec.refit_branches, listener)
    return Winner(result, final, plan.run(runner, count), plan)


def retrain(
    spec: SearchSpec,
    result: SearchResult,
    runner: TrialRunner,
    listener: Listener,
    spending: Spending | None = None,
) -> TrialResult:
    """Train the winner to early stopping, from the searched parameters if warm; a
    training that the search itself ended is returned as it is."""
    if isinstance(result.final_training, TrialResult):
        return result.final_training
    request = result.final_training
    if not spec.warm_start:
        request = recipe.ordinary(spec, result.chosen, spec.training.seed)
    if spending is not None:
        request = spending.limit_final(request, result.cost.pair_updates)
    _begin(result, listener)
    epochs = request.trial.training.epochs
    [final] = runner.run([request], _count((0.0, REFIT_FROM), epochs, listener))
    if not final.usable:
        raise SearchFailed(f"retraining {result.chosen.label} failed: {final.error}")
    return final


def _begin(result: SearchResult, listener: Listener) -> None:
    """Tell that a winner was chosen."""
    began = StageBegan(chosen=result.chosen.label)
    listener(Progress(Stage.RETRAINING, within(Stage.RETRAINING, 0.0), began))


def refit_on_all(
    winner: Winner, runner: TrialRunner, on_epoch: OnEpoch
) -> Refitted | None:
    """Do the refit anew over all pairs, test pairs included, for as many epochs.

    Nothing may be measured on the result. Returns None where there was no refit, or
    where this one fails.
    """
    if winner.refitted is None or winner.refit_plan is None:
        return None
    plan = winner.refit_plan._replace(epochs=winner.refitted.epochs, seconds=None)
    return plan.run(runner, on_epoch, with_test=True)


def _count(span: tuple[float, float], planned: int, listener: Listener) -> OnEpoch:
    """Return a callback that reports epochs in a span of the retraining stage."""
    low, high = (within(Stage.RETRAINING, fraction) for fraction in span)
    return count_epochs(Stage.RETRAINING, (low, high), planned, listener)
