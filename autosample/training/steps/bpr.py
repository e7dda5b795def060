"""Steps of BPR with one candidate that takes the first or the hardest item of a pool:
one kernel call for many batches. Most trainings of a search are of this kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from autosample.data.order import Batch
from autosample.kernels import bpr
from autosample.kernels.draws import Alias
from autosample.losses import BPR
from autosample.optimizers.fused import FusedOptimizer
from autosample.samplers.choices import First, Hardest
from autosample.samplers.proposals import PopularityProposal, UniformProposal
from autosample.samplers.proposals.base import next_seeds
from autosample.samplers.proposals.popularity import Popularity
from autosample.training.steps.base import Setup
from autosample.training.steps.tables import TableSteps
from autosample.training.supernet import Supernet

NO_LAW = Alias(np.zeros(0), np.zeros(0, np.int32), np.zeros(0))


class BPRSteps(TableSteps):
    batches = 64

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        [parts] = setup.supernet.leaves.parts
        proposal, law = setup.supernet.kept.proposals[parts.proposal], NO_LAW
        if isinstance(proposal, Popularity):
            law = proposal.law.alias
        self.plan = bpr.Plan(
            setup.users_E.numpy(),
            setup.items_E.numpy(),
            setup.batch_size,
            parts.pool if isinstance(parts.choice, Hardest) else 1,
            np.float32(setup.l2),
            setup.supernet.observed.seen,
            law,
        )

    def train(self, batches: Sequence[Batch], weights_K: Tensor) -> Tensor:
        rows_X = torch.cat([batch.rows_B for batch in batches])
        optimizer = self.optimizer
        assert isinstance(optimizer, FusedOptimizer)
        users, items = optimizer.rows(self.users), optimizer.rows(self.items)
        seeds = next_seeds(-(-len(rows_X) // self.plan.batch), self.setup.rng)
        loss = bpr.train(
            users, items, self.plan, rows_X.numpy(), seeds, optimizer.rate()
        )
        return torch.tensor(loss, dtype=torch.float32)


def suits(supernet: Supernet) -> bool:
    """Tell whether the candidates ask for nothing that the kernel does not do."""
    if len(supernet.samplers) != 1 or type(supernet.loss) is not BPR:
        return False
    moments = supernet.samplers[0].all_parts
    if len(moments) != 1 or len(supernet.leaves.parts) != 1:
        return False
    [parts] = moments
    proposal, choice = parts.proposal, parts.choice
    drawn = type(proposal) is PopularityProposal or (
        type(proposal) is UniformProposal and not proposal.shared
    )
    taken = choice.keep == 1 and (
        type(choice) is Hardest or (type(choice) is First and parts.pool == 1)
    )
    return drawn and taken and parts.synthesis is None and parts.guard == 0
