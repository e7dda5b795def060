"""What a loss is: a function of scores, and its mixture over candidates.

A separable loss is a sum over negatives, so a mixture is one weighted sum:
    sum_k a_k L_k = positive(s_ui) + sum_j (sum_k a_k w_kj) * pair(s_ui, s_uj)
A listwise loss has one partition sum a candidate:
    sum_k a_k L_k = sum_k a_k whole(s_ui, log Z_k),  Z_k = N_k sum_j w_kj e^{term_j}
Both are exact. (Mixing columns inside one partition sum is another law.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import log
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from autosample.core.config import Config


class Scored(NamedTuple):
    """One candidate's negatives: N scores a pair, with their weights."""

    scores_BN: Tensor
    weights_BN: Tensor
    log_q_BN: Tensor | None = None
    """Log-probability of drawing each, for losses that correct for it."""


class Loss(Config, ABC):
    """How scores of positives and negatives become a loss."""

    paper: ClassVar[str] = ""
    cosine: ClassVar[bool] = False
    """Whether scores must be cosines: of rows of length one."""
    separable: ClassVar[bool] = True
    """Whether it is a sum over negatives; a rank weight has a meaning only there."""
    default_negatives: ClassVar[int] = 1
    """Negatives of each pair, where candidates are left open."""
    least_negatives: ClassVar[int] = 1
    """Negatives of each pair below which it is no such loss any more."""
    kind: str

    @property
    def needs_log_q(self) -> bool:
        """Whether samplers must tell how likely each negative was."""
        return False

    @abstractmethod
    def mixture(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        """Return sum_k a_k L_k of each pair: (B,), for weights (K,) or (B, K)."""

    def __call__(self, positive_B: Tensor, negatives: Scored) -> Tensor:
        """Return the loss of each pair under one sampler: (B,)."""
        return self.mixture(positive_B, [negatives], positive_B.new_ones(1))


class Separable(Loss, ABC):
    """A loss that is a weighted sum over negatives."""

    @abstractmethod
    def pair(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        """Return what each negative adds: (B, N)."""

    def positive(self, positive_B: Tensor) -> Tensor | None:
        """Return what the positive adds by itself: (B,); None: nothing."""
        return None

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
        losses_B = (shares * self.pair(positive_B[:, None], scores)).sum(1)
        alone = self.positive(positive_B)
        return losses_B if alone is None else losses_B + alone * weights.sum(-1)


class Listwise(Loss, ABC):
    """A loss of the positive against the log of a sum over negatives."""

    separable: ClassVar[bool] = False

    @abstractmethod
    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        """Return the logarithm of each negative's share of the sum: (B, N)."""

    @abstractmethod
    def whole(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        """Return the loss, given the log of the sum: (B,)."""

    def mixture(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        losses_BK = torch.stack(
            [
                self.whole(positive_B, self.log_sum(positive_B, scored))
                for scored in negatives
            ],
            1,
        )
        some_BK = torch.stack(
            [scored.weights_BN.amax(1) > 0 for scored in negatives], 1
        )
        # A pair without any allowed negative has nothing to be compared with.
        return (losses_BK * some_BK * weights).sum(1)

    def log_sum(self, positive_B: Tensor, scored: Scored) -> Tensor:
        """Return log(N sum_j w_j e^{term_j}), or an estimate of the log of the sum
        over all items where log q is told: log(sum_j w_j e^{term_j} / q_j): (B,)."""
        terms_BN = self.terms(positive_B[:, None], scored.scores_BN)
        tiny = torch.finfo(terms_BN.dtype).tiny  # keeps a gradient of zero
        logits_BN = terms_BN + scored.weights_BN.clamp(min=tiny).log()
        if self.needs_log_q:
            assert scored.log_q_BN is not None, "the spec should have refused this"
            return torch.logsumexp(logits_BN - scored.log_q_BN, 1)
        return torch.logsumexp(logits_BN, 1) + log(logits_BN.shape[1])
