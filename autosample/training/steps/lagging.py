"""Steps by automatic gradients of models that read few rows of their items' tables.

An optimiser with moments moves every row in every step. Here rows lag behind until they
are read, and are then brought up to date at once, so that a step costs what its batch
reads.
"""

from __future__ import annotations

from torch import Tensor

from autosample.core.types import Pairs
from autosample.optimizers import TableOptimizer
from autosample.training.steps.automatic import AutomaticSteps


class LaggingSteps(AutomaticSteps):
    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        scorer = self.setup.model.forward_lagging(self.setup.rng, self.refresh)
        return self._step(scorer, pairs, weights_K, self.refresh)

    def refresh(self, items: Tensor) -> None:
        """Bring items' rows up to date, which are about to be read."""
        optimizer = self.setup.optimizer
        assert isinstance(optimizer, TableOptimizer)
        for table in self.setup.model.lagging:
            optimizer.refresh(table, items)
