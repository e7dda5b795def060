"""What a negative sampler is: a proposal, a choice and perhaps a synthesis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from pydantic import PositiveInt

from autosample.config import Config
from autosample.samplers.choices.base import Choice
from autosample.samplers.proposals.base import ProposalConfig
from autosample.samplers.synthesis.base import Synthesis


class Parts(NamedTuple):
    """The three parts of a sampler."""

    proposal: ProposalConfig
    pool: int
    """Items drawn for each pair, from which the choice is made."""
    choice: Choice
    synthesis: Synthesis | None = None


class Sampler(Config, ABC):
    """How negatives are drawn: what a search chooses among, and a bundle holds.

    A sampler under its name in the literature is a preset of the three parts.
    """

    paper: ClassVar[str] = ""
    kind: str

    negatives: PositiveInt = 1
    """Negatives of each pair."""

    @property
    @abstractmethod
    def parts(self) -> Parts:
        """The proposal, pool size, choice and synthesis it stands for."""
