"""Dropout whose masks come from a generator that is passed in."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

LEVELS = 256
"""Chances that a mask can have: it compares one random byte per number."""


def drop(rows: Tensor, share: float, rng: Generator | None) -> Tensor:
    """Return rows with a share of their numbers set to zero, and the others scaled so
    that the mean is unchanged; as they are without a generator.

    The share is rounded to 1/256. Torch's own dropout draws from the global generator,
    and its Bernoulli numbers cost eight times as many random bits.

    Srivastava et al., JMLR 2014, jmlr.org/papers/v15/srivastava14a.html
    """
    level = round(share * LEVELS)
    if rng is None or level == 0:
        return rows
    words = torch.empty((rows.numel() + 7) // 8, dtype=torch.int64, device=rows.device)
    words.random_(-(2**63), None, generator=rng)
    bytes_X = words.view(torch.uint8)[: rows.numel()].view_as(rows)
    mask = (bytes_X >= level).to(rows.dtype).mul_(LEVELS / (LEVELS - level))
    return rows * mask
