"""The items that encoders of sequences read: the end of each query's history, packed.

A batch of queries is cut into runs: queries of one user whose histories grow item by
item, as an order of sequences gives them. A run is encoded once, as one window that
ends with its longest history; each of its queries reads the state after its own last
item. The windows' items stand side by side, without padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from autosample.core.types import Queries


class Blocks(NamedTuple):
    """Windows in blocks of similar length, padded at their ends."""

    at: tuple[Tensor, ...]
    """For each block, where each slot's item stands among the packed ones: (S, T).
    Padding repeats a window's first item."""
    back_T: Tensor
    """Where each packed item stands among the slots of all blocks, side by side."""

    def padded(self, rows_TX: Tensor) -> list[Tensor]:
        """Return packed rows as blocks: (S, T, X) each."""
        return [
            rows_TX.index_select(0, at_ST.flatten()).view(*at_ST.shape, -1)
            for at_ST in self.at
        ]

    def unpadded(self, blocks: Sequence[Tensor]) -> Tensor:
        """Return the rows of blocks (S, T, X) packed: (T, X)."""
        flat = [rows_STX.flatten(0, 1) for rows_STX in blocks]
        rows = flat[0] if len(flat) == 1 else torch.cat(flat)
        return rows.index_select(0, self.back_T)


@dataclass(frozen=True)
class Windows:
    """W windows of T packed items in all, and where the queries' states are."""

    items_T: Tensor
    """Item of each place; int64."""
    ages_T: Tensor
    """Places between each item and the end of its window: 0 is the last item's."""
    starts_W: Tensor
    """Where each window begins among the packed items."""
    counts_W: Tensor
    """Items of each window, at least 1."""
    states_B: Tensor
    """Where the state of each query stands; -1 where its history is empty."""

    def blocks(self) -> Blocks:
        """Return the windows in blocks of at most twice the length of their shortest,
        so that padding costs less than the items."""
        back_T, filled = torch.empty_like(self.items_T), 0
        sizes_W = torch.ceil(torch.log2(self.counts_W.float())).long()
        found = []
        for size in torch.unique(sizes_W).tolist():
            some_S = (sizes_W == size).nonzero()[:, 0]
            counts_S, starts_S = self.counts_W[some_S], self.starts_W[some_S]
            slots_T = torch.arange(int(counts_S.max()), device=starts_S.device)
            real_ST = slots_T < counts_S[:, None]
            at_ST = starts_S[:, None] + slots_T * real_ST
            back_T[at_ST[real_ST]] = real_ST.flatten().nonzero()[:, 0] + filled
            found.append(at_ST)
            filled += at_ST.numel()
        return Blocks(tuple(found), back_T)


def windows_of(queries: Queries, length: int) -> Windows:
    """Return the windows of at most `length` items that some queries read."""
    users_B, ends_B, (starts_U1, items_E) = queries
    begins_B = starts_U1[users_B]
    first_R = _new_runs(users_B, ends_B, length).nonzero()[:, 0]
    sizes_R = torch.diff(first_R, append=first_R.new_tensor([len(ends_B)]))
    ends_R = ends_B[first_R + sizes_R - 1]
    counts_R = (ends_R - begins_B[first_R]).clamp(max=length)
    filled_R = counts_R.cumsum(0)
    # Packed place = row in the history + shift, in each run.
    shift_R = filled_R - ends_R
    run_T = torch.repeat_interleave(counts_R)
    place_T = torch.arange(len(run_T), device=ends_B.device)
    rows_T = place_T - shift_R[run_T]
    run_B = torch.repeat_interleave(sizes_R)
    states_B = ends_B - 1 + shift_R[run_B]
    return Windows(
        items_T=items_E[rows_T].long(),
        ages_T=ends_R[run_T] - 1 - rows_T,
        starts_W=(filled_R - counts_R)[counts_R > 0],
        counts_W=counts_R[counts_R > 0],
        states_B=states_B.masked_fill(ends_B == begins_B, -1),
    )


def _new_runs(users_B: Tensor, ends_B: Tensor, length: int) -> Tensor:
    """Tell which queries begin a run: those of another user than the one before, those
    whose history is not the same or one item longer, and those that would not fit into
    one window with the first of the run."""
    steps_B = torch.diff(ends_B, prepend=ends_B[:1] - 2)
    other_B = torch.diff(users_B, prepend=users_B[:1]) != 0
    new_B = other_B | (steps_B < 0) | (steps_B > 1)
    first_R = new_B.nonzero()[:, 0]
    runs_B = new_B.cumsum(0) - 1
    parts_B = (ends_B - ends_B[first_R][runs_B]) // length
    return new_B | (torch.diff(parts_B, prepend=parts_B[:1]) != 0)
