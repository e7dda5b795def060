"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from autosample.core.bounds import NonNegative, Positive
from autosample.optimizers.base import OptimizerConfig, taking_sparse
from autosample.optimizers.moments import RowMoments

LARGEST_EPS = 1e-6
"""Largest eps for which steps that a row has missed are made up for exactly."""


class _Adams(OptimizerConfig):
    """What both kinds of Adam have in common."""

    learning_rate: ClassVar[float] = 0.01
    beta1: float = Field(0.9, gt=0, lt=1)
    """How much of the mean of gradients is kept in a step."""
    beta2: float = Field(0.999, gt=0, lt=1)
    """How much of the mean of squared gradients is kept in a step."""
    eps: Positive = 1e-8
    """Added to the root of the mean of squares."""

    @property
    def betas(self) -> tuple[float, float]:
        """How much both means keep."""
        return self.beta1, self.beta2

    @property
    def fades(self) -> bool:
        """Whether a row's steps without a gradient shrink, and eps does not count in
        them: only then can they be made up for at once."""
        return self.beta1**2 < self.beta2 and self.eps <= LARGEST_EPS


class Adam(_Adams):
    """Divides a running mean of the gradients by the root of that of their squares."""

    paper: ClassVar[str] = "Kingma and Ba, ICLR 2015, arXiv:1412.6980"
    kind: Literal["adam"] = "adam"
    weight_decay: NonNegative = 0.0
    """Added to every parameter's gradient, times the parameter. Every row then has a
    gradient in every step, which costs a step of the whole tables."""

    def build(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, *, tables: bool
    ) -> torch.optim.Optimizer:
        if tables and self.fades and not self.weight_decay:
            betas, eps = self.betas, self.eps
            return RowMoments(parameters, learning_rate, betas=betas, eps=eps)
        dense = torch.optim.Adam(
            parameters,
            learning_rate,
            self.betas,
            self.eps,
            self.weight_decay,
            fused=True,
        )
        return taking_sparse(dense)


class AdamW(_Adams):
    """Adam, with parameters that shrink by a part of themselves in every step."""

    paper: ClassVar[str] = "Loshchilov and Hutter, ICLR 2019, arXiv:1711.05101"
    kind: Literal["adamw"] = "adamw"
    weight_decay: NonNegative = 0.01
    """Part of each parameter that a step at learning rate 1 would take away."""

    def build(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, *, tables: bool
    ) -> torch.optim.Optimizer:
        if tables and self.fades:
            return RowMoments(
                parameters,
                learning_rate,
                betas=self.betas,
                eps=self.eps,
                decay=self.weight_decay,
            )
        dense = torch.optim.AdamW(
            parameters,
            learning_rate,
            self.betas,
            self.eps,
            self.weight_decay,
            fused=True,
        )
        return taking_sparse(dense)
