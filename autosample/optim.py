"""Adagrad that touches only the rows a batch touched.

Duchi, Hazan and Singer, 2011, jmlr.org/papers/v12/duchi11a.html. Dense gradients are
taken as touching every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class RowAdagrad(torch.optim.Optimizer):
    """Adagrad with one accumulator a number; a step costs what the gradient holds."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, eps: float = 1e-8
    ) -> None:
        super().__init__(parameters, {"lr": lr, "eps": eps})
        # Scratch of the parameters' size, so that repeated rows are summed by one
        # index_add_ instead of a sort; all zero between steps.
        self._sums: dict[nn.Parameter, Tensor] = {}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        squares, grad = self._squares(parameter), parameter.grad
        assert grad is not None
        if not grad.is_sparse:
            squares.addcmul_(grad, grad)
            scale = squares.sqrt().add_(group["eps"])
            parameter.addcdiv_(grad, scale, value=-group["lr"])
            return
        rows, summed = self._summed(parameter, grad)
        # index_select and index_copy_ move whole rows; indexing is twice as slow.
        touched = squares.index_select(0, rows).addcmul_(summed, summed)
        squares.index_copy_(0, rows, touched)
        step = summed.div_(touched.sqrt_().add_(group["eps"]))
        parameter.index_add_(0, rows, step, alpha=-group["lr"])

    def _squares(self, parameter: nn.Parameter) -> Tensor:
        state = self.state[parameter]
        if "squares" not in state:
            state["squares"] = torch.zeros_like(parameter)
        squares: Tensor = state["squares"]
        return squares

    def _summed(self, parameter: nn.Parameter, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Sum the gradient of each row that has one: row ids, (rows, D)."""
        if parameter not in self._sums:
            self._sums[parameter] = torch.zeros_like(parameter)
        sums, indices = self._sums[parameter], grad._indices()[0]
        touched = torch.zeros(len(parameter), dtype=torch.bool, device=grad.device)
        touched[indices] = True
        rows = touched.nonzero()[:, 0]
        sums.index_add_(0, indices, grad._values())
        summed = sums.index_select(0, rows)
        sums.index_fill_(0, rows, 0)
        return rows, summed
