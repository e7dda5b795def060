"""Listwise losses (the softmax family): the positive against all negatives together."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from autosample.core.bounds import Positive
from autosample.core.ranges import Between
from autosample.losses.base import Listwise

FLOOR = 1e-6
"""Lower bound of PSL's surrogate before its logarithm is taken."""


class KPair(Listwise):
    """ln(1 + sum_j e^(s_uj - s_ui)): BPR for several negatives at once."""

    paper: ClassVar[str] = "Sohn, NIPS 2016; Huang et al., KDD 2021"
    default_negatives: ClassVar[int] = 8
    kind: Literal["k_pair"] = "k_pair"

    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return negative_BN

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return softplus(log_sum_B - positive_B)


class SampledSoftmax(Listwise):
    """Cross entropy of the positive against its negatives:
    -ln(e^(s_ui/t) / (e^(s_ui/t) + sum_j e^(s_uj/t)))."""

    paper: ClassVar[str] = "Wu et al., TOIS 2024, arXiv:2201.02327"
    default_negatives: ClassVar[int] = 8
    kind: Literal["sampled_softmax"] = "sampled_softmax"
    temperature: Positive = Field(1.0, json_schema_extra=Between(0.05, 5, log=True))
    """The t that every score is divided by."""
    log_q: bool = False
    """Divide each term by the probability of drawing that negative, which makes the sum
    an unbiased estimate of the sum over all items (Bengio and Senecal, 2008)."""

    @property
    def needs_log_q(self) -> bool:
        return self.log_q

    @property
    def scale(self) -> float | None:
        return 1 / self.temperature

    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return negative_BN / self.temperature

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return softplus(log_sum_B - positive_B / self.temperature)


class Cosines(Listwise):
    """A loss of cosines that are divided by a temperature, for many negatives."""

    cosine: ClassVar[bool] = True
    default_negatives: ClassVar[int] = 64
    least_negatives: ClassVar[int] = 8
    temperature: Positive = Field(0.1, json_schema_extra=Between(0.03, 0.5, log=True))
    """Divides every cosine; the smaller, the more the hardest negatives count."""

    @property
    def scale(self) -> float | None:
        return 1 / self.temperature

    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        return negative_BN / self.temperature


class InfoNCE(Cosines):
    """Sampled softmax loss of cosines."""

    paper: ClassVar[str] = "van den Oord et al., 2018, arXiv:1807.03748"
    kind: Literal["infonce"] = "infonce"

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return softplus(log_sum_B - positive_B / self.temperature)


class SL(Cosines):
    """InfoNCE without the positive in the sum, so that easy pairs keep a gradient."""

    paper: ClassVar[str] = "Wu et al., ICDE 2024, arXiv:2312.12882"
    kind: Literal["sl"] = "sl"

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return log_sum_B - positive_B / self.temperature


class BSL(Cosines):
    """SL with a factor on the negatives' part, which allows for noisy positives."""

    paper: ClassVar[str] = "Wu et al., ICDE 2024, arXiv:2312.12882"
    kind: Literal["bsl"] = "bsl"
    power: Positive = Field(1.1, json_schema_extra=Between(0.8, 1.4))
    """Exponent of the negatives' sum, t2 in the official code; 1 is SL. Published
    values are 1.06 to 1.32 for MF and .8 to 1.12 for LightGCN."""

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return self.power * log_sum_B - positive_B / self.temperature


class PSL(Cosines):
    """SL with e^d, where d = (cos_uj - cos_ui) / 2, replaced by a surrogate that grows
    more slowly, so that outliers among negatives count less."""

    paper: ClassVar[str] = "Yang et al., NeurIPS 2024, arXiv:2411.00163"
    kind: Literal["psl"] = "psl"
    surrogate: Literal["relu", "tanh"] = "relu"
    """Surrogate of e^d: 1 + d for relu, 1 + tanh(d) for tanh."""

    @property
    def scale(self) -> float | None:
        return None

    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        gap_BN = (negative_BN - positive_B1) / 2
        grown_BN = gap_BN if self.surrogate == "relu" else torch.tanh(gap_BN)
        return torch.log((1 + grown_BN).clamp(min=FLOOR)) / self.temperature

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        return log_sum_B
