"""Separable losses: sums over negatives."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn.functional import relu, softplus

from autosample.core.bounds import Positive
from autosample.core.ranges import Between
from autosample.losses.base import Separable


class BPR(Separable):
    """-ln sigma(s_ui - s_uj) for each negative, which should score below the
    positive."""

    paper: ClassVar[str] = "Rendle et al., UAI 2009, arXiv:1205.2618"
    kind: Literal["bpr"] = "bpr"

    def pair(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return softplus(negative_BN - positive_B1)


class Logistic(Separable):
    """-ln sigma(s_ui) - ln(1 - sigma(s_uj)): binary cross entropy, which pushes
    positives above zero and negatives below."""

    paper: ClassVar[str] = "He et al., WWW 2017, arXiv:1708.05031"
    kind: Literal["logistic"] = "logistic"
    negative_weight: Positive = Field(
        1.0,
        exclude_if=lambda weight: weight == 1,
        json_schema_extra=Between(0.01, 10, log=True),
    )
    """Weight of the negatives' mean against the positive's part."""

    def positive(self, positive_B: Tensor) -> Tensor:
        return softplus(-positive_B)

    def pair(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        losses_BN = softplus(negative_BN)
        weight = self.negative_weight
        return losses_BN if weight == 1 else weight * losses_BN


class Hinge(Separable):
    """max(0, margin - s_ui + s_uj), which is 0 for a negative far below the
    positive."""

    paper: ClassVar[str] = "Weston, Bengio and Usunier, IJCAI 2011"
    kind: Literal["hinge"] = "hinge"
    margin: Positive = Field(1.0, json_schema_extra=Between(0.1, 5, log=True))
    """Least distance of the positive above a negative, in units of a score."""

    def pair(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return relu(self.margin - positive_B1 + negative_BN)


class CCL(Separable):
    """1 - cos_ui + w * mean_j max(0, cos_uj - margin), in which easy negatives cost
    nothing."""

    paper: ClassVar[str] = "Mao et al., CIKM 2021, arXiv:2109.12613"
    cosine: ClassVar[bool] = True
    default_negatives: ClassVar[int] = 64
    least_negatives: ClassVar[int] = 8
    kind: Literal["ccl"] = "ccl"
    margin: float = Field(0.4, ge=-1, lt=1, json_schema_extra=Between(0.1, 0.95))
    """Cosine below which a negative costs nothing; the paper's best are .2 to .9."""
    negative_weight: Positive = Field(
        150.0, json_schema_extra=Between(10, 1000, log=True)
    )
    """The weight w of the negatives' mean against the positive's part."""

    def positive(self, positive_B: Tensor) -> Tensor:
        return relu(1 - positive_B)

    def pair(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return self.negative_weight * relu(negative_BN - self.margin)
