"""Losses: pure functions of scores, and their mixtures over candidates.

A separable loss is a sum over negatives, so a mixture is one weighted sum:
    sum_k a_k L_k = sum_j (sum_k a_k w_kj) * loss(s_ui, s_uj)
A listwise loss has one partition sum a candidate, all from one set of exponentials:
    sum_k a_k L_k = sum_k a_k log(1 + Z_k e^{-s_ui/t}),  Z_k = N_k sum_j w_kj e^{s_uj/t}
Both are exact. (Mixing columns inside one partition sum is another law.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import log
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.nn.functional import softplus

from autosample.config import Config


class Scored(NamedTuple):
    """One candidate's negatives: N scores a pair, with their weights."""

    scores_BN: Tensor
    weights_BN: Tensor


class Loss(Config, ABC):
    """How scores of positives and negatives become a loss."""

    paper: ClassVar[str] = ""
    default_negatives: ClassVar[int] = 1
    """Negatives of each pair, where candidates are left open."""

    @abstractmethod
    def mixture(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        """Return sum_k a_k L_k of each pair: (B,), for weights (K,) or (B, K)."""

    def __call__(self, positive_B: Tensor, negatives: Scored) -> Tensor:
        """Return the loss of each pair under one sampler: (B,)."""
        return self.mixture(positive_B, [negatives], positive_B.new_ones(1))


class BPR(Loss):
    """-ln sigma(s_ui - s_uj): each negative should score below the positive."""

    paper: ClassVar[str] = "Rendle et al., UAI 2009, arXiv:1205.2618"
    kind: Literal["bpr"] = "bpr"

    def mixture(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        scores = torch.cat([scored.scores_BN for scored in negatives], 1)
        shares = torch.cat(
            [
                scored.weights_BN * weights[..., k, None]
                for k, scored in enumerate(negatives)
            ],
            1,
        )
        return (shares * softplus(scores - positive_B[:, None])).sum(1)


class SampledSoftmax(Loss):
    """-ln of the positive's share among itself and its negatives."""

    paper: ClassVar[str] = "Wu et al., TOIS 2024, arXiv:2201.02327"
    default_negatives: ClassVar[int] = 8
    kind: Literal["sampled_softmax"] = "sampled_softmax"
    temperature: PositiveFloat = 1.0
    """Divides every score."""

    def mixture(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        positive_B = positive_B / self.temperature
        losses_BK = torch.stack(
            [softplus(self._log_sum(scored) - positive_B) for scored in negatives], 1
        )
        return (losses_BK * weights).sum(1)

    def _log_sum(self, scored: Scored) -> Tensor:
        """log Z = log(N sum_j w_j e^{s_j/t}): (B,)."""
        tiny = torch.finfo(scored.scores_BN.dtype).tiny  # keeps a gradient of zero
        log_weights = scored.weights_BN.clamp(min=tiny).log()
        logits_BN = scored.scores_BN / self.temperature + log_weights
        return torch.logsumexp(logits_BN, 1) + log(logits_BN.shape[1])


LossSpec = Annotated[BPR | SampledSoftmax, Field(discriminator="kind")]

LOSSES: tuple[type[Loss], ...] = (BPR, SampledSoftmax)
