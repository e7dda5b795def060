"""The softmax family: the positive against all its negatives together."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor
from torch.nn.functional import softplus

from autosample.losses.base import Listwise

FLOOR = 1e-6
"""Below it a surrogate of PSL counts as zero; its logarithm needs a bound."""


class KPair(Listwise):
    """ln(1 + sum_j e^(s_uj - s_ui)): BPR, for many negatives at once."""

    paper: ClassVar[str] = "Sohn, NIPS 2016; Huang et al., KDD 2021"
    default_negatives: ClassVar[int] = 8
    kind: Literal["k_pair"] = "k_pair"

    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return negative_BN

    def whole(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return softplus(log_sum_B - positive_B)


class SampledSoftmax(Listwise):
    """-ln of the positive's share among itself and its negatives."""

    paper: ClassVar[str] = "Wu et al., TOIS 2024, arXiv:2201.02327"
    default_negatives: ClassVar[int] = 8
    kind: Literal["sampled_softmax"] = "sampled_softmax"
    temperature: PositiveFloat = 1.0
    """Divides every score."""
    log_q: bool = False
    """Correct for how likely each negative was, which makes the sum over negatives an
    unbiased estimate of that over all items (Bengio and Senecal, 2008)."""

    @property
    def needs_log_q(self) -> bool:
        return self.log_q

    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return negative_BN / self.temperature

    def whole(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return softplus(log_sum_B - positive_B / self.temperature)


class _Cosines(Listwise):
    """Cosines sharpened by a temperature, against many negatives."""

    cosine: ClassVar[bool] = True
    default_negatives: ClassVar[int] = 64
    least_negatives: ClassVar[int] = 8
    temperature: PositiveFloat = 0.1
    """Divides every cosine; the smaller, the more the hardest negatives count."""

    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return negative_BN / self.temperature


class InfoNCE(_Cosines):
    """Sampled softmax of cosines."""

    paper: ClassVar[str] = "van den Oord et al., 2018, arXiv:1807.03748"
    kind: Literal["infonce"] = "infonce"

    def whole(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return softplus(log_sum_B - positive_B / self.temperature)


class SL(_Cosines):
    """InfoNCE without the positive in the sum: its pull does not fade."""

    paper: ClassVar[str] = "Wu et al., ICDE 2024, arXiv:2312.12882"
    kind: Literal["sl"] = "sl"

    def whole(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return log_sum_B - positive_B / self.temperature


class BSL(_Cosines):
    """SL with the negatives' part to a power: positives are taken as noisy, too."""

    paper: ClassVar[str] = "Wu et al., ICDE 2024, arXiv:2312.12882"
    kind: Literal["bsl"] = "bsl"
    power: PositiveFloat = 1.1
    """Of the negatives' sum, the official code's t2; 1: SL. Published: 1.06 to 1.32 on
    MF, .8 to 1.12 on LightGCN."""

    def whole(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return self.power * log_sum_B - positive_B / self.temperature


class PSL(_Cosines):
    """SL with e^d, d = (cos_uj - cos_ui) / 2, replaced by a surrogate that grows less
    fast: outliers among negatives count less."""

    paper: ClassVar[str] = "Yang et al., NeurIPS 2024, arXiv:2411.00163"
    kind: Literal["psl"] = "psl"
    surrogate: Literal["relu", "tanh"] = "relu"
    """relu: 1 + d; tanh: 1 + tanh d."""

    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        gap_BN = (negative_BN - positive_B1) / 2
        grown_BN = gap_BN if self.surrogate == "relu" else torch.tanh(gap_BN)
        return torch.log((1 + grown_BN).clamp(min=FLOOR)) / self.temperature

    def whole(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return log_sum_B
