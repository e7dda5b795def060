"""Draws of columns by the weights in each row of a matrix."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def draw_columns(weights_BM: Tensor, count: int, rng: Generator) -> Tensor:
    """Draw `count` columns of each row by weight, with replacement: (B, N).

    Weights need not sum to 1. A column of weight 0 is drawn only if its whole row is 0.
    Inverting the cumulative sum is several times cheaper than `torch.multinomial`,
    which reads the matrix three times.
    """
    cumulative_BM = weights_BM.cumsum(1)
    total_B1 = cumulative_BM[:, -1:]
    shape = (len(weights_BM), count)
    chance_BN = torch.rand(
        shape, dtype=weights_BM.dtype, generator=rng, device=weights_BM.device
    )
    # Rounding up to the total would pick the last column, whatever its weight.
    below_B1 = torch.nextafter(total_B1, torch.zeros_like(total_B1))
    places_BN = torch.minimum(chance_BN * total_B1, below_B1)
    slots_BN = torch.searchsorted(cumulative_BM, places_BN, right=True)
    return slots_BN.clamp_(max=weights_BM.shape[1] - 1)
