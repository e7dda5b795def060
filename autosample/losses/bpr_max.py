"""BPR-max, the loss of GRU4Rec's later version."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import elu, logsigmoid

from autosample.core.bounds import NonNegative
from autosample.core.ranges import Between
from autosample.losses.base import Loss, Scored


class BPRMax(Loss):
    """-ln sum_j w_j sigma(o_i - o_j) + r sum_j w_j o_j^2, where w is the softmax of the
    negatives' outputs o alone: the hardest ones count most, and are kept small."""

    paper: ClassVar[str] = "Hidasi and Karatzoglou, CIKM 2018, arXiv:1706.03847"
    separable: ClassVar[bool] = False
    default_negatives: ClassVar[int] = 256
    least_negatives: ClassVar[int] = 2
    kind: Literal["bpr_max"] = "bpr_max"
    regularization: NonNegative = Field(
        1.0, json_schema_extra=Between(0.01, 10, log=True)
    )
    """The r above, which the paper calls bpreg; its best values are .3 to 2."""
    elu: NonNegative = 0.0
    """Outputs below zero are a (e^s - 1) of scores s, with this a; 0: the scores
    themselves."""

    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        losses_BK = torch.stack([self._loss(positive_B, one) for one in negatives], 1)
        some_BK = torch.stack([one.weights_BN.amax(1) > 0 for one in negatives], 1)
        # A pair without any allowed negative has no loss.
        return (losses_BK * some_BK * weights).sum(1)

    def _loss(self, positive_B: Tensor, negatives: Scored) -> Tensor:
        own_B1, outputs_BN = (
            self._output(scores)
            for scores in (positive_B[:, None], negatives.scores_BN)
        )
        tiny = torch.finfo(outputs_BN.dtype).tiny
        drawn_BN = negatives.weights_BN.clamp(min=tiny).log()
        log_w_BN = torch.log_softmax(outputs_BN + drawn_BN, 1)
        ahead_B = torch.logsumexp(log_w_BN + logsigmoid(own_B1 - outputs_BN), 1)
        squares_B = (log_w_BN.exp() * outputs_BN.square()).sum(1)
        return self.regularization * squares_B - ahead_B

    def _output(self, scores: Tensor) -> Tensor:
        return elu(scores, self.elu) if self.elu else scores
