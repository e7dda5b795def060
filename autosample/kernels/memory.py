"""Memory for tables whose rows are read at random."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def empty(*shape: int) -> Tensor:
    """Return a tensor without values, on the CPU, in huge pages where there are any.

    NumPy asks the system for them and torch does not; without them a random row costs
    a walk through the page table, a quarter of a training step.
    """
    return torch.from_numpy(np.empty(shape, np.float32))


def zeros(*shape: int) -> Tensor:
    return empty(*shape).zero_()
