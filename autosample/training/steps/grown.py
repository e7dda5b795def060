"""How softmax losses let scores grow before they sum them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from autosample.losses.listwise import FLOOR


class Sums(NamedTuple):
    """Sums over the negatives of each pair."""

    total_B: Tensor
    """Sum of e^term."""
    of_positive_B: Tensor | float
    """Slope of that sum in the positive's score."""


class Grown(Protocol):
    factor: float
    """What slopes must be multiplied by."""

    def slopes(
        self, rows_BD: Tensor, columns_CD: Tensor, positive_B: Tensor, out_BC: Tensor
    ) -> Tensor:
        """Return the slope of e^term in each score, up to `factor`, written over
        `out_BC`."""
        ...

    def sums(self, slopes_BC: Tensor) -> Sums:
        """Return sums over those negatives whose slopes are not zero."""
        ...


class Exponential:
    """e^(scale s), which is its own slope but for the scale."""

    def __init__(self, scale: float) -> None:
        self.factor = scale

    def slopes(
        self, rows_BD: Tensor, columns_CD: Tensor, positive_B: Tensor, out_BC: Tensor
    ) -> Tensor:
        return torch.mm(rows_BD * self.factor, columns_CD.T, out=out_BC).exp_()

    def sums(self, slopes_BC: Tensor) -> Sums:
        return Sums(slopes_BC.sum(1), 0.0)


class Surrogate:
    """PSL's (1 + d)^scale, where d is half the distance from the positive's score."""

    def __init__(self, scale: float) -> None:
        self.scale, self.factor = scale, scale / 2
        self._grown_BC = torch.empty(0, 0)

    def slopes(
        self, rows_BD: Tensor, columns_CD: Tensor, positive_B: Tensor, out_BC: Tensor
    ) -> Tensor:
        if self._grown_BC.shape != out_BC.shape:
            self._grown_BC = torch.empty_like(out_BC)
        grown_BC = torch.mm(rows_BD / 2, columns_CD.T, out=self._grown_BC)
        grown_BC.add_(1 - positive_B[:, None] / 2).clamp_(min=FLOOR)
        torch.log(grown_BC, out=out_BC)
        return out_BC.mul_(self.scale - 1).exp_()

    def sums(self, slopes_BC: Tensor) -> Sums:
        total_B = torch.linalg.vecdot(slopes_BC, self._grown_BC)
        return Sums(total_B, -self.factor * slopes_BC.sum(1))
