"""The promises every sampler keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
import torch
from torch import Generator, Tensor

from autosample.core.plugins import kind_of
from autosample.core.tensors import from_bytes, to_bytes
from autosample.core.types import Moment
from autosample.losses import BPR, Loss
from autosample.samplers import SAMPLERS, Observed, Sampler
from autosample.testing import toys
from autosample.training.supernet import StepLoss, Supernet
from autosample.training.supernet.columns import ChosenSlots

MOMENTS = (Moment(0, 10), Moment(5, 10), Moment(9, 10))
"""The beginning, the middle and the end of a training of ten epochs."""


class SamplerContract:
    """Subclass with a sampler; it draws for toys of known answers.

    What runs on a CPU also runs on a GPU where there is one.
    """

    sampler: ClassVar[Sampler]
    loss: ClassVar[Loss] = BPR()
    """A loss that can use it."""

    @pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
    def device(self, request: pytest.FixtureRequest) -> str:
        if request.param == "cuda" and not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        return str(request.param)

    def net(self, device: str, moment: Moment = MOMENTS[0]) -> Supernet:
        """Return a supernet of the sampler alone, as an epoch begins."""
        rng = torch.Generator().manual_seed(0)
        net = Supernet([self.sampler], Observed(toys.TRAIN, device), self.loss, rng=rng)
        net.begin(moment, lambda: toys.scorer(device=device), _generator(device, 0))
        return net

    def step(self, net: Supernet, device: str, seed: int, layers: int = 1) -> StepLoss:
        """Return one step on the toy's pairs, eight times over."""
        one = torch.ones(1, device=device, dtype=torch.double)
        scorer = toys.scorer(layers, device=device)
        rng = _generator(device, seed)
        return net.step(scorer, toys.pairs(8, device=device), one, rng)

    def draws(
        self, device: str, seed: int = 0, repeat: int = 50, layers: int = 1
    ) -> Iterator[tuple[Moment, ChosenSlots]]:
        """Draw for repeated toy pairs, at each moment and for each leaf."""
        for moment in MOMENTS:
            net, batch = self.net(device, moment), toys.pairs(repeat, device=device)
            scorer = toys.scorer(layers, device=device)
            context = net.context(scorer, batch, scorer.queries(batch.queries))
            for chosen in net.choose(context, _generator(device, seed)):
                yield moment, chosen

    def test_it_gives_so_many_items_of_the_catalogue_for_each_pair(
        self, device: str
    ) -> None:
        for moment, chosen in self.draws(device):
            leaves = {leaf.parts for leaf in self.sampler.leaves(moment)}
            assert chosen.parts in leaves
            assert chosen.items.shape[:2] == (300, chosen.parts.negatives)
            assert chosen.weights.shape == (300, chosen.parts.negatives)
            items = chosen.pool.items
            assert items.shape[1] == chosen.parts.pool
            assert 0 <= int(items.min()) <= int(items.max()) < toys.TRAIN.num_items
            assert int(chosen.slots.min()) >= 0
            assert int(chosen.slots.max()) < chosen.parts.pool

    def test_no_observed_item_counts_for_its_user(self, device: str) -> None:
        users_B = toys.pairs(50).queries.users_B.numpy()
        for _, chosen in self.draws(device):
            items = chosen.items if chosen.items.dim() == 3 else chosen.items[..., None]
            for items_BN in items.cpu().unbind(-1):
                seen_BN = toys.TRAIN.contains(users_B, items_BN.numpy())
                counted_BN = (chosen.weights > 0).cpu()
                assert not (torch.from_numpy(seen_BN) & counted_BN).any()

    def test_a_pairs_loss_depends_on_its_own_users_row_alone(self, device: str) -> None:
        net, scorer = self.net(device), toys.scorer(device=device)
        batch = toys.pairs(2, device=device)
        one = torch.ones(1, device=device, dtype=torch.double)
        loss_B = net.step(scorer, batch, one, _generator(device, 1)).pairs_B
        for row in range(len(loss_B)):
            if not loss_B[row].requires_grad:
                continue
            [grad] = torch.autograd.grad(
                loss_B[row], [scorer.users_UD], retain_graph=True
            )
            grad[batch.queries.users_B[row]] = 0
            assert not grad.any()

    def test_the_same_seed_gives_the_same(self, device: str) -> None:
        ours, theirs = (
            self.step(self.net(device), device, seed=7).pairs_B for _ in range(2)
        )
        assert torch.equal(ours, theirs)

    def test_another_seed_draws_something_else(self, device: str) -> None:
        ours, theirs = (
            [chosen.pool.items for _, chosen in self.draws(device, seed)]
            for seed in (7, 8)
        )
        assert any(not torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))

    def test_the_global_generator_is_left_alone(self, device: str) -> None:
        before = torch.get_rng_state()
        self.step(self.net(device), device, seed=0)
        assert torch.equal(before, torch.get_rng_state())

    def test_weights_of_a_row_sum_to_one_or_nothing_is_allowed(
        self, device: str
    ) -> None:
        for _, chosen in self.draws(device):
            total_B = chosen.weights.sum(1)
            assert (chosen.weights >= 0).all()
            if chosen.parts.choice.rank_weight:
                continue
            none_B = torch.isclose(total_B, torch.zeros_like(total_B))
            torch.testing.assert_close(
                total_B[~none_B], torch.ones_like(total_B[~none_B])
            )
            if none_B.any():
                assert chosen.pool.allowed is not None or chosen.parts.guard > 0

    def test_every_pair_has_a_finite_loss_on_one_layer_and_on_three(
        self, device: str
    ) -> None:
        for layers in (1, 3):
            for moment in MOMENTS:
                # One scorer's rows are drawn from, another's are scored: no matter.
                net = self.net(device, moment)
                step = self.step(net, device, seed=3, layers=layers)
                assert step.pairs_B.shape == step.penalty_B.shape == (48,)
                assert torch.isfinite(step.pairs_B).all()
                assert torch.isfinite(step.penalty_B).all()

    def test_what_it_is_given_stays_as_it_is(self, device: str) -> None:
        batch, scorer = toys.pairs(4, device=device), toys.scorer(device=device)
        before = [
            tensor.clone()
            for tensor in (
                batch.items_B,
                batch.queries.users_B,
                scorer.users_UD.detach(),
                scorer.layers_LID.detach(),
            )
        ]
        one = torch.ones(1, device=device, dtype=torch.double)
        self.net(device).step(scorer, batch, one, _generator(device, 0))
        after = (
            batch.items_B,
            batch.queries.users_B,
            scorer.users_UD,
            scorer.layers_LID,
        )
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))

    def test_it_goes_on_from_a_checkpoint_to_the_last_bit(self, device: str) -> None:
        """Two epochs in a row equal one epoch on each side of a checkpoint."""
        whole, broken = self.net(device), self.net(device)
        rows = toys.scorer(device=device).all_items()
        resumed = self.net(device)
        for net in (whole, broken, resumed):
            net.kept.build_makers(rows)
        for net in (whole, broken):
            self._learn(net, device)
        resumed.kept.load(from_bytes(to_bytes(broken.kept.state())))
        for net in (whole, resumed):
            moment, scorer = Moment(1, 10), toys.scorer(seed=6, device=device)
            net.begin(moment, lambda scorer=scorer: scorer, _generator(device, 4))  # type: ignore[misc]
            self._learn(net, device)
        assert torch.equal(*self._both(whole, resumed, device))

    def _learn(self, net: Supernet, device: str) -> None:
        step = self.step(net, device, seed=1)
        net.kept.zero_grad()
        if step.pairs_B.requires_grad:
            step.pairs_B.mean().backward()  # type: ignore[no-untyped-call]
        net.kept.update()

    def _both(
        self, one: Supernet, other: Supernet, device: str
    ) -> tuple[Tensor, Tensor]:
        first, second = (self.step(net, device, seed=5) for net in (one, other))
        return first.pairs_B, second.pairs_B

    def test_its_settings_survive_json(self) -> None:
        text = self.sampler.model_dump_json()
        assert type(self.sampler).model_validate_json(text) == self.sampler

    def test_it_says_what_it_is(self) -> None:
        assert type(self.sampler).__doc__
        assert kind_of(type(self.sampler)) == self.sampler.kind

    def test_a_spec_finds_it_by_its_kind_once_it_is_registered(self) -> None:
        kinds = [kind_of(config) for config in SAMPLERS.all]
        assert kinds.count(self.sampler.kind) <= 1


def _generator(device: str, seed: int) -> Generator:
    return torch.Generator(device).manual_seed(seed)
