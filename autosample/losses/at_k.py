"""SL@K: a softmax loss whose pairs weigh as much as they matter for the top K."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.core.bounds import EpochCount, Positive
from autosample.core.learner import Learner
from autosample.core.ranges import Between
from autosample.core.types import History, Moment, Queries, Scorer
from autosample.losses.base import Scored, mix_listwise
from autosample.losses.listwise import Cosines

MOST_SCORES = 1 << 24
"""Scores that are held at a time while quantiles are renewed: 64 MiB."""


class Counted(Protocol):
    """A training set, of which only the number of users matters."""

    @property
    def num_users(self) -> int: ...


class Known(Protocol):
    """What is known of users when their quantiles are renewed."""

    num_users: int
    num_items: int

    @property
    def history(self) -> History:
        """The training pairs."""
        ...

    def contains_shared(self, users_B: Tensor, items_C: Tensor) -> Tensor:
        """Tell which of C items each user has observed: (B, C)."""
        ...


class SLAtK(Cosines):
    """SL times sigma((cos_ui - b_u) / t_w), where b_u is the K-th best score of user u:
    pairs count if they are in reach of the top K. Until b_u is first computed it is
    zero."""

    paper: ClassVar[str] = "Yang et al., KDD 2025"
    kind: Literal["sl_at_k"] = "sl_at_k"
    k: int = Field(20, ge=1, le=1000)
    """The K of the metric that counts."""
    weight_temperature: Positive = Field(
        1.0, json_schema_extra=Between(0.25, 4, log=True)
    )
    """The temperature t_w of the weight; large, every pair weighs one half."""
    renewed_every: EpochCount = 20
    """Epochs between two computations of the users' K-th best scores."""
    quantile_samples: int | None = Field(1000, ge=1)
    """Uniform negatives beside the user's own items among which the K-th best is found.
    Null: among all items, which ranks the whole catalogue for every user."""

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return self.weighted(positive_B, log_sum_B, torch.zeros_like(positive_B))

    def weighted(
        self, positive_B: Tensor, log_sum_B: Tensor, quantile_B: Tensor
    ) -> Tensor:
        """Return the loss of pairs whose users have these K-th best scores: (B,)."""
        above_B = (positive_B - quantile_B) / self.weight_temperature
        return above_B.sigmoid() * (log_sum_B - positive_B / self.temperature)

    def build(self, train: Counted, rng: Generator) -> UserQuantiles:
        return UserQuantiles(self, train.num_users)


class UserQuantiles(Learner):
    """The K-th best score of every user, as of some epochs ago; part of checkpoints."""

    quantiles_U: Tensor

    def __init__(self, loss: SLAtK, num_users: int) -> None:
        super().__init__()
        self.loss = loss
        self.register_buffer("quantiles_U", torch.zeros(num_users))

    def of(self, users_B: Tensor) -> WithQuantiles:
        """Return the loss of pairs of these users."""
        return WithQuantiles(self.loss, self.quantiles_U[users_B])

    def is_due(self, moment: Moment) -> bool:
        """Tell whether `renew` is to be called before an epoch."""
        return moment.epoch > 0 and moment.epoch % self.loss.renewed_every == 0

    @torch.no_grad()
    def renew(self, scorer: Scorer, known: Known, rng: Generator) -> None:
        """Find the K-th best scores anew."""
        find = _exact if self.loss.quantile_samples is None else _sampled
        self.quantiles_U = find(self.loss, scorer, known, rng)


@dataclass(frozen=True)
class WithQuantiles:
    """SL@K of pairs, with the K-th best score of each pair's user."""

    loss: SLAtK
    quantile_B: Tensor

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        quantile_B = self.quantile_B.to(positive_B.dtype)
        return self.loss.weighted(positive_B, log_sum_B, quantile_B)

    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        return mix_listwise(
            self.loss, self.from_log_sum, positive_B, negatives, weights
        )


def _exact(loss: SLAtK, scorer: Scorer, known: Known, rng: Generator) -> Tensor:
    items_ID = scorer.all_items()
    k = min(loss.k, len(items_ID))
    users_U = torch.arange(known.num_users, device=items_ID.device)
    parts = torch.split(users_U, max(1, MOST_SCORES // len(items_ID)))
    return torch.cat(
        [
            (_rows(scorer, known, users_B) @ items_ID.T).topk(k, 1).values[:, -1]
            for users_B in parts
        ]
    )


def _sampled(loss: SLAtK, scorer: Scorer, known: Known, rng: Generator) -> Tensor:
    """Return the K-th best of each user's own items and sampled others: (U,).

    Users with about as many items are taken together. A user with fewer candidates than
    K gets the lowest of them.
    """
    starts_U1, items_E = known.history
    count = loss.quantile_samples
    assert count is not None
    drawn_C = torch.randint(
        known.num_items, (count,), generator=rng, device=items_E.device
    )
    items_ID = scorer.all_items()
    degrees_U = starts_U1[1:] - starts_U1[:-1]
    by_degree_U, found_U = degrees_U.argsort(), torch.zeros(len(degrees_U))
    most = max(1, MOST_SCORES // (count + int(degrees_U.max()) * items_ID.shape[1]))
    found_U = found_U.to(items_ID.device, items_ID.dtype)
    for users_B in torch.split(by_degree_U, most):
        rows_BD = _rows(scorer, known, users_B)
        theirs_BC = rows_BD @ items_ID[drawn_C].T
        theirs_BC[known.contains_shared(users_B, drawn_C)] = -torch.inf
        own_BP = _own(rows_BD, items_ID, users_B, known.history)
        both = torch.cat([own_BP, theirs_BC], 1)
        best = both.topk(min(loss.k, both.shape[1]), 1).values
        lowest_B = best.where(best > -torch.inf, best.new_tensor(torch.inf)).amin(1)
        found_U[users_B] = lowest_B
    return found_U


def _rows(scorer: Scorer, known: Known, users_B: Tensor) -> Tensor:
    return scorer.queries(Queries.of_users(known.history, users_B)).scored


def _own(
    rows_BD: Tensor, items_ID: Tensor, users_B: Tensor, history: History
) -> Tensor:
    """Return the scores of users' own items, and -inf where there are fewer: (B, P)."""
    starts_B, ends_B = history.starts_U1[users_B], history.starts_U1[users_B + 1]
    width = int((ends_B - starts_B).max())
    at_BP = starts_B[:, None] + torch.arange(width, device=starts_B.device)
    inside_BP = at_BP < ends_B[:, None]
    ids_BP = history.items_E[at_BP.clamp(max=len(history.items_E) - 1)].long()
    scores_BP = torch.bmm(items_ID[ids_BP], rows_BD[:, :, None])[:, :, 0]
    return scores_BP.masked_fill(~inside_BP, -torch.inf)
