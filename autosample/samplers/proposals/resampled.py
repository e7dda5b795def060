"""AdaSIR's pool (Chen et al., WWW 2022, doi:10.1145/3485447.3512075).

Before each epoch every user's draws are resampled by importance, and half of the kept
items give way. What is drawn from them already follows the softmax of the scores, so no
weight repeats it, as the paper's code does.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.core.bounds import DrawCount, Positive
from autosample.core.ranges import Between
from autosample.core.types import Scorer
from autosample.samplers.context import QueryContext, of_users
from autosample.samplers.multinomial import draw_columns
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import Proposal, ProposalConfig
from autosample.samplers.proposals.memory import users_of
from autosample.samplers.proposals.popularity import PopularityProposal
from autosample.samplers.proposals.uniform import UniformProposal


class ResampledProposal(ProposalConfig):
    """Uniform draws from the user's importance-resampled items."""

    knows_log_q: ClassVar[bool] = False
    remembers_users: ClassVar[bool] = True

    paper: ClassVar[str] = "Chen et al., WWW 2022, doi:10.1145/3485447.3512075"
    kind: Literal["resampled"] = "resampled"
    source: UniformProposal | PopularityProposal = Field(
        UniformProposal(), discriminator="kind"
    )
    """What the resampled items are drawn from first."""
    draws: DrawCount = 200
    """Items drawn for each user before each epoch."""
    memory: DrawCount = 50
    """Items kept of them."""
    tau: Positive = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature in units of a score."""

    def build(self, observed: Observed) -> Resampled:
        return Resampled(observed, self)


class Resampled:
    def __init__(self, observed: Observed, config: ResampledProposal) -> None:
        self.observed, self.config = observed, config
        self.source: Proposal = config.source.build(observed)
        self.items_US: Tensor | None = None

    def prepare(self, scorer: Scorer, rng: Generator) -> None:
        """Resample; costs `draws` scores a user."""
        new_US = torch.cat(
            [
                self._resample(of_users(scorer, users_B, self.observed), rng)
                for users_B in users_of(self.observed)
            ]
        )
        if self.items_US is not None:
            old_US = torch.rand(new_US.shape, generator=rng, device=new_US.device) < 0.5
            new_US = torch.where(old_US, self.items_US, new_US)
        self.items_US = new_US

    def _resample(self, context: QueryContext, rng: Generator) -> Tensor:
        pool = self.source.draw(context, self.config.draws, rng)
        log_q = pool.log_q
        assert log_q is not None
        logits = context.score(pool.items) / self.config.tau - log_q
        slots = draw_columns(torch.softmax(logits, 1), self.config.memory, rng)
        return pool.items.gather(1, slots)

    def state(self) -> dict[str, Tensor]:
        return {} if self.items_US is None else {"items": self.items_US}

    def load(self, state: dict[str, Tensor]) -> None:
        self.items_US = state.get("items")

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        if self.items_US is None:
            self.prepare(context.scorer, rng)
        assert self.items_US is not None
        users_B = context.users_B
        slots_BM = torch.randint(
            self.items_US.shape[1],
            (len(users_B), size),
            generator=rng,
            device=users_B.device,
        )
        return Pool(self.items_US[users_B[:, None], slots_BM])
