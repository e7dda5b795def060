"""In which order training pairs are visited: an epoch as batches of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from autosample.data.interactions import Interactions
from autosample.errors import DataError


class Batch(NamedTuple):
    """Rows of training pairs that one step is trained on."""

    rows_B: Tensor
    weights_B: Tensor | None = None
    """Weight of each pair's loss; None: all pairs weigh the same."""


class Order(Protocol):
    """Arranges training pairs in batches, anew for every epoch."""

    num_rows: int
    """Rows in one epoch."""
    even: bool
    """Whether batches are `batch_size` rows of equal weight each, except an epoch's
    last; only then may one kernel call take many batches."""

    def batches(
        self, rng: Generator, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        """Yield the batches of one epoch, on a device; chance comes from `rng`, which
        is on the CPU."""
        ...


class PairOrder:
    """All pairs in random order, each once per epoch."""

    even = True

    def __init__(self, num_pairs: int, batch_size: int) -> None:
        self.num_rows, self.batch_size = num_pairs, batch_size

    def batches(
        self, rng: Generator, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        order_E = torch.randperm(self.num_rows, generator=rng)
        yield from cut(order_E.to(device), self.batch_size)


BATCHES = 16
"""Batches of sequences among which those of similar length come together."""


class SequenceOrder:
    """Users in random order, and of each the pairs of the last steps, in time order.

    The pairs of a user are in one batch, side by side, so that a model can encode the
    user's history once. A batch is filled with whole users until it has `batch_size`
    pairs or more. Every 16 batches of users are sorted by length before they are cut
    into batches, whose order is random, so that encoders have little to pad. A user's
    first pair, which has no history, is left out.
    """

    even = False

    def __init__(self, train: Interactions, batch_size: int, *, length: int) -> None:
        """`length` is the largest number of pairs of one user.

        Raises DataError where no user has two pairs, so that there is nothing to learn.
        """
        self.batch_size = batch_size
        ends_U = torch.from_numpy(train.starts_U1[1:].copy())
        counts_U = torch.from_numpy(train.degrees_U - 1).clamp(0, length)
        self._ends_S, self._counts_S = ends_U[counts_U > 0], counts_U[counts_U > 0]
        self.num_rows = int(counts_U.sum())
        if self.num_rows == 0:
            raise DataError(
                "no user has two training pairs, so no pair has a history; a model that"
                " reads histories needs longer ones"
            )

    def batches(
        self, rng: Generator, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        order_S = self._order(rng)
        ends_S, counts_S = self._ends_S[order_S], self._counts_S[order_S]
        cuts = _cuts(counts_S, self.batch_size)
        for at in torch.randperm(len(cuts) - 1, generator=rng).tolist():
            batch = slice(cuts[at], cuts[at + 1])
            yield Batch(_runs(ends_S[batch], counts_S[batch]).to(device))

    def _order(self, rng: Generator) -> Tensor:
        """Return the users in random order, some batches of them at a time sorted by
        length."""
        order_S = torch.randperm(len(self._ends_S), generator=rng)
        counts_S = self._counts_S[order_S]
        group_S = counts_S.cumsum(0) // (BATCHES * self.batch_size)
        keys_S = group_S * (int(counts_S.max()) + 1) + counts_S
        return order_S[torch.argsort(keys_S, stable=True)]


class WeightedOrder:
    """As many pairs as there are, drawn with replacement by their importance.

    A pair's loss is weighted by one over its expected number of draws, so that the mean
    over a batch estimates the mean over all pairs without bias.
    """

    even = False

    def __init__(self, importance_E: Tensor, batch_size: int) -> None:
        """Raises ValueError unless every importance is above zero."""
        if not bool((importance_E > 0).all()):
            raise ValueError("every pair needs an importance above zero")
        self.num_rows, self.batch_size = len(importance_E), batch_size
        self._up_to_E = importance_E.double().cumsum(0)
        expected_E = self.num_rows * importance_E.double() / self._up_to_E[-1]
        self._weights_E = (1 / expected_E).float()

    def batches(
        self, rng: Generator, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        # torch.multinomial takes at most 2^24 categories.
        chance_E = torch.rand(self.num_rows, generator=rng, dtype=torch.double)
        drawn_E = torch.searchsorted(
            self._up_to_E, chance_E * self._up_to_E[-1], right=True
        ).clamp_(max=self.num_rows - 1)
        weights_E = self._weights_E[drawn_E].to(device)
        parts = torch.split(weights_E, self.batch_size)
        batches = cut(drawn_E.to(device), self.batch_size)
        for batch, weights_B in zip(batches, parts, strict=True):
            yield batch._replace(weights_B=weights_B)


def cut(rows_X: Tensor, batch_size: int) -> Sequence[Batch]:
    """Return rows in the given order as batches of equal weight."""
    return [Batch(rows_B) for rows_B in torch.split(rows_X, batch_size)]


def _cuts(counts_S: Tensor, batch_size: int) -> list[int]:
    """Return where batches begin, and the end: each is filled with whole users until it
    has `batch_size` pairs or more."""
    filled_S, cuts, before = counts_S.cumsum(0), [0], 0
    while cuts[-1] < len(counts_S):
        last = int(torch.searchsorted(filled_S, before + batch_size))
        cuts.append(min(last + 1, len(counts_S)))
        before = int(filled_S[cuts[-1] - 1])
    return cuts


def _runs(ends_S: Tensor, counts_S: Tensor) -> Tensor:
    """Return the rows that lead up to each end, side by side: (sum of counts,)."""
    total_S = counts_S.cumsum(0)
    shift_S = ends_S - total_S
    return torch.arange(int(total_S[-1])) + shift_S.repeat_interleave(counts_S)
