"""What a model hands over: a row for every user and every item."""

from __future__ import annotations

import torch
from torch import Tensor

from autosample.core.types import Queries
from autosample.data.history import history_of
from autosample.data.interactions import Interactions
from autosample.models.base import Model

BLOCK = 1024
"""Users whose rows are computed together, which bounds the memory of an encoder."""


@torch.no_grad()
def export(model: Model, known: Interactions) -> dict[str, Tensor]:
    """Return the rows of all `users` (U, D), each after their known pairs, and of all
    `items` (I, D); scores are their inner products."""
    scorer = model()
    items_ID = scorer.all_items()
    device = items_ID.device
    history = history_of(known, device)
    rows = [
        scorer.queries(Queries.of_users(history, users_B)).scored
        for users_B in torch.split(torch.arange(known.num_users, device=device), BLOCK)
    ]
    return {"users": torch.cat(rows), "items": items_ID}
