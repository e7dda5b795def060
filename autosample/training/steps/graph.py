"""Compiled steps of LightGCN: rows are propagated once, a kernel sums the gradients of
the rows that pairs use, and these are propagated back once."""

from __future__ import annotations

import torch
from torch import Tensor

from autosample.core.types import Pairs
from autosample.kernels.updates import add_gradients
from autosample.models.cosine import CosineModel, CosineScorer
from autosample.models.graph import GraphScorer, mean_of_layers
from autosample.models.lightgcn import LightGraphConvolution
from autosample.optimizers.clipping import clip_gradients
from autosample.training.steps.base import Setup, Steps
from autosample.training.steps.table_links import (
    Pulls,
    TableLinks,
    Tables,
)


class GraphSteps(Steps):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        model = setup.model
        inner = model.model if isinstance(model, CosineModel) else model
        assert isinstance(inner, LightGraphConvolution)
        self.model, self.unit = inner, model is not inner
        self._pooled = torch.zeros_like(inner.embeddings, requires_grad=False)

    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        setup, supernet = self.setup, self.setup.supernet
        supernet.kept.zero_grad()
        with torch.no_grad():
            graph = self.model(setup.rng)
            scorer = CosineScorer(graph) if self.unit else graph
            queries = scorer.queries(pairs.queries)
            context = supernet.context(scorer, pairs, queries)
        users, items = graph.tables()
        tables = Tables(users, items, self.unit)
        links = TableLinks(tables, pairs.queries.users_B, context.rows_BD)
        step = supernet.mixed(context, links, weights_K, setup.rng)
        setup.objective(step, pairs).backward()  # type: ignore[no-untyped-call]
        self._descend(graph, links)
        supernet.kept.update()
        return pairs.weigh(step.pairs_B.detach()).sum()

    def _descend(self, graph: GraphScorer, links: TableLinks) -> None:
        """Propagate the gradients of pooled rows to the parameters, add those of l2,
        and take a step of the optimiser."""
        self._pooled.zero_()
        pulls = links.pulls(shrink=False)
        _add(self._pooled, graph.tables(), pulls)
        gradient = mean_of_layers(
            self.model.adjacency, self._pooled, self.model.hops, self._used(pulls)
        )
        _add(gradient, self.model.tables(), links.pulls(shrink=True))
        self.model.embeddings.grad = gradient
        if self.setup.clip is not None:
            clip_gradients([self.model.embeddings], self.setup.clip)
        self.setup.optimizer.step()

    def _used(self, pulls: Pulls) -> Tensor:
        """Return a mask of the rows that the batch used: (U + I,)."""
        used = torch.zeros(len(self._pooled), dtype=torch.bool)
        for ids in (pulls.links.items, pulls.columns.items):
            used[torch.from_numpy(ids).reshape(-1) + self.model.num_users] = True
        used[torch.from_numpy(pulls.links.users)] = True
        return used


def _add(out: Tensor, tables: tuple[Tensor, Tensor], pulls: Pulls) -> None:
    users, items = (table.detach().numpy() for table in tables)
    add_gradients(users, items, *pulls, out.numpy())
