"""The refit: the last epochs of the returned model, on the validation pairs too.

Users want a model that knows the test pairs as well, and whose `seen` items are all
that their users have. So, unless the test pairs came in a file of their own, the refit
is done anew over all pairs once the test metrics have been taken: from the same
parameters, for as many epochs. The metrics describe the refit before.

Once the winner is chosen and its training has stopped, nothing is decided by the
validation pairs any more, and users want them in the model. A few epochs from the best
parameters are enough. They are trained in branches, each with a fresh optimiser and a
seed of its own, whose parameters are averaged: `benchmarks/refit.py` compares that with
going on for as many epochs in one training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import AliasChoices, Field, PositiveInt

from autosample.core.config import Config
from autosample.core.seeds import derive
from autosample.experiment.strategies import recipe
from autosample.spec import SearchSpec
from autosample.trials import OnEpoch, Request, Start, Trial, TrialResult, TrialRunner
from autosample.trials.recipe import Candidate
from autosample.trials.shares import deal
from autosample.trials.trial import SEED_BITS, Share

NAME = "refit"
"""With which the names of a refit's trials begin."""


class Refit(Config):
    """Training on the validation pairs too, after the last decision."""

    epochs: PositiveInt = Field(validation_alias=AliasChoices("epochs", "passes"))
    """Epochs over training and validation pairs, of each branch."""
    branches: PositiveInt = 1
    """Branches whose average the model is."""
    test_before: dict[str, float]
    """Test metrics of the model before the refit, the one that `valid` describes."""


class FinalRefit(Config):
    """The refit done anew over all pairs, for the model that is handed over."""

    epochs: PositiveInt
    """Epochs over all pairs, of each branch."""
    pairs: PositiveInt
    """Training, validation and test pairs together."""


class Refitted(NamedTuple):
    """A refit that was run."""

    model: TrialResult
    """The average of the branches."""
    branches: tuple[TrialResult, ...]

    @property
    def epochs(self) -> int:
        """Epochs of a branch."""
        return max(len(branch.history) for branch in self.branches)


class RefitPlan(NamedTuple):
    """How a finished training is refitted."""

    spec: SearchSpec
    final: TrialResult
    """The training that branches start from."""
    mixture: Sequence[tuple[Candidate, float]]
    """Candidates that train the branches, with their weights; empty: the one that
    trained `final`."""
    epochs: int
    """Epochs of each branch."""
    seconds: float | None = None
    """Seconds for all branches together; None: no limit."""

    def run(
        self, runner: TrialRunner, on_epoch: OnEpoch, *, with_test: bool = False
    ) -> Refitted | None:
        """Train the branches over training and validation pairs, and over the test
        pairs too where nothing is measured any more. None where no branch succeeds."""
        requests = self.requests(with_test=with_test)
        results = runner.run(requests, on_epoch)
        sound = tuple(result for result in results if result.error is None)
        if not sound:
            return None
        [model] = runner.run([self.merge(sound)], on_epoch)
        return Refitted(model, sound)

    def requests(self, *, with_test: bool = False) -> list[Request]:
        """Return the branches."""
        templates = self._templates()
        return [
            Request(self._branch(template, number, with_test=with_test), self.final)
            for number, template in enumerate(templates)
        ]

    def _templates(self) -> list[Trial]:
        """Return a trial with the settings of each branch."""
        branches = self.spec.refit_branches
        if not self.mixture:
            return [self.final.trial] * branches
        counts = deal([weight for _, weight in self.mixture], branches)
        return [
            recipe.trial(self.spec, candidate.label, [candidate])
            for (candidate, _), count in zip(self.mixture, counts, strict=True)
            for _ in range(count)
        ]

    def _branch(self, template: Trial, number: int, *, with_test: bool) -> Trial:
        begun = self.final.best_epoch
        training = template.training
        seed = derive(self.spec.training.seed, "refit", str(number))
        return template.model_copy(
            update={
                "name": f"{NAME} {template.candidates[0].label}"
                + (f" ({number + 1})" if number else "")
                + (" on all pairs" if with_test else ""),
                "training": training.model_copy(
                    update={
                        "seed": seed >> (63 - SEED_BITS),
                        "epochs": max(training.epochs, begun + self.epochs),
                        "average": False,
                    }
                ),
                "start": self.final.trial.digest,
                "start_with": Start.PARAMETERS,
                "stop_early": False,
                "own_epochs": self.epochs,
                "seconds": self.seconds and self.seconds / self.spec.refit_branches,
                "begun": begun,
                "average_from": begun + self.epochs // 2 + 1,
                "with_validation": True,
                "with_test": with_test,
                "merged": (),
            }
        )

    def merge(self, branches: Sequence[TrialResult]) -> Request:
        """Return the average of the branches, all of which count the same."""
        first, count = branches[0].trial, len(branches)
        losses = tuple(branch.trial.loss for branch in branches)
        trial = first.model_copy(
            update={
                "name": NAME + (" on all pairs" if first.with_test else ""),
                "candidates": tuple(b.trial.candidates[0] for b in branches),
                "losses": losses if len(set(losses)) > 1 else None,
                "start": None,
                "own_epochs": None,
                "seconds": None,
                "average_from": None,
                "begun": first.begun + self.epochs,
                "merged": tuple(
                    Share(trial=branch.trial.digest, weight=1 / count)
                    for branch in branches
                ),
            }
        )
        return Request(trial, None, tuple(branches))
