"""Memory for tables whose rows are read at random."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def empty(*shape: int) -> Tensor:
    """Return an uninitialised float32 tensor on the CPU, in huge pages if possible.

    NumPy asks the system for huge pages and torch does not. Without them, reading a
    random row walks the page table, which takes a quarter of a training step.
    """
    return torch.from_numpy(np.empty(shape, np.float32))


def zeros(*shape: int) -> Tensor:
    """Return a float32 tensor of zeros, allocated like `empty`."""
    return empty(*shape).zero_()
