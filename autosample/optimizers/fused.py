"""Optimisers that a kernel steps while it computes a batch's gradients."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn

from autosample.kernels.updates import (
    Columns,
    Links,
    Rate,
    Rows,
    Sums,
    step_sums,
    update,
)
from autosample.optimizers.base import TableOptimizer, as_table


class FusedOptimizer(TableOptimizer):
    """A table optimiser that one kernel steps while it computes the gradients."""

    def rows(self, parameter: nn.Parameter) -> Rows:
        """Return a table, its optimiser state and scratch as arrays that share
        memory."""
        return Rows(
            as_table(parameter.detach()).numpy(),
            as_table(self.squares(parameter).detach()).numpy(),
            self.uses(parameter),
        )

    def rate(self) -> Rate:
        """Return the learning rate and floor, as kernels take them."""
        return self.rate_of(self.param_groups[0])

    @abstractmethod
    def rate_of(self, group: dict[str, Any]) -> Rate:
        """Return the learning rate and floor of a parameter group."""

    @abstractmethod
    def squares(self, parameter: nn.Parameter) -> Tensor:
        """Return the optimiser state of a table: (rows, D)."""

    def step_links(
        self,
        users: nn.Parameter,
        items: nn.Parameter,
        links: Links,
        columns: Columns,
        clip: float | None = None,
    ) -> None:
        if clip is None:
            update(self.rows(users), self.rows(items), links, columns, self.rate())
        else:
            super().step_links(users, items, links, columns, clip)

    def step_sums(self, parameter: nn.Parameter, sums: Sums) -> None:
        step_sums(self.rows(parameter), sums, self.rate())
