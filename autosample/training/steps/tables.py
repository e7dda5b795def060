"""Compiled steps of models that are two tables of rows, with any sampler.

Drawing, choosing and the loss are those of the supernet. Gradients stop at the scores;
a kernel updates the rows, and reads and writes each of them once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from autosample.core.links import Linking
from autosample.core.types import Pairs, Tabled
from autosample.models.base import Model
from autosample.optimizers import TableOptimizer
from autosample.training.steps.base import Setup, Steps
from autosample.training.steps.table_links import TableLinks, Tables


class TrainedTables(NamedTuple):
    """Two parameters whose rows are all there is to a model's scores."""

    users: nn.Parameter
    items: nn.Parameter
    unit: bool
    """Whether scores are cosines."""


def tables_in_training(model: Model) -> TrainedTables | None:
    """Return a model's two tables if it consists of nothing else; else None.

    That is so if its scorer returns the model's only two parameters as its tables.
    """
    with torch.no_grad():
        scorer = model(torch.Generator())
    if not isinstance(scorer, Tabled) or isinstance(scorer, Linking):
        return None
    tables = scorer.tables()
    parameters = list(model.parameters())
    if tables is None or len(parameters) != 2:
        return None
    users, items = tables
    if not isinstance(users, nn.Parameter) or not isinstance(items, nn.Parameter):
        return None
    owned = {id(users), id(items)} == {id(parameter) for parameter in parameters}
    return TrainedTables(users, items, scorer.unit) if owned else None


class TableSteps(Steps):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        trained = tables_in_training(setup.model)
        assert trained is not None
        assert isinstance(setup.optimizer, TableOptimizer)
        self.optimizer = setup.optimizer
        self.users, self.items, self.unit = trained

    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        setup, supernet = self.setup, self.setup.supernet
        with torch.no_grad():
            scorer = setup.model(setup.rng)
            self.optimizer.refresh(self.users, pairs.queries.users_B)
            self.refresh(pairs.items_B)
            queries = scorer.queries(pairs.queries)
            context = supernet.context(scorer, pairs, queries, self.refresh)
        supernet.kept.zero_grad()
        users, items = self.users.detach(), self.items.detach()
        tables = Tables(users, items, self.unit, self.refresh)
        links = TableLinks(tables, pairs.queries.users_B, context.rows_BD)
        step = supernet.mixed(context, links, weights_K, setup.rng)
        setup.objective(step, pairs).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step_links(self.users, self.items, *links.pulls(), setup.clip)
        supernet.kept.update()
        return pairs.weigh(step.pairs_B.detach()).sum()

    def refresh(self, items: Tensor) -> None:
        """Bring items' rows up to date, which are about to be read."""
        self.optimizer.refresh(self.items, items)

    def finish(self) -> None:
        self.optimizer.finish()
