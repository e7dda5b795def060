"""Generalised binary cross entropy, which knows how few negatives were drawn."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from pydantic import Field
from torch import Generator, Tensor
from torch.nn.functional import softplus

from autosample.core.learner import Learner
from autosample.losses.base import Loss, Scored


class Counted(Protocol):
    """What is known of a training set when a loss is built for it."""

    @property
    def num_items(self) -> int: ...


class GBCE(Loss):
    """(beta sp(-s_ui) + sum_j sp(s_uj)) / (K + 1), where sp is softplus, K the number
    of negatives and beta = 1 - t (1 - K / (items - 1)): with few negatives the positive
    counts less, so that scores are not overconfident. With t = 0 it is binary cross
    entropy."""

    paper: ClassVar[str] = "Petrov and Macdonald, RecSys 2023, arXiv:2308.07192"
    default_negatives: ClassVar[int] = 256
    kind: Literal["gbce"] = "gbce"
    calibration: float = Field(0.75, ge=0, le=1)
    """The t of the paper: how much of the bias of few negatives is taken away."""

    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        """Return the loss as if all items had been drawn, for which beta is 1; within a
        supernet what `build` returns knows their number."""
        return _mix(1.0, positive_B, negatives, weights)

    def build(self, train: Counted, rng: Generator) -> Calibrated:
        return Calibrated(self.calibration, train.num_items)


class Calibrated(Learner):
    """gBCE for a catalogue of known size; nothing is learned."""

    def __init__(self, calibration: float, num_items: int) -> None:
        super().__init__()
        self.calibration, self.others = calibration, max(num_items - 1, 1)

    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        parts = []
        for k, scored in enumerate(negatives):
            drawn = min(scored.scores_BN.shape[1] / self.others, 1.0)
            beta = 1 - self.calibration * (1 - drawn)
            parts.append(_mix(beta, positive_B, [scored], weights[..., k : k + 1]))
        return sum(parts[1:], parts[0])


def _mix(
    beta: float, positive_B: Tensor, negatives: list[Scored], weights: Tensor
) -> Tensor:
    own_B = beta * softplus(-positive_B)
    mixed_B = positive_B.new_zeros(len(positive_B))
    for k, scored in enumerate(negatives):
        count = scored.scores_BN.shape[1]
        theirs_B = (scored.weights_BN * softplus(scored.scores_BN)).sum(1)
        loss_B = (own_B + count * theirs_B) / (count + 1)
        mixed_B = mixed_B + weights[..., k] * loss_B
    return mixed_B
