"""A study: many trainings from scratch at points of a search space; those that are
behind are stopped early.

The library describes a study; Ray Tune runs it, in `workers`.
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
"""A point of a search space: the candidate's number under SAMPLER, and a value of each
of its hyperparameters."""


class Hyperparameter(NamedTuple):
    """A number that a study varies, with its range."""

    low: float
    high: float
    log: bool
    """Whether it is searched on a logarithmic scale."""
    integer: bool


@dataclass(frozen=True)
class Space:
    """A search space: candidates, and the hyperparameters that are varied with them."""

    samplers: tuple[Sampler, ...]
    rates: Mapping[str, Hyperparameter]
    """Fields of Training that are varied for all candidates."""
    own: tuple[Mapping[str, Hyperparameter], ...]
    """Hyperparameters of each candidate alone, as `<number of the candidate>.<name>`,
    so that no two candidates share a name."""

    def hyperparameters(self, at: int) -> dict[str, Hyperparameter]:
        """Return what is varied for the candidate of this number."""
        return {**self.rates, **self.own[at]}

    @property
    def is_list(self) -> bool:
        """Whether it consists of the candidates alone."""
        return not self.rates and not any(self.own)

    def sampler(self, point: Point) -> Sampler:
        """Return the candidate with its hyperparameters at a point; raises ValueError
        where they do not go together."""
        at = point[SAMPLER]
        listed = self.samplers[at]
        values = {name.partition(".")[2]: point[name] for name in self.own[at]}
        if not values:
            return listed
        return type(listed).model_validate(listed.model_dump() | values)


@dataclass(frozen=True)
class Study:
    """What to train, and when to stop it."""

    template: Trial
    """What all trainings have in common; `training.epochs` limits each of them."""
    space: Space
    samples: int
    """Points of the space that are tried; in a space of candidates alone, each of them
    is tried once instead."""
    grace: int
    """Epochs before the first milestone."""
    reduction: int
    """At each milestone one training in `reduction` goes on, to a milestone after
    `reduction` times as many epochs."""
    total_epochs: int | None = None
    """Most epochs of all trainings together; None: no limit."""
    seconds: float | None = None
    """Most seconds on the clock; None: no limit."""

    def trial(self, point: Point) -> Trial:
        """Return the training at a point; raises ValueError where hyperparameters do
        not go together."""
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
        """Numbers of epochs after which trainings are compared with one another."""
        milestones, at = [], self.grace
        while at < self.template.training.epochs:
            milestones.append(at)
            at *= self.reduction
        return tuple(milestones)


class Tried(NamedTuple):
    """One training of a study."""

    base: Sampler
    """The candidate as it was listed."""
    result: TrialResult
    over: bool
    """Whether it ended by itself; otherwise it was stopped at a milestone."""

    @property
    def sampler(self) -> Sampler:
        """The candidate with its hyperparameters as they were tried."""
        [sampler] = self.result.trial.candidates
        return sampler


@runtime_checkable
class StudyRunner(TrialRunner, Protocol):
    """A runner that runs studies as well as single trials."""

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        """Run a study.

        Its trainings are compared with one another, so results depend on how many run
        at a time.
        """
        ...


def run_study(runner: TrialRunner, study: Study, on_epoch: OnEpoch) -> list[Tried]:
    """Run a study; raises SpecError where the runner cannot run studies."""
    if not isinstance(runner, StudyRunner):
        raise SpecError(
            "strategy asha and `tune` run on Ray Tune, and this search runs in one"
            " process; use `autosample search`, `autosample.search` or the service"
        )
    return runner.study(study, on_epoch)
