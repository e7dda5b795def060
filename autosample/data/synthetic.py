"""Interactions made to order, whose right answers are known.

Users and items belong to clusters; a user likes items of its own cluster most, and
popular ones more. Of the items a user would like, some are never shown: they look
like negatives and are not. The more of them, and the better the model ranks them,
the more hard sampling hurts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt

from autosample.core.config import Config
from autosample.core.seeds import numpy_generator
from autosample.data.dataset import Dataset, from_arrays
from autosample.data.interactions import Interactions, Ints
from autosample.data.options import ReadOptions


class Synthetic(Config):
    """The size and the nature of a made data set."""

    users: int = Field(600, ge=2)
    items: int = Field(400, ge=2)
    pairs_per_user: PositiveInt = 20
    """Mean number of observed pairs a user."""
    clusters: PositiveInt = 8
    """Groups of taste; 1: none."""
    skew: float = Field(0.8, ge=0)
    """Exponent of the popularity law, rank^-skew; 0: all items alike."""
    loyalty: float = Field(4.0, ge=0)
    """How much more a user likes its own cluster, in logits; 0: not at all."""
    false_negatives: float = Field(0.0, ge=0, lt=1)
    """Share of the items a user likes that are never observed."""
    seed: int = 0

    def build(self) -> Planted:
        """Make the interactions and what is hidden in them."""
        rng = numpy_generator(self.seed, "synthetic")
        user_cluster = rng.integers(self.clusters, size=self.users)
        item_cluster = rng.permutation(np.arange(self.items) % self.clusters)
        liked_UI = self._liked(user_cluster, item_cluster, rng)
        hidden_UI = liked_UI & (rng.random(liked_UI.shape) < self.false_negatives)
        users, items = np.nonzero(liked_UI & ~hidden_UI)
        order = rng.permutation(len(users))
        dataset = from_arrays(
            pa.array(users[order]), pa.array(items[order]), options=ReadOptions()
        )
        return Planted(dataset, _hidden(hidden_UI, dataset), user_cluster, item_cluster)

    def _liked(
        self, user_cluster: Ints, item_cluster: Ints, rng: np.random.Generator
    ) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Draw what each user likes, without replacement: Gumbel top-k, (U, I)."""
        popularity_I = rng.permutation(np.arange(1, self.items + 1) ** -self.skew)
        logits_UI = np.log(popularity_I)[None, :] + self.loyalty * (
            user_cluster[:, None] == item_cluster[None, :]
        )
        logits_UI = logits_UI + rng.gumbel(size=logits_UI.shape)
        wanted = self.pairs_per_user / (1 - self.false_negatives)
        most = max(1, self.items // 2)
        degrees_U = rng.poisson(wanted, self.users).clip(1, most)
        rank_UI = (-logits_UI).argsort(1).argsort(1)
        return np.asarray(rank_UI < degrees_U[:, None])


class Walks(Config):
    """Users who go from item to item: mostly to a likely successor of the last one."""

    users: int = Field(600, ge=2)
    items: int = Field(400, ge=8)
    steps_per_user: PositiveInt = 12
    """Steps of each user; an item that the user has been at is not counted again."""
    successors: PositiveInt = 3
    """Likely next items of each item."""
    jumps: float = Field(0.3, ge=0, le=1)
    """Share of steps to an item by popularity instead."""
    skew: float = Field(0.8, ge=0)
    """Exponent of the popularity law, rank^-skew; 0: all items alike."""
    seed: int = 0

    def build(self) -> Dataset:
        """Make the steps, with one second between two of a user."""
        rng = numpy_generator(self.seed, "walks")
        popularity_I = np.arange(1, self.items + 1) ** -self.skew
        popularity_I /= popularity_I.sum()
        next_IS = rng.integers(self.items, size=(self.items, self.successors))
        at_U = rng.choice(self.items, self.users, p=popularity_I)
        steps = [at_U]
        for _ in range(self.steps_per_user - 1):
            follow_U = next_IS[at_U, rng.integers(self.successors, size=self.users)]
            jump_U = rng.choice(self.items, self.users, p=popularity_I)
            at_U = np.where(rng.random(self.users) < self.jumps, jump_U, follow_U)
            steps.append(at_U)
        users = np.repeat(np.arange(self.users), self.steps_per_user)
        times = np.tile(np.arange(self.steps_per_user), self.users)
        return from_arrays(users, np.stack(steps, 1).reshape(-1), times=times)


@dataclass(frozen=True)
class Planted:
    """A synthetic data set and the truth behind it."""

    dataset: Dataset
    hidden: Interactions
    """Liked and never observed: the planted false negatives, in compact ids."""
    user_cluster: Ints
    """Cluster of each original user id."""
    item_cluster: Ints
    """Cluster of each original item id."""


def _hidden(
    hidden_UI: np.ndarray[tuple[int, int], np.dtype[np.bool_]], dataset: Dataset
) -> Interactions:
    users = dataset.users.to_numpy()
    items = dataset.items.to_numpy()
    rows, columns = np.nonzero(hidden_UI[np.ix_(users, items)])
    return Interactions.from_pairs(
        rows, columns, num_users=len(users), num_items=len(items)
    )


def checkerboard(size: int = 20) -> Dataset:
    """Users like the items of their own parity: any model can tell.

    After implicit's test matrix (Frederickson, github.com/benfred/implicit).
    """
    users, items = np.indices((size, size)).reshape(2, -1)
    keep = (users + items) % 2 == 0
    return from_arrays(users[keep], items[keep])
