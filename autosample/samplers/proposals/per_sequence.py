"""One set of items for each sequence of a batch, as the study of six samplers draws
them (Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276).

Rows of one user that stand side by side in a batch are the steps of one sequence.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.core.ranges import Between
from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import Law, ProposalConfig


class PerSequenceProposal(ProposalConfig):
    """Items that all steps of a sequence share: some are positives of the batch, the
    others are drawn by a power of popularity. None has been observed by the user."""

    paper: ClassVar[str] = "Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276"
    kind: Literal["per_sequence"] = "per_sequence"
    batch: float = Field(0.0, ge=0, le=1, json_schema_extra=Between(0.1, 0.9))
    """Share of the items that are positives at random places of the batch; their number
    is the same for every sequence."""
    alpha: float = Field(0.0, ge=-4, le=4, json_schema_extra=Between(-0.5, 1.25))
    """Exponent of popularity by which the others are drawn; 0: uniformly."""

    def build(self, observed: Observed) -> PerSequence:
        return PerSequence(self, observed)


class PerSequence:
    def __init__(self, config: PerSequenceProposal, observed: Observed) -> None:
        self.config, self.observed = config, observed
        counts_I = observed.counts_I.double()
        powers_I = counts_I.clamp(min=1).pow(config.alpha)
        if config.alpha:
            powers_I = powers_I * (counts_I > 0)
        self.drawn = Law(observed, powers_I)
        popular_I = counts_I / counts_I.sum().clamp(min=1)
        share = config.batch
        self.law = Law(observed, share * popular_I + (1 - share) * self.drawn.law_I)

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        users_B = context.users_B
        of_batch = round(self.config.batch * size)
        parts = []
        if of_batch:
            parts.append(_from_batch(context.batch_items, len(users_B), of_batch, rng))
        if of_batch < size:
            parts.append(self.drawn.draw_unobserved(users_B, size - of_batch, rng))
        # The first columns are a pool of their own, and then hold both kinds of items.
        order = torch.randperm(size, generator=rng, device=users_B.device)
        items_BM = torch.cat(parts, 1)[:, order][_firsts(users_B)]
        allowed = None
        if of_batch:
            allowed = ~self.observed.contains(users_B, items_BM)
        return Pool(items_BM, allowed, law=lambda: self.law.log_q(users_B, items_BM))


def _firsts(users_B: Tensor) -> Tensor:
    """Return the first row of each row's sequence.

    A set is drawn for every row, and those of the first rows are used: to count the
    sequences before, the host would have to wait for the device.
    """
    rows_B = torch.arange(len(users_B), device=users_B.device)
    is_first_B = torch.diff(users_B, prepend=users_B[:1] - 1) != 0
    return torch.where(is_first_B, rows_B, 0).cummax(0).values


def _from_batch(items_B: Tensor, rows: int, size: int, rng: Generator) -> Tensor:
    """Return items at random places of the batch: (rows, size)."""
    places = torch.randint(
        len(items_B), (rows, size), generator=rng, device=items_B.device
    )
    return items_B[places]
