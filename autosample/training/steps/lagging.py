"""Steps by automatic gradients of models that read few rows of their items' tables.

An optimiser with moments moves every row in every step. Here rows lag behind until they
are read, and are then brought up to date at once, so that a step costs what its batch
reads.
"""

from __future__ import annotations

from torch import Tensor

from autosample.core.types import Pairs
from autosample.optimizers import TableOptimizer
from autosample.optimizers.clipping import clip_gradients
from autosample.training.steps.base import Setup, Steps
from autosample.training.supernet.links import links_of


class LaggingSteps(Steps):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        assert isinstance(setup.optimizer, TableOptimizer)
        self.optimizer, self.tables = setup.optimizer, setup.model.lagging

    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        setup, supernet = self.setup, self.setup.supernet
        self.optimizer.zero_grad(set_to_none=True)
        supernet.kept.zero_grad()
        scorer = setup.model.forward_lagging(setup.rng, self.refresh)
        queries = scorer.queries(pairs.queries)
        context = supernet.context(scorer, pairs, queries, self.refresh)
        links = links_of(scorer, pairs.queries, queries)
        step = supernet.mixed(context, links, weights_K, setup.rng)
        setup.objective(step, pairs).backward()  # type: ignore[no-untyped-call]
        if setup.clip is not None:
            clip_gradients(setup.model.parameters(), setup.clip)
        self.optimizer.step()
        supernet.kept.update()
        return pairs.weigh(step.pairs_B.detach()).sum()

    def refresh(self, items: Tensor) -> None:
        """Bring items' rows up to date, which are about to be read."""
        for table in self.tables:
            self.optimizer.refresh(table, items)

    def finish(self) -> None:
        self.optimizer.finish()
