"""What models that read sequences share: tables of items, and states as query rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import embedding, pad

from autosample.core.bounds import Width
from autosample.core.types import Queries, Refresh, Rows
from autosample.data.interactions import Interactions
from autosample.data.order import Order, SequenceOrder
from autosample.kernels.jit import compiles
from autosample.kernels.memory import empty
from autosample.losses import Loss
from autosample.models.base import Model, ModelConfig, Usual
from autosample.models.windows import Windows, windows_of
from autosample.optimizers import Adam


class SequenceConfig(ModelConfig, ABC):
    """Settings that all models of sequences have."""

    l2: ClassVar[float] = 0.0
    pace: ClassVar[int] = 9
    refit_branches: ClassVar[int] = 1
    reads_history: ClassVar[bool] = True
    adam: ClassVar[Adam]
    """The usual optimiser."""
    width: Width = 64
    """Dimensions of items and of states."""
    length: int = Field(50, ge=1, le=4096)
    """The latest items of a history that are read."""

    def usual(self, loss: Loss) -> Usual:
        return Usual(self.adam, self.learning_rate, self.l2)


class SequenceModel(Model):
    """An encoder of the end of a history, and a table of the items' rows.

    The row of a query is the encoder's state after the query's last item; that of an
    empty history is zero.
    """

    def __init__(
        self, config: SequenceConfig, inputs: Tensor, outputs: Tensor | None = None
    ) -> None:
        """`inputs` (I, D) is what the encoder reads, `outputs` (I, D) what its states
        are compared with; None: the same table."""
        super().__init__()
        self.inputs = nn.Parameter(inputs)
        self.outputs = None if outputs is None else nn.Parameter(outputs)
        self.length, self.adam = config.length, config.adam

    @abstractmethod
    def encode(self, windows: Windows, rng: Generator | None) -> Tensor:
        """Return the state after each packed item: (T, D)."""

    @property
    def output_table(self) -> nn.Parameter:
        """The rows that states are compared with: (I, D)."""
        return self.inputs if self.outputs is None else self.outputs

    @property
    def lagging(self) -> Sequence[nn.Parameter]:
        return [self.inputs] if self.outputs is None else [self.inputs, self.outputs]

    def forward(self, rng: Generator | None = None) -> SequenceScorer:
        return SequenceScorer(self, rng)

    def forward_lagging(self, rng: Generator, refresh: Refresh) -> SequenceScorer:
        return SequenceScorer(self, rng, refresh)

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        kernels = all(compiles(table) for table in self.lagging)
        return self.adam.build(self.parameters(), learning_rate, tables=kernels)

    def order(self, train: Interactions, batch_size: int) -> Order:
        return SequenceOrder(train, batch_size, length=self.length)


@dataclass(frozen=True)
class SequenceScorer:
    """A scorer of one layer that encodes the histories of queries when asked."""

    model: SequenceModel
    rng: Generator | None
    """Source of dropout; None: there is none."""
    refresh: Refresh | None = None
    """Called with the items whose rows are about to be read; None: all rows are up to
    date."""
    num_layers: int = 1
    unit: bool = False

    def item_table(self) -> Tensor:
        return self.model.output_table

    def queries(self, queries: Queries) -> Rows:
        windows = windows_of(queries, self.model.length)
        if not len(windows.items_T):
            width = self.model.output_table.shape[1]
            rows = self.model.output_table.new_zeros(len(windows.states_B), width)
            return Rows(rows, rows)
        self._will_read(windows.items_T)
        states_TD = self.model.encode(windows, self.rng)
        at_B, items_T = windows.states_B, windows.items_T
        empty = bool((at_B < 0).any())
        if empty:
            # A row of zeros stands after the others, where -1 points to.
            states_TD = pad(states_TD, (0, 0, 0, 1))
            at_B = at_B.where(at_B >= 0, len(items_T))
        last_B = items_T[at_B.clamp(max=len(items_T) - 1)]
        free = embedding(last_B, self.model.inputs, sparse=True)
        return Rows(states_TD.index_select(0, at_B), free)

    def _will_read(self, items: Tensor) -> None:
        if self.refresh is not None:
            self.refresh(items)

    def items(self, items: Tensor) -> Rows:
        self._will_read(items)
        rows = embedding(items, self.model.output_table, sparse=True)
        return Rows(rows, rows)

    def item_layers(self, items_XL: Tensor) -> Tensor:
        self._will_read(items_XL)
        return embedding(items_XL, self.model.output_table, sparse=True)

    def all_items(self) -> Tensor:
        table_ID = self.model.output_table
        if self.refresh is not None:
            self.refresh(torch.arange(len(table_ID)))
        return table_ID


def item_table(rng: Generator, num_items: int, width: int) -> Tensor:
    """Return the rows of all items as `xavier` draws them, in memory for kernels."""
    table = empty(num_items, width)
    nn.init.xavier_normal_(table, generator=rng)
    return table


def xavier(rng: Generator, *shape: int) -> Tensor:
    """Return a matrix of normal numbers of variance 2 / (rows + columns).

    Glorot and Bengio, AISTATS 2010, proceedings.mlr.press/v9/glorot10a.html
    """
    made = torch.empty(*shape)
    nn.init.xavier_normal_(made, generator=rng)
    return made
