"""Convert interactions into the history that queries read."""

from __future__ import annotations

import torch

from autosample.core.types import History
from autosample.data.interactions import Interactions


def history_of(
    interactions: Interactions, device: torch.device | str = "cpu"
) -> History:
    """Return interactions as tensors on a device, in unchanged order.

    Copies 4 bytes per pair and 8 per user.
    """
    return History(
        torch.from_numpy(interactions.starts_U1.copy()).to(device),
        torch.from_numpy(interactions.items_E.copy()).to(device),
    )
