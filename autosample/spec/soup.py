"""Settings of the strategy soup."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from math import floor
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from autosample.core.bounds import EpochCount
from autosample.models import ModelConfig
from autosample.spec.budget import Room
from autosample.spec.plan import PlannedEpochs, Trainee, ordinary_training
from autosample.spec.rung import Rung, shorten
from autosample.spec.strategy import Strategy

if TYPE_CHECKING:
    from autosample.spec.search import SearchSpec


class Effort(StrEnum):
    """How much a search trains."""

    QUICK = "quick"
    STANDARD = "standard"
    THOROUGH = "thorough"


class Shape(NamedTuple):
    """What an effort decides."""

    rounds: tuple[tuple[int, int], ...]
    """Epochs of each round, and how many candidates stay after it."""
    finals: int
    extra: int


SHAPES: Mapping[Effort, Shape] = {
    Effort.QUICK: Shape(((2, 6), (3, 4), (4, 2)), 1, 1),
    Effort.STANDARD: Shape(((2, 6), (3, 4), (4, 2)), 2, 4),
    Effort.THOROUGH: Shape(((2, 8), (3, 8), (4, 4), (6, 4), (8, 4)), 3, 8),
}
"""For a dozen candidates: 58, 58 and 136 epochs of branches before the finals."""
USUAL_PACE = 3
"""The pace of models for which the rounds above are as long as they say."""
LIKELY_EXTRA = 2
"""Further rounds that a soup is likely to have."""


class SoupStrategy(Strategy):
    """Train a copy of one shared model with each candidate, average the copies by the
    evidence of the validation metric, and so on in rounds; the best few candidates are
    then trained to their end, and the best model goes on in rounds."""

    paper: ClassVar[str] = (
        "our own; averages of models: Wortsman et al., ICML 2022, arXiv:2203.05482"
    )
    trains_to_the_end: ClassVar[bool] = True
    budget_share: ClassVar[float] = 1.0
    kind: Literal["soup"] = "soup"
    effort: Effort = Effort.STANDARD
    """How much is trained, where the fields below leave it open."""
    rounds: Annotated[tuple[Rung, ...], Field(min_length=1)] | None = None
    """Rounds, in each of which every candidate that is left trains a branch; the best
    stay. Candidates that score by cosines and by inner products have models of their
    own, and of both as many stay in proportion. None: rounds of 2, 3 and 4 epochs
    after which 6, 4 and 2 candidates stay; with thorough effort rounds of 2, 3, 4, 6
    and 8 epochs after which 8, 8, 4, 4 and 4 do. Models that read histories, which
    learn late, have rounds of three times as many."""
    finals: Annotated[int, Field(ge=1, le=64)] | None = None
    """Candidates of the better kind of score that are trained from fresh parameters to
    early stopping; of the other kind, the best one is. None: by effort 1, 2 or 3."""
    extra: Annotated[int, Field(ge=0, le=100)] | None = None
    """Most rounds after the finals; they end where the average does not get better.
    None: by effort 1, 4 or 8."""
    extra_epochs: EpochCount = 8
    """Epochs of each of these rounds."""
    branches: int = Field(4, ge=1, le=64)
    """Branches of each of these rounds, dealt to candidates by weight."""
    rise: float = Field(0.5, ge=0, le=8)
    """Standard errors by which the average must get better in each of these rounds."""

    def resolve(self, model: ModelConfig) -> SoupStrategy:
        """Fill in what the effort decides."""
        shape = SHAPES[self.effort]
        # Candidates can be told apart only once they learn, which some models do late.
        slower = max(model.pace // USUAL_PACE, 1)
        rounds = tuple(
            Rung(epochs=epochs * slower, keep=keep) for epochs, keep in shape.rounds
        )
        return self.model_copy(
            update={
                "rounds": rounds if self.rounds is None else self.rounds,
                "finals": shape.finals if self.finals is None else self.finals,
                "extra": shape.extra if self.extra is None else self.extra,
            }
        )

    @property
    def all_rounds(self) -> tuple[Rung, ...]:
        """The rounds before the finals; the settings are resolved."""
        assert self.rounds is not None
        return self.rounds

    @property
    def num_finals(self) -> int:
        """The finals of the better kind of score; the settings are resolved."""
        assert self.finals is not None
        return self.finals

    @property
    def most_extra(self) -> int:
        """Most rounds after the finals; the settings are resolved."""
        assert self.extra is not None
        return self.extra

    def planned_epochs(self, spec: SearchSpec) -> list[PlannedEpochs]:
        """Return the branches of each round, the finals, and the further rounds."""
        left, trainee = len(spec.all_candidates), Trainee.EACH
        planned = []
        for rung in self.all_rounds:
            planned.append(PlannedEpochs(trainee, left, rung.epochs, rung.epochs))
            # The kinds of score round up apart.
            left, trainee = min(left, rung.keep + 1), Trainee.ANY
        finalists = min(self.num_finals + 1, len(spec.all_candidates))
        last = self.extra_epochs
        likely = min(self.most_extra, LIKELY_EXTRA) * last
        return [
            *planned,
            ordinary_training(spec, Trainee.ANY, finalists),
            PlannedEpochs(Trainee.ANY, self.branches, likely, self.most_extra * last),
        ]

    def fit(self, spec: SearchSpec, room: Room) -> SearchSpec | None:
        """Shorten rounds and finals; None where not an epoch of each fits."""
        shorter = self._shorten_trainings(spec, room)
        if shorter is None or room.ratio >= 1:
            return shorter
        return shorter.model_copy(update={"strategy": self.shorten(room.ratio)})

    def shorten(self, ratio: float) -> SoupStrategy:
        """Return a copy with this share of each round's epochs and of the further
        rounds."""
        rounds = tuple(
            rung.model_copy(update={"epochs": shorten(rung.epochs, ratio)})
            for rung in self.all_rounds
        )
        extra = floor(self.most_extra * ratio)
        changes: dict[str, Any] = {"rounds": rounds, "extra": extra}
        changes["extra_epochs"] = shorten(self.extra_epochs, ratio)
        return self.model_copy(update=changes)
