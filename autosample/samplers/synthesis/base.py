"""What is made of the chosen items."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Generator, Tensor

from autosample.config import Config


class Synthesis(Config, ABC):
    """A way to make embeddings that belong to no item.

    The choice is made on each layer's scores by itself, so that a negative may have
    another item in each layer.
    """

    @abstractmethod
    def embed(
        self, layers_BNLD: Tensor, positives_BLD: Tensor, rng: Generator
    ) -> Tensor:
        """Make N embeddings a pair from chosen and positive layers: (B, N, D)."""
