"""Compiled steps of matrix factorisation, with any sampler.

Drawing, choosing and the loss are those of the supernet; gradients stop at the scores,
and rows are changed by a kernel that reads and writes each once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autosample.core.types import Pairs
from autosample.kernels.updates import Columns, Links, Rate, Rows, update
from autosample.models.cosine import CosineModel
from autosample.models.mf import MatrixFactorization
from autosample.models.optim import RowAdagrad, rate
from autosample.training.steps.base import Course, Steps
from autosample.training.steps.table_links import TableLinks, Tables


class TableSteps(Steps):
    def __init__(self, course: Course) -> None:
        super().__init__(course)
        model = course.model
        inner = model.model if isinstance(model, CosineModel) else model
        assert isinstance(inner, MatrixFactorization)
        assert isinstance(course.optimizer, RowAdagrad)
        self.optimizer, self.users, self.items = (
            course.optimizer,
            inner.users,
            inner.items,
        )
        self.unit = model is not inner

    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        course, supernet = self.course, self.course.supernet
        with torch.no_grad():
            scorer = course.model()
            queries = scorer.queries(pairs.queries)
            context = supernet.context(scorer, pairs, queries)
        supernet.kept.zero_grad()
        tables = Tables(self.users.detach(), self.items.detach(), self.unit)
        links = TableLinks(tables, pairs.queries.users_B, context.rows_BD)
        step = supernet.mixed(context, links, weights_K, course.rng)
        course.objective(step).backward()  # type: ignore[no-untyped-call]
        self._descend(*links.pulls())
        supernet.kept.update()
        return step.pairs_B.detach().sum()

    def _descend(self, links: Links, columns: Columns) -> None:
        users, items, pace = self.rows()
        update(users, items, links, columns, pace)

    def rows(self) -> tuple[Rows, Rows, Rate]:
        """Return both tables in training, and how far their steps go."""
        users, items = self.optimizer.rows(self.users), self.optimizer.rows(self.items)
        return users, items, rate(self.optimizer.param_groups[0])
