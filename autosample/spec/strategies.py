"""Settings of each strategy of this package, and the registry of all strategies."""

from __future__ import annotations

from math import ceil, floor, log
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AliasChoices, Field, NonNegativeInt

from autosample.core.bounds import EpochCount, Positive
from autosample.core.plugins import Registry
from autosample.models import ModelConfig
from autosample.spec.budget import Room
from autosample.spec.plan import PlannedEpochs, Trainee, ordinary_training
from autosample.spec.rung import Rung, shorten
from autosample.spec.soup import SoupStrategy
from autosample.spec.strategy import Strategy
from autosample.training.settings import WeightLearning

if TYPE_CHECKING:
    from autosample.spec.search import SearchSpec


class Race(Strategy):
    """Train all candidates a little, drop those heading for less, train the others
    further, and so on."""

    paper: ClassVar[str] = (
        "successive halving: Jamieson and Talwalkar, AISTATS 2016, arXiv:1502.07943"
    )
    kind: Literal["race"] = "race"
    warmup: NonNegativeInt = 0
    """Epochs of the supernet, with equal weights, from which branches start; 0: they
    start from fresh parameters."""
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1)] | None = None
    """Rounds, each with fewer candidates and more epochs; the best of the last one
    wins. None: four rungs that end at 1, 4, 6 and 8 times the model's `pace` and keep
    5, 4, 3 and 1 candidates."""
    reset: bool = True
    """Start branches of a supernet with a fresh optimiser: easy samplers have small
    gradients and would inherit steps made small by the hard ones."""
    refine: int = Field(0, ge=0, le=8)
    """Rounds after the last rung in which the winner competes with its neighbours, one
    step away within the ranges of its hyperparameters, trained as long as it was."""
    doublings: float = Field(2.75, ge=0, le=8)
    """Candidates are ranked by the metric they would reach after so many more doublings
    of their epochs, if each gained as much as the last; 0: by what they have reached.
    """
    confidence: float = Field(0.99, gt=0.5, lt=1)
    """Where `doublings` is 0: confidence at which a candidate that is worse than the
    leader is dropped before its turn."""

    def resolve(self, model: ModelConfig) -> Race:
        """Fill in the default rungs from the model's pace, if none are set."""
        return self.paced(model.pace)

    def paced(self, pace: int) -> Race:
        """Return a copy with the default rungs at this pace, unless rungs are set."""
        if self.rungs is not None:
            return self
        rungs = tuple(
            Rung(epochs=pace * times, keep=keep)
            for times, keep in ((1, 5), (3, 4), (2, 3), (2, 1))
        )
        return self.model_copy(update={"rungs": rungs})

    def planned_epochs(self, spec: SearchSpec) -> list[PlannedEpochs]:
        """Return the warm-up, and the branches of each rung."""
        count, trainee = len(spec.all_candidates), Trainee.EACH
        planned = []
        if self.warmup and count > 1 and spec.mixture_refusal is None:
            planned.append(PlannedEpochs(Trainee.SUPERNET, 1, self.warmup, self.warmup))
        for branches, rung in zip(self._sizes(count), self.rungs or (), strict=True):
            planned.append(PlannedEpochs(trainee, branches, rung.epochs, rung.epochs))
            trainee = Trainee.ANY
            if rung.keep == 1:
                break
        return planned

    def _sizes(self, candidates: int) -> list[int]:
        """Return the most branches that each rung trains."""
        sizes, rungs = [candidates], self.rungs or ()
        for rung in rungs[:-1]:
            sizes.append(min(sizes[-1], rung.keep))
        return sizes

    def shorten(self, ratio: float) -> Race:
        """Return a copy with this share of warm-up and of each rung's epochs."""
        rungs = tuple(
            rung.model_copy(update={"epochs": shorten(rung.epochs, ratio)})
            for rung in self.rungs or ()
        )
        warmup = floor(self.warmup * ratio)
        return self.model_copy(update={"warmup": warmup, "rungs": rungs})


class Mixture(WeightLearning, Strategy):
    """Train all candidates as one mixture, learn its weights by gradient, and choose
    the candidate with the largest weight."""

    paper: ClassVar[str] = (
        "Lyu et al., 2023, arXiv:2311.03526; gradient: Liu et al., arXiv:1806.09055"
    )
    mixes: ClassVar[bool] = True
    kind: Literal["mixture"] = "mixture"
    epochs: EpochCount = 20
    """Epochs of the mixture's training."""

    def planned_epochs(self, spec: SearchSpec) -> list[PlannedEpochs]:
        """Return the epochs of the supernet."""
        return [PlannedEpochs(Trainee.SUPERNET, 1, self.epochs, self.epochs)]

    def shorten(self, ratio: float) -> Mixture:
        """Return a copy with this share of the epochs."""
        return self.model_copy(update={"epochs": shorten(self.epochs, ratio)})

    @property
    def weight_learning(self) -> WeightLearning:
        """The settings of weight learning alone."""
        names = WeightLearning.model_fields
        return WeightLearning(**{name: getattr(self, name) for name in names})


class Exhaustive(Strategy):
    """Train every candidate from scratch to early stopping under every seed."""

    paper: ClassVar[str] = "the truth that other strategies are judged by"
    trains_to_the_end: ClassVar[bool] = True
    budget_share: ClassVar[float] = 1.0
    kind: Literal["exhaustive"] = "exhaustive"

    def planned_epochs(self, spec: SearchSpec) -> list[PlannedEpochs]:
        """Return a training of each candidate under every seed."""
        trials = len(spec.all_candidates) * len(spec.seeds)
        return [ordinary_training(spec, Trainee.EACH, trials)]

    def fit(self, spec: SearchSpec, room: Room) -> SearchSpec | None:
        """Shorten each training; None where not an epoch of each fits."""
        return self._shorten_trainings(spec, room)


class Asha(Strategy):
    """Train every candidate from scratch; stop those that are behind at milestones.

    Runs on Ray Tune. With more than one trial at a time the answer depends on which
    trial ends first: each milestone compares with those that have reached it so far.
    """

    paper: ClassVar[str] = "Li et al., MLSys 2020, arXiv:1810.05934"
    trains_to_the_end: ClassVar[bool] = True
    tunes: ClassVar[bool] = True
    needs_ray: ClassVar[bool] = True
    kind: Literal["asha"] = "asha"
    grace: EpochCount = 4
    """Epochs before the first milestone."""
    reduction: int = Field(3, ge=2, le=16)
    """At each milestone one training in `reduction` goes on, to the next milestone,
    which is `reduction` times as many epochs from the start."""
    total_epochs: EpochCount | None = Field(
        None, validation_alias=AliasChoices("total_epochs", "passes")
    )
    """Most epochs of all trainings together; None: no limit."""
    seconds: Positive | None = None
    """Most seconds on the clock; None: no limit."""

    def planned_epochs(self, spec: SearchSpec) -> list[PlannedEpochs]:
        """Return the study of all candidates."""
        trials = spec.tune.samples if spec.tune else len(spec.all_candidates)
        return [self.planned_study(spec, trials)]

    def planned_study(self, spec: SearchSpec, trials: int) -> PlannedEpochs:
        """Return the epochs of a study.

        Each milestone stops all but one in `reduction`, so that between two milestones
        all trainings together train as many epochs as before the first.
        """
        most = spec.training.epochs
        milestones = log(max(most / self.grace, 1), self.reduction)
        likely = self.grace * (1 + milestones * (1 - 1 / self.reduction))
        return PlannedEpochs(Trainee.ANY, trials, min(ceil(likely), most), most)

    def fit(self, spec: SearchSpec, room: Room) -> SearchSpec | None:
        """Set limits for Ray Tune to keep to; None where not all candidates would
        reach the first milestone."""
        limits: dict[str, float] = {}
        if room.epochs is not None:
            if room.epochs <= self.grace * len(spec.all_candidates):
                return None
            limits["total_epochs"] = min(room.epochs, self.total_epochs or room.epochs)
        if room.seconds is not None:
            limits["seconds"] = min(room.seconds, self.seconds or room.seconds)
        strategy = self.model_copy(update=limits)
        return spec.model_copy(update={"strategy": strategy})


STRATEGIES: Registry[Strategy] = Registry(
    "strategies",
    Strategy,  # type: ignore[type-abstract]
    lambda: (Race, Mixture, Exhaustive, Asha, SoupStrategy),
)

StrategySpec = Annotated[Strategy, STRATEGIES]
