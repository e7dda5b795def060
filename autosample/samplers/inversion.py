"""Draws from laws of a batch's rows, each by inverting its cumulative law."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def drawn(weights_BM: Tensor, count: int, rng: Generator) -> Tensor:
    """Draw so many columns of each row, by weight and with replacement: (B, N).

    Weights need not sum to one; a column of none is never drawn, unless its row has no
    other. Several times cheaper than `multinomial`, which goes over all of it thrice.
    """
    cumulative_BM = weights_BM.cumsum(1)
    total_B1 = cumulative_BM[:, -1:]
    shape = (len(weights_BM), count)
    chance_BN = torch.rand(
        shape, dtype=weights_BM.dtype, generator=rng, device=weights_BM.device
    )
    # Rounding must not reach the total, behind which stands the last column.
    below_B1 = torch.nextafter(total_B1, torch.zeros_like(total_B1))
    places_BN = torch.minimum(chance_BN * total_B1, below_B1)
    slots_BN = torch.searchsorted(cumulative_BM, places_BN, right=True)
    return slots_BN.clamp_(max=weights_BM.shape[1] - 1)
