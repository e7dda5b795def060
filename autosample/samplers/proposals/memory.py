"""What proposals with a memory of each user share."""

from __future__ import annotations

import torch
from torch import Tensor

from autosample.core.types import Queries, Scorer
from autosample.samplers.observed import Observed

BLOCK = 2048  # users brought up to date together


def mean_positive_scores(scorer: Scorer, observed: Observed) -> Tensor:
    """Return the mean score of each user's training items: (U,); zero without any."""
    found, at = [], 0
    starts_U1 = observed.train.starts_U1.tolist()  # on the host, which slices
    for users_B in users_of(observed):
        queries = Queries.of_users(observed.history, users_B)
        rows_BD = scorer.queries(queries).scored.detach()
        counts_B = observed.degrees_U[users_B]
        begin, end = starts_U1[at], starts_U1[at + len(users_B)]
        at += len(users_B)
        with torch.no_grad():
            items_ED = scorer.items(observed.items_E[begin:end]).scored
        rows_E = torch.arange(len(users_B), device=users_B.device)
        rows_E = rows_E.repeat_interleave(counts_B, output_size=end - begin)
        scores_E = (rows_BD[rows_E] * items_ED).sum(1)
        sums_B = torch.zeros_like(rows_BD[:, 0]).index_add_(0, rows_E, scores_E)
        found.append(sums_B / counts_B.clamp(min=1))
    return torch.cat(found)


def users_of(observed: Observed) -> tuple[Tensor, ...]:
    """Return all users, in the blocks that are brought up to date together."""
    users_U = torch.arange(observed.num_users, device=observed.device)
    return torch.split(users_U, BLOCK)
