"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from autosample.core.bounds import NonNegative, Positive
from autosample.optimizers.base import OptimizerConfig, densify
from autosample.optimizers.moments import RowMoments


class Adam(OptimizerConfig):
    """Divides a running mean of the gradients by the root of that of their squares."""

    paper: ClassVar[str] = "Kingma and Ba, ICLR 2015, arXiv:1412.6980"
    learning_rate: ClassVar[float] = 0.01
    kind: Literal["adam"] = "adam"
    beta1: float = Field(0.9, gt=0, lt=1)
    """How much of the mean of gradients is kept in a step."""
    beta2: float = Field(0.999, gt=0, lt=1)
    """How much of the mean of squared gradients is kept in a step."""
    eps: Positive = 1e-8
    """Added to the root of the mean of squares."""
    weight_decay: NonNegative = 0.0
    """Added to every parameter's gradient, times the parameter. Every row then has a
    gradient in every step, which costs a step of the whole tables."""

    def build(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, *, tables: bool
    ) -> torch.optim.Optimizer:
        betas = self.beta1, self.beta2
        if tables and not self.weight_decay:
            return RowMoments(parameters, learning_rate, betas=betas, eps=self.eps)
        return DenseAdam(
            parameters,
            learning_rate,
            betas,
            self.eps,
            self.weight_decay,
            fused=True,
        )


class AdamW(OptimizerConfig):
    """Adam, with parameters that shrink by a part of themselves in every step."""

    paper: ClassVar[str] = "Loshchilov and Hutter, ICLR 2019, arXiv:1711.05101"
    learning_rate: ClassVar[float] = 0.01
    kind: Literal["adamw"] = "adamw"
    beta1: float = Field(0.9, gt=0, lt=1)
    """How much of the mean of gradients is kept in a step."""
    beta2: float = Field(0.999, gt=0, lt=1)
    """How much of the mean of squared gradients is kept in a step."""
    eps: Positive = 1e-8
    """Added to the root of the mean of squares."""
    weight_decay: NonNegative = 0.01
    """Part of each parameter that a step at learning rate 1 would take away."""

    def build(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, *, tables: bool
    ) -> torch.optim.Optimizer:
        betas = self.beta1, self.beta2
        if tables:
            return RowMoments(
                parameters,
                learning_rate,
                betas=betas,
                eps=self.eps,
                decay=self.weight_decay,
            )
        return DenseAdamW(
            parameters,
            learning_rate,
            betas,
            self.eps,
            self.weight_decay,
            fused=True,
        )


class DenseAdam(torch.optim.Adam):
    """Torch's Adam, which takes sparse gradients as well."""

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            densify(group["params"])
        super().step()


class DenseAdamW(torch.optim.AdamW):
    """Torch's AdamW, which takes sparse gradients as well."""

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            densify(group["params"])
        super().step()
