"""The interface of negative samplers, each made of a proposal, a choice and perhaps a
synthesis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, Self

from pydantic import model_validator

from autosample.core.bounds import DrawCount
from autosample.core.config import Config
from autosample.core.types import Moment
from autosample.samplers.choices.base import Choice
from autosample.samplers.proposals.base import ProposalConfig
from autosample.samplers.synthesis.base import Synthesis


class Parts(NamedTuple):
    """The parts of a sampler: proposal, choice, perhaps a synthesis, and a guard."""

    proposal: ProposalConfig
    pool: int
    """Number of items proposed for each pair, from which the choice is made."""
    choice: Choice
    synthesis: Synthesis | None = None
    guard: float = 0.0
    """Share of each pool, its highest-scored items, that is never chosen."""

    @property
    def negatives(self) -> int:
        """N, the number of negatives of each pair."""
        return self.choice.kept_of(self.pool)

    @property
    def needs_scores(self) -> bool:
        """Whether the pool has to be scored before the choice."""
        return self.choice.needs_scores or self.guard > 0

    @property
    def knows_log_q(self) -> bool:
        """Whether the probability of each negative is known, for losses that need
        it."""
        return (
            self.proposal.knows_log_q
            and self.choice.keeps_law
            and self.synthesis is None
            and self.guard == 0
        )


class Leaf(NamedTuple):
    """A sampler without samplers inside, and its share of the loss."""

    share: float
    parts: Parts


class Sampler(Config, ABC):
    """How negatives are drawn: a search chooses among samplers, and a bundle holds
    one."""

    paper: ClassVar[str] = ""
    """Source of the method, for the catalogue."""
    helps: ClassVar[str] = ""
    """One sentence about when the sampler is likely to help, for the catalogue."""
    kind: str

    @abstractmethod
    def leaves(self, moment: Moment) -> tuple[Leaf, ...]:
        """Return the leaves in use at that moment; their shares are above 0 and sum to
        1."""

    @property
    @abstractmethod
    def all_parts(self) -> tuple[Parts, ...]:
        """Return the parts of every leaf that is in use at some moment."""

    @property
    def most_negatives(self) -> int:
        """The largest number of negatives per pair, over all leaves."""
        return max(parts.negatives for parts in self.all_parts)


class Preset(Sampler, ABC):
    """A named combination of proposal, choice and synthesis."""

    negatives: DrawCount = 1
    """Number of negatives for each pair."""

    @property
    @abstractmethod
    def parts(self) -> Parts:
        """The proposal, pool size, choice and synthesis that it stands for."""

    def leaves(self, moment: Moment) -> tuple[Leaf, ...]:
        return (Leaf(1.0, self.parts),)

    @property
    def all_parts(self) -> tuple[Parts, ...]:
        return (self.parts,)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        reason = refusal(self.parts)
        if reason is not None:
            raise ValueError(f"{self.kind}: {reason}")
        return self


def refusal(parts: Parts) -> str | None:
    """Return why these parts cannot work together, with a way out; None if they can."""
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
            f" proposal {proposal.kind} does not know; take uniform or popularity"
        )
    if choice.needs_spread and not proposal.knows_spread:
        return (
            f"choice {choice.kind} needs scores of past epochs, which proposal"
            f" {proposal.kind} does not keep; take variance"
        )
    if synthesis is not None and choice.rank_weight:
        return (
            f"choice {choice.kind} weights a negative by its rank, but the embeddings"
            f" that {synthesis.kind} makes have no rank; take another choice"
        )
    return None
