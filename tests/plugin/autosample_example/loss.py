"""A loss that is a sum over negatives."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, relu

from autosample.losses import Separable


class SquaredHinge(Separable):
    """max(0, 1 - s_ui + s_uj)^2: far violations cost more."""

    paper: ClassVar[str] = "none: an example"
    kind: Literal["squared_hinge"] = "squared_hinge"

    def pair(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return relu(1 - positive_B1 + negative_BN).square()
