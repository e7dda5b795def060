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
from autosample.experiment.refit import refit_request
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import Cost, Curve, SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.run import search
from autosample.models import Model
from autosample.spec import SearchSpec
from autosample.trials import OnEpoch, Request, TrialResult, TrialRunner

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
    returned: TrialResult
    """What the returned model is from: the refit, or `final` where there was none."""

    @property
    def was_retrained(self) -> bool:
        """Whether `final` was run after the search, whose cost does not include it."""
        return isinstance(self.search.final_training, Request)

    @property
    def was_refitted(self) -> bool:
        """Whether the returned model was trained on the validation pairs too."""
        return self.returned.trial.with_validation

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
        refit = [self.returned] if self.was_refitted else []
        return final + refit

    @property
    def curve(self) -> Curve:
        """The final training, from its first epoch: a search that starts it warm has
        trained its beginning."""
        label = self.search.chosen.label
        final = Curve(name=label).plus(self.final)
        if not self.was_retrained or self.final.trial.start is None:
            return final
        begun = [curve.metric for curve in self.search.curves if curve.name == label]
        return Curve(name=label, metric=sum(begun, ()) + final.metric)

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
        spent = Winner(result, final, final).cost
        epochs, seconds = spending.limit_refit(spent.pair_updates)
    returned = final
    if epochs:
        returned = refit(final, refit_request(final, epochs, seconds), runner, listener)
    return Winner(result, final, returned)


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
    began = StageBegan(chosen=result.chosen.label)
    listener(Progress(Stage.RETRAINING, within(Stage.RETRAINING, 0.0), began))
    epochs = request.trial.training.epochs
    [final] = runner.run([request], _count((0.0, REFIT_FROM), epochs, listener))
    if not final.usable:
        raise SearchFailed(f"retraining {result.chosen.label} failed: {final.error}")
    return final


def refit(
    final: TrialResult, request: Request, runner: TrialRunner, listener: Listener
) -> TrialResult:
    """Train on over the validation pairs too; returns `final` where that fails."""
    epochs = request.trial.own_epochs or 1
    [refitted] = runner.run([request], _count((REFIT_FROM, 1.0), epochs, listener))
    return final if refitted.error else refitted


def refit_on_all(
    winner: Winner, runner: TrialRunner, on_epoch: OnEpoch
) -> TrialResult | None:
    """Do the refit anew over all pairs, test pairs included, for as many epochs.

    Nothing may be measured on the result. Returns None where there was no refit, or
    where this one fails.
    """
    if not winner.was_refitted:
        return None
    epochs = len(winner.returned.history)
    request = refit_request(winner.final, epochs, with_test=True)
    [refitted] = runner.run([request], on_epoch)
    return None if refitted.error else refitted


def _count(span: tuple[float, float], planned: int, listener: Listener) -> OnEpoch:
    """Return a callback that reports epochs in a span of the retraining stage."""
    low, high = (within(Stage.RETRAINING, fraction) for fraction in span)
    return count_epochs(Stage.RETRAINING, (low, high), planned, listener)
