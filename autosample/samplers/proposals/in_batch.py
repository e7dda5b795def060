"""Other pairs' positives (Hidasi et al., ICLR 2016, arXiv:1511.06939).

A random part of the batch serves all of it, so scores are one matrix product. The law
is popularity; its log-probability is that of one draw, pop / E.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator

from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import ProposalConfig, log_share


class InBatchProposal(ProposalConfig):
    """Positives of other pairs of the batch, those of the same user left out."""

    kind: Literal["in_batch"] = "in_batch"

    def build(self, observed: Observed) -> InBatch:
        return InBatch(observed)


@dataclass(frozen=True)
class InBatch:
    observed: Observed

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        batch = context.batch_items
        order = torch.randperm(len(batch), generator=rng, device=batch.device)
        # A batch smaller than the pool (the last of an epoch) repeats its items.
        items_1C = batch[order[torch.arange(size, device=batch.device) % len(batch)]][
            None
        ]
        seen_BC = self.observed.contains(context.users_B, items_1C)
        pop_1C = self.observed.popularity_I[items_1C].float()
        log_q_1C = log_share(pop_1C / max(len(self.observed.keys_E), 1))
        return Pool(items_1C, ~seen_BC, log_q_1C)
