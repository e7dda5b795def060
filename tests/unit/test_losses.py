"""Each loss against an independent formula, and against gradcheck."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from autosample.losses import BPR, LOSSES, Loss, SampledSoftmax, Scored

RNG = torch.Generator().manual_seed(0)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=RNG, dtype=torch.double)


def weights(rows: int, columns: int) -> torch.Tensor:
    return torch.softmax(draw(rows, columns), 1)


EVERY: list[Loss] = [BPR(), SampledSoftmax(), SampledSoftmax(temperature=0.2)]


def test_bpr_is_minus_log_sigma_of_the_gap() -> None:
    positive, negative = draw(5), draw(5, 3)
    w = weights(5, 3)
    expected = [
        sum(
            float(w[b, n])
            * -math.log(1 / (1 + math.exp(float(negative[b, n] - positive[b]))))
            for n in range(3)
        )
        for b in range(5)
    ]
    found = BPR()(positive, Scored(negative, w))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))


@pytest.mark.parametrize("t", [1.0, 0.3])
def test_sampled_softmax_is_cross_entropy_over_positive_and_negatives(t: float) -> None:
    positive, negative = draw(6), draw(6, 4)
    logits = torch.cat([positive[:, None], negative], 1) / t
    target = torch.zeros(6, dtype=torch.long)
    expected = torch.nn.functional.cross_entropy(logits, target, reduction="none")
    equal = torch.full((6, 4), 0.25, dtype=torch.double)
    found = SampledSoftmax(temperature=t)(positive, Scored(negative, equal))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_gradients_agree_with_finite_differences(loss: Loss) -> None:
    w = weights(4, 3)

    def whole(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
        return loss(positive, Scored(negative, w))

    assert gradcheck(whole, (draw(4).requires_grad_(), draw(4, 3).requires_grad_()))


@pytest.mark.parametrize("loss", EVERY, ids=str)
@pytest.mark.parametrize("per_pair", [False, True])
def test_a_mixture_is_the_sum_of_its_losses(loss: Loss, per_pair: bool) -> None:
    positive = draw(7)
    parts = [Scored(draw(7, n), weights(7, n)) for n in (1, 4, 2)]
    shares = torch.softmax(draw(7, 3) if per_pair else draw(3), -1)
    expected = sum(
        shares[..., k] * loss(positive, part) for k, part in enumerate(parts)
    )
    torch.testing.assert_close(loss.mixture(positive, parts, shares), expected)


@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_extreme_scores_stay_finite(loss: Loss) -> None:
    scores = torch.tensor([-1e4, 0.0, 1e4], dtype=torch.double)
    for positive in scores:
        part = Scored(scores[None], torch.full((1, 3), 1 / 3, dtype=torch.double))
        assert torch.isfinite(loss(positive[None], part)).all()


@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_a_pair_without_allowed_negatives_has_no_gradient(loss: Loss) -> None:
    negative = draw(2, 3).requires_grad_()
    none = torch.zeros(2, 3, dtype=torch.double)
    loss(draw(2), Scored(negative, none)).sum().backward()  # type: ignore[no-untyped-call]
    assert negative.grad is not None
    assert negative.grad.abs().max() < 1e-100


def test_every_loss_is_tested_here() -> None:
    assert {type(loss) for loss in EVERY} == set(LOSSES)
