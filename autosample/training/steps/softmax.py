"""Steps of softmax losses of cosines, with uniform negatives that a batch shares.

With unit rows, the sum over C negatives is Z_b = sum_c e^(term_bc), and the gradient of
a loss in its C scores is dL/dlog Z_b (dZ_b/ds_bc) / Z_b. So all that is done to the B x
C scores is one product, the exponential and two products with its result; what the
loss makes of log Z_b and of the positive's score is left to automatic gradients.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from autosample.core.learner import Learner
from autosample.core.types import Pairs
from autosample.kernels.softmax import forget_seen
from autosample.kernels.updates import Columns, Links
from autosample.losses import PSL, Listwise
from autosample.samplers.choices import First
from autosample.samplers.proposals import UniformProposal
from autosample.samplers.proposals.uniform import SharedUniform
from autosample.training.steps.base import Setup
from autosample.training.steps.grown import Exponential, Grown, Surrogate
from autosample.training.steps.tables import TableSteps
from autosample.training.supernet import Supernet

STEEPEST = 80.0
"""Largest factor of a cosine whose exponential a float can hold, summed."""


@runtime_checkable
class OfLogSum(Protocol):
    """A listwise loss, or what it builds."""

    def from_log_sum(self, positive_B: Tensor, log_sum_B: Tensor) -> Tensor: ...


class Unit(NamedTuple):
    """Rows of a table, divided by their lengths."""

    rows: Tensor
    """(X, D)"""
    inverse: Tensor
    """1 / length: (X,)."""

    @classmethod
    def of(cls, table: Tensor, ids: Tensor) -> Unit:
        """Return the rows of some ids."""
        rows = table.index_select(0, ids)
        inverse = 1 / rows.norm(dim=1).clamp_(min=1e-12)
        return cls(rows.mul_(inverse[:, None]), inverse)


class SoftmaxSteps(TableSteps):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        [parts] = setup.supernet.leaves.parts
        proposal = setup.supernet.kept.proposals[parts.proposal]
        assert isinstance(proposal, SharedUniform)
        assert isinstance(setup.supernet.loss, Listwise)
        self.proposal, self.size = proposal, parts.pool
        self.grown = grown(setup.supernet.loss)
        self._heads = np.zeros(setup.supernet.observed.num_items, np.int32)
        self._scores = torch.empty(setup.batch_size, self.size)

    @torch.no_grad()
    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        users_B, positives_B = pairs.queries.users_B, pairs.items_B
        items_C = self.proposal.items(self.size, self.setup.rng)
        self.optimizer.refresh(self.users, users_B)
        self.refresh(torch.cat([positives_B, items_C]))
        users = Unit.of(self.users.detach(), users_B)
        positives = Unit.of(self.items.detach(), positives_B)
        columns = Unit.of(self.items.detach(), items_C)
        batch = _Batch(users, positives, columns, (users.rows * positives.rows).sum(1))
        losses_B, links, pulled = self._pull(pairs, items_C, batch)
        clip = self.setup.clip
        self.optimizer.step_links(self.users, self.items, links, pulled, clip)
        self.setup.supernet.kept.update()
        return pairs.weigh(losses_B).sum()

    def _pull(
        self, pairs: Pairs, items_C: Tensor, batch: _Batch
    ) -> tuple[Tensor, Links, Columns]:
        """Return the loss of each pair, and the gradients of the rows."""
        users, positives, columns, score_B = batch
        users_B, count = pairs.queries.users_B, len(score_B)
        share_B = pairs.weigh(torch.full((count,), 1 / count))
        scores_BC = self._buffer(count)
        slopes_BC = self.grown.slopes(users.rows, columns.rows, score_B, scores_BC)
        allowed = forget_seen(
            slopes_BC.numpy(),
            self.setup.supernet.observed.seen,
            users_B.numpy(),
            items_C.numpy(),
            share_B.numpy(),
            self._heads,
        )
        sums = self.grown.sums(slopes_BC)
        some_B = torch.from_numpy(allowed.counts) > 0
        losses_B, of_score_B, of_log_B = self._losses(
            users_B, score_B, sums.total_B, torch.from_numpy(allowed.counts), share_B
        )
        per_sum_B = of_log_B / sums.total_B.clamp(min=torch.finfo(torch.float32).tiny)
        per_sum_B = per_sum_B * some_B
        of_score_B = of_score_B + per_sum_B * sums.of_positive_B
        scale_B = per_sum_B * self.grown.factor
        # What follows is the chain rule through the division of rows by their lengths.
        l2 = self.setup.l2
        to_users = (slopes_BC @ columns.rows).mul_(scale_B[:, None])
        # The product of the transposed matrices is a fifth faster.
        to_columns = ((users.rows * scale_B[:, None]).T @ slopes_BC).T.contiguous()
        turned_B = (to_users * users.rows).sum(1) + of_score_B * score_B
        own_B = l2 * share_B - turned_B * users.inverse**2
        between_B = of_score_B * users.inverse * positives.inverse
        theirs_B = l2 * share_B - of_score_B * score_B * positives.inverse**2
        turned_C = (to_columns * columns.rows).sum(1)
        own_C = l2 * torch.from_numpy(allowed.shares) - turned_C * columns.inverse**2
        links = Links(
            users_B.numpy(),
            pairs.items_B[:, None].numpy(),
            between_B[:, None].numpy(),
            own_B.numpy(),
            theirs_B[:, None].numpy(),
            to_users.mul_(users.inverse[:, None]).numpy(),
        )
        extra_CD = to_columns.mul_(columns.inverse[:, None])
        return (
            losses_B,
            links,
            Columns(items_C.numpy(), own_C.numpy(), extra_CD.numpy()),
        )

    def _buffer(self, count: int) -> Tensor:
        if len(self._scores) < count:
            self._scores = torch.empty(count, self.size)
        return self._scores[:count]

    def _losses(
        self,
        users_B: Tensor,
        score_B: Tensor,
        total_B: Tensor,
        counts_B: Tensor,
        share_B: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss of each pair, and the slopes of the weighted mean in the
        positives' scores and in the logarithms of the sums."""
        some_B = counts_B > 0
        tiny = torch.finfo(torch.float32).tiny
        log_sum_B = (total_B / counts_B.clamp(min=1)).clamp(min=tiny).log()
        log_sum_B += log(self.size)
        with torch.enable_grad():
            score_B = score_B.clone().requires_grad_()
            log_sum_B.requires_grad_()
            loss = self.setup.supernet.mixer_of(users_B)
            assert isinstance(loss, OfLogSum)
            losses_B = loss.from_log_sum(score_B, log_sum_B) * some_B
            of_score_B, of_log_B = torch.autograd.grad(
                (losses_B * share_B).sum(),
                [score_B, log_sum_B],
                allow_unused=True,  # the sum alone may depend on the positive
                materialize_grads=True,
            )
        return losses_B.detach(), of_score_B, of_log_B


class _Batch(NamedTuple):
    users: Unit
    positives: Unit
    columns: Unit
    score_B: Tensor
    """Cosine of each pair's user and positive."""


def grown(loss: Listwise) -> Grown:
    """Return how a loss lets scores grow before it sums them."""
    if isinstance(loss, PSL):
        return Surrogate(1 / loss.temperature)
    assert loss.scale is not None
    return Exponential(loss.scale)


def suits(supernet: Supernet) -> bool:
    """Tell whether the candidates ask for nothing that these steps do not do."""
    loss = supernet.loss
    if len(supernet.samplers) != 1 or not isinstance(loss, Listwise):
        return False
    moments = supernet.samplers[0].all_parts
    if len(moments) != 1 or len(supernet.leaves.parts) != 1:
        return False
    [parts] = moments
    shared = type(parts.proposal) is UniformProposal and parts.proposal.shared
    taken = type(parts.choice) is First and parts.choice.keep == parts.pool
    plain = parts.synthesis is None and parts.guard == 0 and not loss.needs_log_q
    return shared and taken and plain and _is_known(loss) and not _learns(supernet)


def _learns(supernet: Supernet) -> bool:
    """Tell whether the loss has parameters, whose gradients these steps do not give."""
    mixer = supernet.mixer
    return isinstance(mixer, Learner) and any(True for _ in mixer.parameters())


def _is_known(loss: Listwise) -> bool:
    if (type(loss).log_sum, type(loss).mix) != (Listwise.log_sum, Listwise.mix):
        return False  # a plug-in sums in its own way
    if type(loss) is PSL:
        return loss.surrogate == "relu" and 1 / loss.temperature <= STEEPEST
    return loss.cosine and loss.scale is not None and loss.scale <= STEEPEST
