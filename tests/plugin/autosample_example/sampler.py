"""A sampler of known parts under a name of its own."""

from __future__ import annotations

from typing import ClassVar, Literal

from autosample.samplers import Parts, Preset
from autosample.samplers.choices import Softmax
from autosample.samplers.proposals import PopularityProposal


class PopularSoftmax(Preset):
    """Drawn from a pool of popular items as the softmax of the scores."""

    paper: ClassVar[str] = "none: an example"
    helps: ClassVar[str] = "Nobody has tried."
    kind: Literal["popular_softmax"] = "popular_softmax"
    pool: int = 16
    """Items drawn for each pair."""
    tau: float = 0.5
    """Temperature in units of a score."""

    @property
    def parts(self) -> Parts:
        choice = Softmax(tau=self.tau, keep=self.negatives)
        return Parts(PopularityProposal(alpha=0.5), self.pool, choice)
