"""The interface of losses: functions of scores that can be mixed over K candidates.

A separable loss is a sum over negatives, so that a mixture is one weighted sum:
    sum_k a_k L_k = positive(s_ui) + sum_j (sum_k a_k w_kj) * pair(s_ui, s_uj)
A listwise loss has one partition sum per candidate:
    sum_k a_k L_k = sum_k a_k from_log_sum(s_ui, log Z_k),
    Z_k = N_k sum_j w_kj e^{term_j}
Both are exact. Pooling the negatives of all candidates in one partition sum would be
another loss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import log
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from autosample.core.config import Config


class Scored(NamedTuple):
    """One candidate's negatives: N scores per pair, and their weights."""

    scores_BN: Tensor
    weights_BN: Tensor
    log_q_BN: Tensor | None = None
    """Log-probability of drawing each negative, for losses that correct for it."""


class Loss(Config, ABC):
    """A function of the scores of positives and negatives that training minimises."""

    paper: ClassVar[str] = ""
    """Source of the loss, for the catalogue."""
    cosine: ClassVar[bool] = False
    """Whether scores must be cosines, so that embeddings are normalised."""
    separable: ClassVar[bool] = True
    """Whether it is a sum over negatives, as rank weights require."""
    default_negatives: ClassVar[int] = 1
    """Number of negatives per pair for default candidates."""
    least_negatives: ClassVar[int] = 1
    """Fewest negatives per pair for which this loss is meaningful."""
    of_catalogue: ClassVar[bool] = False
    """Whether it is a function of all items' scores, so that no sampler is used; it
    then has `of_all`."""
    kind: str

    @property
    def needs_log_q(self) -> bool:
        """Whether it needs the log-probability with which each negative was drawn."""
        return False

    @abstractmethod
    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        """Return the mixed loss sum_k a_k L_k of each pair: (B,).

        `weights` a_k are (K,) for the batch or (B, K) for each pair.
        """

    def of_all(self, positive_B: Tensor, rows_BD: Tensor, items_ID: Tensor) -> Tensor:
        """Return the loss of each pair (B,) for the rows of queries and of all items,
        where it is one `of_catalogue`."""
        raise NotImplementedError

    def __call__(self, positive_B: Tensor, negatives: Scored) -> Tensor:
        """Return the loss of each pair with one sampler's negatives: (B,)."""
        return self.mix(positive_B, [negatives], positive_B.new_ones(1))


class Separable(Loss, ABC):
    """A loss that is a weighted sum over negatives."""

    @abstractmethod
    def pair(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        """Return the loss that each negative adds: (B, N)."""

    def positive(self, positive_B: Tensor) -> Tensor | None:
        """Return the loss that the positive adds by itself: (B,); None if nothing."""
        return None

    def mix(
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
    """A loss of the positive score and the logarithm of a sum over negatives."""

    separable: ClassVar[bool] = False

    @property
    def scale(self) -> float | None:
        """The factor of a score in its term. None: terms are no multiples of scores."""
        return None

    @abstractmethod
    def terms(self, positive_B1: Tensor, negative_BN: Tensor) -> Tensor:
        """Return the logarithm of what each negative adds to the sum: (B, N)."""

    @abstractmethod
    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor:
        """Return the loss, given the logarithm of the sum: (B,)."""

    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        return mix_listwise(self, self.from_log_sum, positive_B, negatives, weights)

    def log_sum(self, positive_B: Tensor, scored: Scored) -> Tensor:
        """Return the logarithm of the sum over negatives: (B,).

        It is log(N sum_j w_j e^{term_j}), or with log q the estimate of the sum over
        all items, log(sum_j w_j e^{term_j} / q_j).
        """
        terms_BN = self.terms(positive_B[:, None], scored.scores_BN)
        tiny = torch.finfo(
            terms_BN.dtype
        ).tiny  # keeps the gradient of weight 0 at zero
        logits_BN = terms_BN + scored.weights_BN.clamp(min=tiny).log()
        if self.needs_log_q:
            assert scored.log_q_BN is not None, "the spec should have refused this"
            return torch.logsumexp(logits_BN - scored.log_q_BN, 1)
        return torch.logsumexp(logits_BN, 1) + log(logits_BN.shape[1])


def mix_listwise(
    loss: Listwise,
    from_log_sum: Callable[[Tensor, Tensor], Tensor],
    positive_B: Tensor,
    negatives: list[Scored],
    weights: Tensor,
) -> Tensor:
    """Return the mixed loss of each pair, given what turns the positive's score and the
    logarithm of the sum into a loss: (B,)."""
    losses_BK = torch.stack(
        [
            from_log_sum(positive_B, loss.log_sum(positive_B, scored))
            for scored in negatives
        ],
        1,
    )
    some_BK = torch.stack([scored.weights_BN.amax(1) > 0 for scored in negatives], 1)
    # A pair without any allowed negative has no loss.
    return (losses_BK * some_BK * weights).sum(1)
