"""The contract suite of losses: what every loss must do."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.autograd import gradcheck

from autosample.losses import Loss, Scored


class LossContract:
    """Subclass it with a loss, which is then tested on random cosines in float64."""

    loss: ClassVar[Loss]
    pulls_every_positive: ClassVar[bool] = True
    """Whether even a positive far below its negatives is pulled up. False: the loss may
    give such a pair up as noise."""
    pushes_every_negative: ClassVar[bool] = True
    """Whether each negative is pushed down. False: it also keeps scores small, and may
    push negatives of low scores up."""

    def _rng(self) -> torch.Generator:
        return torch.Generator().manual_seed(0)

    def _draw(self, rng: torch.Generator, *shape: int) -> Tensor:
        return 2 * torch.rand(*shape, generator=rng, dtype=torch.double) - 1

    def _scored(self, rng: torch.Generator, rows: int, count: int) -> Scored:
        log_q = -self._draw(rng, rows, count).abs() - 1
        weights = torch.softmax(self._draw(rng, rows, count), 1)
        return Scored(self._draw(rng, rows, count), weights, log_q)

    def test_it_gives_a_number_for_each_pair(self) -> None:
        rng = self._rng()
        loss_B = self.loss(self._draw(rng, 7), self._scored(rng, 7, 3))
        assert loss_B.shape == (7,)
        assert torch.isfinite(loss_B).all()

    def test_gradients_agree_with_finite_differences(self) -> None:
        rng = self._rng()
        positive, scored = self._draw(rng, 4), self._scored(rng, 4, 3)

        def loss_of(positive: Tensor, negative: Tensor) -> Tensor:
            return self.loss(positive, scored._replace(scores_BN=negative))

        inputs = (positive.requires_grad_(), scored.scores_BN.requires_grad_())
        assert gradcheck(loss_of, inputs)

    def test_a_mixture_is_the_sum_of_its_losses(self) -> None:
        """Check weights for the batch and weights for each pair, up to rounding."""
        rng = self._rng()
        positive = self._draw(rng, 7)
        negatives = [self._scored(rng, 7, count) for count in (1, 4, 2)]
        for shape in ((3,), (7, 3)):
            shares = torch.softmax(self._draw(rng, *shape), -1)
            expected = sum(
                shares[..., k] * self.loss(positive, scored)
                for k, scored in enumerate(negatives)
            )
            mixed = self.loss.mix(positive, negatives, shares)
            torch.testing.assert_close(mixed, expected)

    def test_it_pulls_positives_up_and_negatives_down(self) -> None:
        rng = self._rng()
        positive = self._draw(rng, 20).requires_grad_()
        scored = self._scored(rng, 20, 5)
        scored.scores_BN.requires_grad_()
        self.loss(positive, scored).sum().backward()  # type: ignore[no-untyped-call]
        assert positive.grad is not None
        assert scored.scores_BN.grad is not None
        assert positive.grad.max() <= 0 or not self.pulls_every_positive
        assert positive.grad.min() < 0
        assert scored.scores_BN.grad.min() >= 0 or not self.pushes_every_negative
        assert scored.scores_BN.grad.max() > 0

    def test_extreme_scores_stay_finite(self) -> None:
        scores = torch.tensor([-1e4, 0.0, 1e4], dtype=torch.double)
        thirds = torch.full((1, 3), 1 / 3, dtype=torch.double)
        for positive in scores:
            scored = Scored(scores[None], thirds, -torch.ones_like(thirds))
            assert torch.isfinite(self.loss(positive[None], scored)).all()

    def test_negatives_of_no_weight_have_no_gradient(self) -> None:
        rng = self._rng()
        scored = self._scored(rng, 4, 3)
        scored = scored._replace(weights_BN=torch.zeros(4, 3, dtype=torch.double))
        scored.scores_BN.requires_grad_()
        loss_B = self.loss(self._draw(rng, 4), scored)
        loss_B.sum().backward()  # type: ignore[no-untyped-call]
        assert torch.isfinite(loss_B).all()
        assert scored.scores_BN.grad is not None
        assert scored.scores_BN.grad.abs().max() < 1e-100

    def test_its_settings_survive_json(self) -> None:
        text = self.loss.model_dump_json()
        assert type(self.loss).model_validate_json(text) == self.loss
