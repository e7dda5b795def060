"""Uniform draws of unobserved items (Rendle et al., UAI 2009, arXiv:1205.2618)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from autosample.kernels.draws import uniform
from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import ProposalConfig, next_seed
from autosample.samplers.proposals.unobserved import UnobservedLaw


class UniformProposal(ProposalConfig):
    """Every item that the user has not observed, with equal probability."""

    paper: ClassVar[str] = "Rendle et al., UAI 2009, arXiv:1205.2618"
    kind: Literal["uniform"] = "uniform"
    shared: bool = False
    """Draw the same items for the whole batch. Scores are then one matrix product, many
    times cheaper per negative, but pairs of a batch share their negatives."""

    def build(self, observed: Observed) -> Uniform | SharedUniform:
        return SharedUniform(observed) if self.shared else Uniform(observed)


@dataclass(frozen=True)
class Uniform:
    observed: Observed

    @cached_property
    def unobserved(self) -> UnobservedLaw:
        """The uniform distribution over unobserved items, for draws on a GPU."""
        equal_I = torch.ones(self.observed.num_items, device=self.observed.device)
        return UnobservedLaw(self.observed, equal_I)

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        users_B = context.users_B
        if self.observed.kernels:
            drawn = uniform(self.observed.seen, users_B.numpy(), size, next_seed(rng))
            items_BM = torch.from_numpy(drawn)
        else:
            items_BM = self.unobserved.draw(users_B, size, rng)
        return Pool(items_BM, law=lambda: _log_q(self.observed, users_B, size))


@dataclass(frozen=True)
class SharedUniform:
    observed: Observed

    def items(self, size: int, rng: Generator) -> Tensor:
        """Draw the items that a batch shares: (C,)."""
        device = self.observed.device
        return torch.randint(
            self.observed.num_items, (size,), generator=rng, device=device
        )

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        users_B = context.users_B
        items_C = self.items(size, rng)
        return Pool(
            items_C[None],
            ~self.observed.contains_shared(users_B, items_C),
            law=lambda: _log_q(self.observed, users_B, size),
        )


def _log_q(observed: Observed, users_B: Tensor, size: int) -> Tensor:
    left_B = observed.num_items - observed.degrees_U[users_B]
    return -left_B[:, None].log().expand(-1, size)
