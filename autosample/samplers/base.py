"""What a negative sampler is: a proposal, a choice and perhaps a synthesis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, Self

from pydantic import PositiveInt, model_validator

from autosample.core.config import Config
from autosample.core.types import Moment
from autosample.samplers.choices.base import Choice
from autosample.samplers.proposals.base import ProposalConfig
from autosample.samplers.synthesis.base import Synthesis


class Parts(NamedTuple):
    """The three parts of a sampler, and a guard."""

    proposal: ProposalConfig
    pool: int
    """Items drawn for each pair, from which the choice is made."""
    choice: Choice
    synthesis: Synthesis | None = None
    guard: float = 0.0
    """Share of each pool, its best-scored items, that is never chosen."""

    @property
    def negatives(self) -> int:
        """N: how many negatives of each pair it gives."""
        return self.choice.kept_of(self.pool)

    @property
    def needs_scores(self) -> bool:
        return self.choice.needs_scores or self.guard > 0

    @property
    def knows_log_q(self) -> bool:
        """Whether it can tell how likely each of its negatives was."""
        return (
            self.proposal.knows_log_q
            and self.choice.keeps_law
            and self.synthesis is None
            and self.guard == 0
        )


class Leaf(NamedTuple):
    """A part of a sampler that draws negatives by itself, and its share of the loss."""

    share: float
    parts: Parts


class Sampler(Config, ABC):
    """How negatives are drawn: what a search chooses among, and a bundle holds."""

    paper: ClassVar[str] = ""
    helps: ClassVar[str] = ""
    """When to expect something of it: a sentence."""
    kind: str

    @abstractmethod
    def leaves(self, moment: Moment) -> tuple[Leaf, ...]:
        """Return what draws negatives at that moment; shares are above 0, sum to 1."""

    @property
    @abstractmethod
    def all_parts(self) -> tuple[Parts, ...]:
        """Return what draws negatives at any moment."""

    @property
    def most_negatives(self) -> int:
        """Negatives of each pair, of the part that gives most."""
        return max(parts.negatives for parts in self.all_parts)


class Preset(Sampler, ABC):
    """A point of the product under a name of its own."""

    negatives: PositiveInt = 1
    """Negatives of each pair."""

    @property
    @abstractmethod
    def parts(self) -> Parts:
        """The proposal, pool size, choice and synthesis it stands for."""

    def leaves(self, moment: Moment) -> tuple[Leaf, ...]:
        return (Leaf(1.0, self.parts),)

    @property
    def all_parts(self) -> tuple[Parts, ...]:
        return (self.parts,)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        said = refusal(self.parts)
        if said is not None:
            raise ValueError(f"{self.kind}: {said}")
        return self


def refusal(parts: Parts) -> str | None:
    """Return why these parts cannot work together, with a way out; None: they can."""
    proposal, choice, synthesis = parts.proposal, parts.choice, parts.synthesis
    left = parts.pool - int(parts.guard * parts.pool)
    if left < choice.least_pool:
        guarded = f" (the guard leaves {left})" if parts.guard else ""
        return (
            f"needs a pool of at least {choice.least_pool}, not {parts.pool}{guarded}"
        )
    most = proposal.most_pool
    if most is not None and parts.pool > most:
        return f"a pool of {parts.pool} is more than the {most} items kept for a user"
    if choice.needs_log_q and not proposal.knows_log_q:
        return (
            f"choice {choice.kind} needs to know how likely each item was, which"
            f" proposal {proposal.kind} cannot tell; take uniform or popularity"
        )
    if choice.needs_spread and not proposal.knows_spread:
        return (
            f"choice {choice.kind} needs scores of past passes, which proposal"
            f" {proposal.kind} does not keep; take variance"
        )
    if synthesis is not None and choice.rank_weight:
        return (
            f"choice {choice.kind} weighs a negative by its rank, and what"
            f" {synthesis.kind} makes has none"
        )
    return None
