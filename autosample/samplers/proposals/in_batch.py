"""Positives of other pairs (Hidasi et al., ICLR 2016, arXiv:1511.06939), perhaps mixed
with uniform draws (Yang et al., WWW 2020, doi:10.1145/3366424.3386195).

All pairs share a random part of the batch, so scores are one matrix product. The
distribution is popularity, given that the row's user has not observed the item.
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


class InBatchProposal(ProposalConfig):
    """Positives of other pairs of the batch, except items that the user has
    observed."""

    paper: ClassVar[str] = "Hidasi et al., ICLR 2016, arXiv:1511.06939"
    kind: Literal["in_batch"] = "in_batch"

    def build(self, observed: Observed) -> BatchColumns:
        return BatchColumns(observed, 0.0)


class MixedProposal(ProposalConfig):
    """Positives of the batch and uniform items together, so that every item can be
    drawn."""

    paper: ClassVar[str] = "Yang et al., WWW 2020, doi:10.1145/3366424.3386195"
    kind: Literal["mixed"] = "mixed"
    uniform: float = Field(0.5, ge=0, le=1, json_schema_extra=Between(0.1, 0.9))
    """Share of the items that is drawn uniformly; the rest follows popularity."""

    def build(self, observed: Observed) -> BatchColumns:
        return BatchColumns(observed, self.uniform)


class BatchColumns:
    """Draws columns of items that the batch shares, from the batch or uniformly."""

    def __init__(self, observed: Observed, uniform: float) -> None:
        self.observed, self.uniform = observed, uniform
        counts_I = observed.counts_I.double()
        popular_I = counts_I / counts_I.sum().clamp(min=1)
        self.law = Law(observed, (1 - uniform) * popular_I + uniform / len(counts_I))

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        items_C = self._columns(context.batch_items, size, rng)
        return Pool(
            items_C[None],
            ~self.observed.contains_shared(context.users_B, items_C),
            law=lambda: self.law.log_q(context.users_B, items_C[None]),
        )

    def _columns(self, batch: Tensor, size: int, rng: Generator) -> Tensor:
        """Draw the items of the columns: (C,).

        A batch smaller than the pool, such as the last of an epoch, repeats its items.
        """
        order = torch.randperm(len(batch), generator=rng, device=batch.device)
        places_C = torch.arange(size, device=batch.device) % len(batch)
        from_batch_C = batch[order[places_C]]
        if self.uniform == 0:
            return from_batch_C
        chance_C = torch.rand(size, generator=rng, device=batch.device)
        uniform_C = torch.randint(
            self.observed.num_items, (size,), generator=rng, device=batch.device
        )
        return torch.where(chance_C < self.uniform, uniform_C, from_batch_C)
