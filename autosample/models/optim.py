"""Adagrad that touches only the rows a batch touched.

Duchi, Hazan and Singer, 2011, jmlr.org/papers/v12/duchi11a.html. Dense gradients are
taken as touching every row. One accumulator a row instead of one a number would move
half as much, and costs 2 to 4 % of NDCG@20 with BPR on Last.fm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autosample.kernels.jit import compiles
from autosample.kernels.memory import zeros
from autosample.kernels.updates import Rate, Rows, update_rows


class RowAdagrad(torch.optim.Optimizer):
    """Steps by lr / sqrt(sum of squared gradients + eps^2), number by number."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, eps: float = 1e-8
    ) -> None:
        super().__init__(parameters, {"lr": lr, "eps": eps})
        # Scratch, all zero between steps: a number a row for kernels, else a row.
        self._uses: dict[nn.Parameter, Tensor] = {}
        self._gradients: dict[nn.Parameter, Tensor] = {}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        grad = parameter.grad
        assert grad is not None
        if not grad.is_sparse:
            squares = self._squares(parameter).addcmul_(grad, grad)
            scale = (squares + group["eps"] ** 2).sqrt_()
            parameter.addcdiv_(grad, scale, value=-group["lr"])
            return
        ids, values = grad._indices()[0], grad._values()
        if compiles(parameter):
            update_rows(
                self.rows(parameter),
                ids.numpy(),
                values.contiguous().numpy(),
                rate(group),
            )
            return
        # A row that occurs twice is read and written twice, to the same numbers: to
        # find it out would make the host wait for the device.
        sums = self._sums(parameter)
        summed = sums.index_add_(0, ids, values)[ids]
        sums.index_fill_(0, ids, 0)
        squares = self._squares(parameter)
        touched = squares[ids].addcmul_(summed, summed)
        squares[ids] = touched
        step = summed / (touched + group["eps"] ** 2).sqrt_()
        parameter[ids] = parameter[ids].sub_(step, alpha=group["lr"])

    def _sums(self, parameter: nn.Parameter) -> Tensor:
        if parameter not in self._gradients:
            self._gradients[parameter] = torch.zeros_like(parameter)
        return self._gradients[parameter]

    def rows(self, parameter: nn.Parameter) -> Rows:
        """Return a table, its accumulators and scratch as arrays that share memory."""
        if parameter not in self._uses:
            self._uses[parameter] = torch.zeros(len(parameter), dtype=torch.int32)
        return Rows(
            parameter.detach().numpy(),
            self._squares(parameter).numpy(),
            self._uses[parameter].numpy(),
        )

    def _squares(self, parameter: nn.Parameter) -> Tensor:
        state = self.state[parameter]
        if "squares" not in state:
            made = zeros(*parameter.shape) if compiles(parameter) else None
            state["squares"] = torch.zeros_like(parameter) if made is None else made
        squares: Tensor = state["squares"]
        return squares


def rate(group: dict[str, Any]) -> Rate:
    """Return how far steps of a parameter group go."""
    return Rate(np.float32(group["lr"]), np.float32(group["eps"] ** 2))
