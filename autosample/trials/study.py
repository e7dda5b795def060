"""A study: many trainings from scratch at points of a search space; those that are
behind are stopped early.

The library describes a study; Ray Tune runs it, in `workers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from autosample.core.config import Config
from autosample.errors import SpecError
from autosample.training import Training
from autosample.trials.recipe import Candidate, Recipe, loss_of, sampler_of
from autosample.trials.result import TrialResult
from autosample.trials.runner import OnEpoch, TrialRunner
from autosample.trials.trial import Trial

SAMPLER = "sampler"
LOSS, TRAINING = "loss", "training"
"""In names of hyperparameters: those of a recipe's loss, and fields of Training."""
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

    candidates: tuple[Candidate, ...]
    rates: Mapping[str, Hyperparameter]
    """Fields of Training that are varied for all candidates."""
    own: tuple[Mapping[str, Hyperparameter], ...]
    """Hyperparameters of each candidate alone, as `<number of the candidate>.<name>`,
    so that no two candidates share a name. A plain name is the sampler's; those of a
    loss or of Training begin with `loss.` or `training.`."""

    def hyperparameters(self, at: int) -> dict[str, Hyperparameter]:
        """Return what is varied for the candidate of this number."""
        return {**self.rates, **self.own[at]}

    @property
    def is_list(self) -> bool:
        """Whether it consists of the candidates alone."""
        return not self.rates and not any(self.own)

    def candidate(self, point: Point) -> Candidate:
        """Return the candidate with its hyperparameters at a point; raises ValueError
        where they do not go together."""
        listed = self.candidates[point[SAMPLER]]
        values = self._own_values(point)
        sampler = _changed(sampler_of(listed), values[SAMPLER])
        if not isinstance(listed, Recipe):
            return sampler
        changes: dict[str, object] = {"sampler": sampler}
        if listed.loss is not None:
            changes["loss"] = _changed(listed.loss, values[LOSS])
        return listed.model_copy(update=changes)

    def rates_at(self, point: Point) -> dict[str, float]:
        """Return the fields of Training at a point."""
        shared = {name: point[name] for name in self.rates}
        return shared | self._own_values(point)[TRAINING]

    def _own_values(self, point: Point) -> dict[str, dict[str, Any]]:
        """Return the candidate's own values, by what they belong to."""
        values: dict[str, dict[str, Any]] = {SAMPLER: {}, LOSS: {}, TRAINING: {}}
        for name in self.own[point[SAMPLER]]:
            owner, _, field = name.partition(".")[2].rpartition(".")
            values[owner or SAMPLER][field] = point[name]
        return values

    def listed_value(self, name: str, training: Training) -> Any:
        """Return the value of a hyperparameter as the candidate is listed."""
        number, _, rest = name.partition(".")
        if not rest:
            return getattr(training, name)
        owner, _, field = rest.rpartition(".")
        listed = self.candidates[int(number)]
        if owner == TRAINING:
            return getattr(training, field)
        if owner == LOSS:
            assert isinstance(listed, Recipe)
            return getattr(listed.loss, field)
        return getattr(sampler_of(listed), field)


Part = TypeVar("Part", bound=Config)


def _changed(part: Part, values: dict[str, Any]) -> Part:
    if not values:
        return part
    return type(part).model_validate(part.model_dump() | values)


@dataclass(frozen=True)
class Study:
    """What to train, and when to stop it."""

    templates: tuple[Trial, ...]
    """The training of each candidate as it is listed; `training.epochs`, the same in
    all, limits each of them."""
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
        candidate, template = (
            self.space.candidate(point),
            self.templates[point[SAMPLER]],
        )
        training = template.training.model_copy(update=self.space.rates_at(point))
        update = {
            "name": candidate.label,
            "candidates": (sampler_of(candidate),),
            "loss": loss_of(candidate, template.loss),
            "training": training,
        }
        return template.model_copy(update=update)

    @property
    def training(self) -> Training:
        """The training of the first candidate; all have the same epochs and seed."""
        return self.templates[0].training

    @property
    def milestones(self) -> tuple[int, ...]:
        """Numbers of epochs after which trainings are compared with one another."""
        milestones, at = [], self.grace
        while at < self.training.epochs:
            milestones.append(at)
            at *= self.reduction
        return tuple(milestones)


class Tried(NamedTuple):
    """One training of a study."""

    base: Candidate
    """The candidate as it was listed."""
    result: TrialResult
    over: bool
    """Whether it ended by itself; otherwise it was stopped at a milestone."""

    @property
    def candidate(self) -> Candidate:
        """The candidate with its hyperparameters as they were tried."""
        [sampler] = self.result.trial.candidates
        if not isinstance(self.base, Recipe):
            return sampler
        changes: dict[str, object] = {"sampler": sampler}
        if self.base.loss is not None:
            changes["loss"] = self.result.trial.loss
        return self.base.model_copy(update=changes)


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
