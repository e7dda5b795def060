"""A study: many trainings from scratch, drawn from a space, the worse stopped early.

The library says what a study is; who runs it is Ray Tune, in `workers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from autosample.errors import SpecError
from autosample.samplers import Sampler
from autosample.trials.result import TrialResult
from autosample.trials.runner import OnEpoch, TrialRunner
from autosample.trials.trial import Trial

SAMPLER = "sampler"
Point = Mapping[str, Any]
"""A place in a space: the candidate's number under `sampler`, and a value for each of
its dials."""


class Hyperparameter(NamedTuple):
    """A number that is turned."""

    low: float
    high: float
    log: bool
    integer: bool


@dataclass(frozen=True)
class Space:
    """Candidates, what is turned for all of them, and for each of them alone."""

    samplers: tuple[Sampler, ...]
    rates: Mapping[str, Hyperparameter]
    own: tuple[Mapping[str, Hyperparameter], ...]
    """By candidate, under names that no other candidate has."""

    def hyperparameters(self, at: int) -> dict[str, Hyperparameter]:
        """Return what is turned for a candidate."""
        return {**self.rates, **self.own[at]}

    @property
    def is_list(self) -> bool:
        """Whether there is nothing to turn."""
        return not self.rates and not any(self.own)

    def sampler(self, point: Point) -> Sampler:
        """Return the candidate with its dials as they stand; raises ValueError where
        they do not go together."""
        at = point[SAMPLER]
        base = self.samplers[at]
        turned = {name.partition(".")[2]: point[name] for name in self.own[at]}
        if not turned:
            return base
        return type(base).model_validate(base.model_dump() | turned)


@dataclass(frozen=True)
class Study:
    """What to train and when to stop it."""

    template: Trial
    """All that the trainings have in common; `training.epochs` is for each."""
    space: Space
    samples: int
    """Places of the space that are tried; where there is nothing to turn, every
    candidate is, once."""
    grace: int
    reduction: int
    total_epochs: int | None = None
    seconds: float | None = None

    def trial(self, point: Point) -> Trial:
        """Return the training at a place; raises ValueError where there is none."""
        sampler = self.space.sampler(point)
        rates = {name: point[name] for name in self.space.rates}
        training = self.template.training.model_copy(update=rates)
        update = {
            "name": sampler.label,
            "candidates": (sampler,),
            "training": training,
        }
        return self.template.model_copy(update=update)

    @property
    def milestones(self) -> tuple[int, ...]:
        """Return after how many epochs a training has to show itself."""
        found, at = [], self.grace
        while at < self.template.training.epochs:
            found.append(at)
            at *= self.reduction
        return tuple(found)


class Tried(NamedTuple):
    """One training of a study."""

    base: Sampler
    """The candidate as it was listed."""
    result: TrialResult
    over: bool
    """Whether it ended by itself; otherwise it was stopped at a milestone."""

    @property
    def sampler(self) -> Sampler:
        """The candidate with its dials as they stood."""
        [sampler] = self.result.trial.candidates
        return sampler


@runtime_checkable
class StudyRunner(TrialRunner, Protocol):
    """Runs studies as well."""

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        """Run a study; its trainings depend on one another, so that their number at a
        time changes the answer."""
        ...


def studied(runner: TrialRunner, study: Study, on_epoch: OnEpoch) -> list[Tried]:
    """Let a runner run a study; raises SpecError where it can not."""
    if not isinstance(runner, StudyRunner):
        raise SpecError(
            "strategy asha and `tune` run on Ray Tune, and this search runs in one"
            " process; use `autosample search`, `autosample.search` or the service"
        )
    return runner.study(study, on_epoch)
