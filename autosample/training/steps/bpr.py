"""BPR with one candidate that takes the first or the hardest of a pool, by one kernel
for many batches: what most trainings of a search are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from autosample.kernels import bpr
from autosample.kernels.draws import Alias
from autosample.losses import BPR
from autosample.samplers.choices import First, Hardest
from autosample.samplers.proposals import PopularityProposal, UniformProposal
from autosample.samplers.proposals.base import next_seeds
from autosample.samplers.proposals.popularity import Popularity
from autosample.training.steps.base import Course
from autosample.training.steps.tables import TableSteps
from autosample.training.supernet import Supernet

NO_LAW = Alias(np.zeros(0), np.zeros(0, np.int32), np.zeros(0))


class BPRSteps(TableSteps):
    batches = 64

    def __init__(self, course: Course) -> None:
        super().__init__(course)
        [parts] = course.supernet.leaves.parts
        proposal, law = course.supernet.kept.proposals[parts.proposal], NO_LAW
        if isinstance(proposal, Popularity):
            law = proposal.law.alias
        self.plan = bpr.Plan(
            course.users_E.numpy(),
            course.items_E.numpy(),
            course.batch_size,
            parts.pool if isinstance(parts.choice, Hardest) else 1,
            np.float32(course.l2),
            course.supernet.observed.seen,
            law,
        )

    def train(self, rows_X: Tensor, weights_K: Tensor) -> Tensor:
        users, items, pace = self.rows()
        seeds = next_seeds(-(-len(rows_X) // self.plan.batch), self.course.rng)
        loss = bpr.train(users, items, self.plan, rows_X.numpy(), seeds, pace)
        return torch.tensor(loss, dtype=torch.float32)


def suits(supernet: Supernet) -> bool:
    """Tell whether this is all that the candidates ask for."""
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
