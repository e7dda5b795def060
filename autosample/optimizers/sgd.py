"""Stochastic gradient descent, with or without momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from autosample.core.bounds import NonNegative
from autosample.kernels.updates import PLAIN, Rate
from autosample.optimizers.base import OptimizerConfig, taking_sparse
from autosample.optimizers.fused import FusedOptimizer
from autosample.optimizers.moments import RowMoments


class SGD(OptimizerConfig):
    """Steps along the gradient itself, or along a sum of past gradients that fade."""

    paper: ClassVar[str] = "Robbins and Monro, 1951; Polyak, 1964"
    learning_rate: ClassVar[float] = 10.0
    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(0.0, ge=0, lt=1)
    """How much of the sum of past gradients is kept in a step."""
    weight_decay: NonNegative = 0.0
    """Added to every parameter's gradient, times the parameter. Every row then has a
    gradient in every step, which costs a step of the whole tables."""

    def build(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, *, tables: bool
    ) -> torch.optim.Optimizer:
        if not tables or self.weight_decay:
            return taking_sparse(
                torch.optim.SGD(
                    parameters,
                    learning_rate,
                    momentum=self.momentum,
                    weight_decay=self.weight_decay,
                )
            )
        if self.momentum:
            betas = self.momentum, 1.0
            return RowMoments(parameters, learning_rate, betas=betas, adaptive=False)
        return RowSGD(parameters, {"lr": learning_rate})


class RowSGD(FusedOptimizer):
    """Plain steps of the rows of tables."""

    def rate_of(self, group: dict[str, Any]) -> Rate:
        return Rate(np.float32(group["lr"]), PLAIN)

    def squares(self, parameter: nn.Parameter) -> Tensor:
        """Return the table itself, since there is no state."""
        return parameter
