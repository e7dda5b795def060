"""What is ranked: one case per user or per held-out pair, as the split's protocol says.

Everything that ranks asks here which history a query may read, which items are right
answers and which are left out of the ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch

from autosample.core.seeds import numpy_generator
from autosample.core.types import Queries
from autosample.data.history import history_of
from autosample.data.interactions import Interactions, Ints
from autosample.data.splits import EvaluationProtocol, Split
from autosample.kernels.top import Lists

Part = Literal["valid", "test"]


@dataclass(frozen=True)
class Cases:
    """Q queries to rank the catalogue for, and what is right and left out for each."""

    queries: Queries
    relevant: Lists
    """Right answers of each case, ascending."""
    masked: Lists
    """Items left out of every ranking of a user, ascending: by user, not by case."""
    owners_Q: Ints
    """The user of each case, ascending; comparisons resample these."""

    def __len__(self) -> int:
        return len(self.owners_Q)

    @cached_property
    def clusters_Q(self) -> Ints | None:
        """The user of each case; None where no user has several."""
        return self.owners_Q if np.any(np.diff(self.owners_Q) == 0) else None

    @cached_property
    def relevant_Q(self) -> Ints:
        """Number of right answers of each case."""
        return np.diff(self.relevant.starts)


def cases_of(split: Split, part: Part, *, most_users: int | None = None) -> Cases:
    """Return the cases of the validation or test part, by the split's protocol.

    Validation queries read the training pairs, test queries training and validation
    pairs. Of more than `most_users` users with held-out pairs, a sample is ranked.
    """
    held_out, known = (
        (split.valid, split.train) if part == "valid" else (split.test, split.known)
    )
    users = np.flatnonzero(held_out.degrees_U)
    if most_users is None or len(users) <= most_users:
        return make_cases(held_out, known, split.protocol)
    # One sample whatever the seed, so that all trainings are judged on the same users.
    rng = numpy_generator(0, f"{part} users")
    sample = rng.choice(users, most_users, replace=False)
    return make_cases(held_out, known, split.protocol, users=sample)


def make_cases(
    held_out: Interactions,
    known: Interactions,
    protocol: EvaluationProtocol | None = None,
    *,
    users: Ints | None = None,
) -> Cases:
    """Return the cases of held-out pairs whose users have the known pairs behind them.

    All cases of a user read the same history, the known pairs: none reads a held-out
    one. `users` limits the cases to theirs.
    """
    protocol = protocol or EvaluationProtocol()
    if users is not None:
        held_out = held_out.take(np.isin(held_out.users_E, users))
    if protocol.per == "interaction":
        owners_Q = held_out.users_E
        starts, items = np.arange(held_out.num_pairs + 1), held_out.items_E
    else:
        held_out = held_out.distinct
        owners_Q = np.flatnonzero(held_out.degrees_U)
        starts = np.append(held_out.starts_U1[owners_Q], held_out.num_pairs)
        items = held_out.sorted_E
    masked = (known if protocol.mask == "history" else known.none).distinct
    return Cases(
        Queries.of_users(history_of(known), torch.from_numpy(owners_Q)),
        # A copy can be written to: kernels are compiled anew for read-only arrays.
        Lists(starts, items.copy()),
        Lists(masked.starts_U1, masked.sorted_E),
        owners_Q,
    )
