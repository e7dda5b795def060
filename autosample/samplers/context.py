"""What a sampler may know of the pairs it draws for; built once a step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from autosample.core.types import (
    START,
    ItemTabled,
    Layered,
    Moment,
    Queries,
    Refresh,
    Scorer,
)
from autosample.kernels.jit import compiles
from autosample.kernels.scores import score
from autosample.samplers.observed import Observed


@dataclass(frozen=True)
class QueryContext:
    """B queries of a batch, with the model as it stands; nothing has a gradient."""

    users_B: Tensor
    """Whose observed items are never drawn."""
    positives_B: Tensor
    rows_BD: Tensor
    """Embeddings of the queries."""
    positive_scores_B: Tensor
    batch_items: Tensor
    """Positives of the whole batch, whatever part of it this context is."""
    scorer: Scorer
    observed: Observed
    moment: Moment = START
    refresh: Refresh | None = None
    """Called before items' rows are read. None: all are up to date."""

    def part(self, at_X: Tensor) -> QueryContext:
        """Return the context of some of the queries, by position."""
        return replace(
            self,
            users_B=self.users_B[at_X],
            positives_B=self.positives_B[at_X],
            rows_BD=self.rows_BD[at_X],
            positive_scores_B=self.positive_scores_B[at_X],
        )

    @torch.no_grad()
    def score(self, items_BM: Tensor) -> Tensor:
        """Score items for each query: (B, M), for items (B, M) or shared (1, M)."""
        if self.refresh is not None:
            self.refresh(items_BM)
        table_ID = item_table(self.scorer)
        if table_ID is not None and len(items_BM) > 1:
            unit = isinstance(self.scorer, ItemTabled) and self.scorer.unit
            rows_BD = self.rows_BD.contiguous().numpy()
            return torch.from_numpy(
                score(rows_BD, table_ID.detach().numpy(), items_BM.numpy(), unit)
            )
        return inner(self.rows_BD, self.scorer.items(items_BM).scored)

    @torch.no_grad()
    def layers(self, items: Tensor) -> Tensor:
        """Return all layers of items of any shape: (..., L, D)."""
        if self.refresh is not None:
            self.refresh(items)
        wide = (*items.shape, self.scorer.num_layers)
        return self.scorer.item_layers(items[..., None].expand(wide))

    @torch.no_grad()
    def score_layers(self, items_BM: Tensor) -> Tensor:
        """Score each layer of items by the queries' rows: (B, M, L)."""
        if self.scorer.num_layers == 1:
            return self.score(items_BM)[..., None]
        if isinstance(self.scorer, Layered) and len(items_BM) > 1:
            tables = self.scorer.layer_tables()
            if all(compiles(table_ID) for table_ID in tables):
                rows_BD, items = self.rows_BD.contiguous().numpy(), items_BM.numpy()
                found = [
                    score(rows_BD, table_ID.detach().numpy(), items, False)
                    for table_ID in tables
                ]
                return torch.from_numpy(np.stack(found, -1))
        rows = self.layers(items_BM)
        layers = range(self.scorer.num_layers)
        return torch.stack([inner(self.rows_BD, rows[..., at, :]) for at in layers], -1)


def item_table(scorer: Scorer) -> Tensor | None:
    """Return the items' rows, where kernels can read them in place: (I, D)."""
    table_ID = scorer.item_table() if isinstance(scorer, ItemTabled) else None
    return table_ID if table_ID is not None and compiles(table_ID) else None


@torch.no_grad()
def of_users(scorer: Scorer, users_B: Tensor, observed: Observed) -> QueryContext:
    """Return the context of users alone, for proposals that prepare themselves."""
    queries = Queries.of_users(observed.history, users_B)
    rows_BD = scorer.queries(queries).scored.detach()
    return QueryContext(
        users_B=users_B,
        positives_B=torch.zeros_like(users_B),
        rows_BD=rows_BD,
        positive_scores_B=torch.zeros_like(rows_BD[:, 0]),
        batch_items=users_B[:0],
        scorer=scorer,
        observed=observed,
    )


def inner(rows_BD: Tensor, items_BMD: Tensor) -> Tensor:
    """Return inner products (B, M); items shared by the batch cost one product."""
    if items_BMD.shape[0] == 1:
        return rows_BD @ items_BMD[0].T
    return torch.bmm(items_BMD, rows_BD[:, :, None])[:, :, 0]
