"""Items near the positive in the graph, but not nearest (PinSage: Ying et al., KDD
2018, arXiv:1806.01973).

Items are ranked by personalised PageRank from the positive over the training graph,
computed by a few exact steps. Only items in a window of these ranks are drawn, and of
the window only a fixed, evenly spaced selection, so that a large catalogue fits into
memory.
"""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor

from autosample.core.bounds import DrawCount
from autosample.core.ranges import Between
from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import ProposalConfig, redraw_observed

STEPS = 3
"""Number of walks from item to item. A fourth would have a weight of .85^4 and hardly
tell near items from far ones."""
DAMPING = 0.85
BLOCK = 256  # items whose PageRank is computed together


class PageRankProposal(ProposalConfig):
    """Unobserved items from a window of the positive's PageRank ranks, with equal
    probability: related to what the user chose, but not the closest."""

    paper: ClassVar[str] = "Ying et al., KDD 2018, arXiv:1806.01973"
    kind: Literal["pagerank"] = "pagerank"
    start: float = Field(0.01, ge=0, lt=1, json_schema_extra=Between(0.001, 0.05))
    """First rank of the window, as a share of all items."""
    stop: float = Field(0.1, gt=0, le=1, json_schema_extra=Between(0.05, 0.5))
    """Last rank of the window, as a share of all items; must be above `start`."""
    selection: DrawCount = 128
    """Most items of a window that may be drawn, evenly spread over it."""

    @model_validator(mode="after")
    def _window_is_open(self) -> Self:
        if self.start >= self.stop:
            raise ValueError(f"start {self.start:g} must be below stop {self.stop:g}")
        return self

    def build(self, observed: Observed) -> Window:
        return Window(observed, window_items(observed, self))


class Window:
    """Draws from a list of items per positive."""

    def __init__(self, observed: Observed, items_IW: Tensor) -> None:
        self.observed, self.items_IW = observed, items_IW

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        users_B, positives_B = context.users_B, context.positives_B
        width = self.items_IW.shape[1]

        def draw_from_window(own_XM: Tensor) -> Tensor:
            places_XM = torch.randint(
                width, own_XM.shape, generator=rng, device=own_XM.device
            )
            return self.items_IW[own_XM, places_XM]

        items_BM, allowed_BM = redraw_observed(
            draw_from_window(positives_B[:, None].expand(-1, size)),
            users_B,
            self.observed,
            lambda rows: draw_from_window(positives_B[rows]),
            lambda row: self._exact(int(users_B[row]), int(positives_B[row]), rng),
        )
        return Pool(
            items_BM, allowed_BM, lambda: self._log_q(users_B, positives_B, size)
        )

    def _exact(self, user: int, positive: int, rng: Generator) -> Tensor:
        weights_I = torch.zeros(self.observed.num_items, device=self.items_IW.device)
        weights_I[self.items_IW[positive]] = 1
        if not weights_I.clone().index_fill_(0, self.observed.items_of(user), 0).any():
            weights_I = torch.ones_like(weights_I)  # all of the window is observed
        left_I = self.observed.unobserved_weights(user, weights_I)
        return left_I.multinomial(1, generator=rng)[0]

    def _log_q(self, users_B: Tensor, positives_B: Tensor, size: int) -> Tensor:
        mine_BW = self.observed.contains(users_B, self.items_IW[positives_B])
        left_B1 = (~mine_BW).sum(1, keepdim=True)
        # If the user has observed the whole window, other items are equally likely.
        others_B1 = self.observed.num_items - self.observed.degrees_U[users_B][:, None]
        return -torch.where(left_B1 > 0, left_B1, others_B1).log().expand(-1, size)


def window_items(observed: Observed, config: PageRankProposal) -> Tensor:
    """Return the W items that each positive's negatives are drawn from: (I, W)."""
    num_items = observed.num_items
    start = min(int(config.start * num_items), num_items - 1)
    stop = max(start + 1, int(config.stop * num_items))
    width = min(config.selection, stop - start)
    places_W = torch.linspace(start, stop - 1, width).round().long()
    windows = []
    for block in torch.split(torch.arange(num_items), BLOCK):
        ranked = pagerank(observed, block).topk(stop, dim=1).indices
        windows.append(ranked[:, places_W.to(ranked.device)])
    return torch.cat(windows)


def pagerank(observed: Observed, items_X: Tensor) -> Tensor:
    """Return the personalised PageRank of all items from each of these: (X, I).

    It is truncated after `STEPS` walks item - user - item. The item itself comes first,
    and of equal ranks the more popular item.
    """
    to_users, to_items = _transitions(observed)
    walk_IX = torch.zeros(observed.num_items, len(items_X), device=observed.device)
    walk_IX[items_X.to(walk_IX.device), torch.arange(len(items_X))] = 1
    total_IX = walk_IX * 2
    for step in range(1, STEPS + 1):
        walk_IX = to_items @ (to_users @ walk_IX)
        total_IX += DAMPING**step * walk_IX
    popular_I = observed.popularity_I / max(int(observed.popularity_I.max()), 1)
    return total_IX.T + popular_I * torch.finfo(total_IX.dtype).eps * 1e-3


def _transitions(observed: Observed) -> tuple[Tensor, Tensor]:
    """Return the transition matrices item -> user (U, I) and user -> item (I, U).

    Each column sums to 1.
    """
    users_E = observed.keys_E // observed.num_items
    items_E = observed.items_E
    from_item_E = 1 / observed.popularity_I[items_E].float()
    from_user_E = 1 / observed.degrees_U[users_E].float()
    by_item = torch.argsort(items_E, stable=True)
    ends_I = observed.popularity_I.cumsum(0)
    zero = ends_I.new_zeros(1)
    shape = (observed.num_users, observed.num_items)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        to_users = torch.sparse_csr_tensor(
            torch.cat([zero, observed.degrees_U.cumsum(0)]),
            items_E,
            from_item_E,
            size=shape,
            check_invariants=False,
        )
        to_items = torch.sparse_csr_tensor(
            torch.cat([zero, ends_I]),
            users_E[by_item],
            from_user_E[by_item],
            size=shape[::-1],
            check_invariants=False,
        )
    return to_users, to_items
