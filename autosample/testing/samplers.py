"""The promises every sampler keeps."""

from __future__ import annotations

from typing import ClassVar

import torch

from autosample.losses import BPR
from autosample.samplers import Observed, Sampler
from autosample.samplers.proposals import Proposal
from autosample.supernet import Supernet
from autosample.testing import toys


class SamplerContract:
    """Subclass with a sampler; its proposal, choice and synthesis are run on a toy."""

    sampler: ClassVar[Sampler]

    def _proposal(self) -> Proposal:
        return self.sampler.parts.proposal.build(Observed(toys.TRAIN))

    def _draw(
        self, seed: int = 0, repeat: int = 50
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return items and which are allowed, (B, M) both, for repeated toy pairs."""
        batch = toys.pairs(repeat)
        size = self.sampler.parts.pool
        rng = torch.Generator().manual_seed(seed)
        pool = self._proposal().draw(toys.context(toys.scorer(), batch), size, rng)
        rows = len(batch.items_B)
        allowed = pool.allowed
        if allowed is None:
            allowed = torch.ones(rows, size, dtype=torch.bool)
        return pool.items.expand(rows, -1), allowed

    def _step(self, seed: int = 0, layers: int = 1) -> torch.Tensor:
        supernet = Supernet([self.sampler], Observed(toys.TRAIN), BPR())
        rng = torch.Generator().manual_seed(seed)
        scorer = toys.scorer(layers)
        return supernet.step(scorer, toys.pairs(8), torch.ones(1), rng).pairs_B

    def test_a_pool_has_a_row_a_pair_and_a_column_an_item(self) -> None:
        items_BM, allowed_BM = self._draw()
        assert items_BM.shape == allowed_BM.shape == (300, self.sampler.parts.pool)
        assert 0 <= int(items_BM.min()) <= int(items_BM.max()) < toys.TRAIN.num_items

    def test_no_observed_item_is_drawn_for_its_user(self) -> None:
        items_BM, allowed_BM = self._draw(repeat=200)
        users_B = toys.pairs(200).queries.users_B.numpy()
        seen_BM = toys.TRAIN.contains(users_B, items_BM.numpy())
        assert not (torch.from_numpy(seen_BM) & allowed_BM).any()

    def test_the_same_seed_draws_the_same(self) -> None:
        assert torch.equal(self._draw(seed=7)[0], self._draw(seed=7)[0])
        assert torch.equal(self._step(seed=7), self._step(seed=7))

    def test_another_seed_draws_something_else(self) -> None:
        assert not torch.equal(self._draw(seed=7)[0], self._draw(seed=8)[0])

    def test_the_global_generator_is_left_alone(self) -> None:
        before = torch.get_rng_state()
        self._step()
        assert torch.equal(before, torch.get_rng_state())

    def test_weights_of_a_row_sum_to_one_or_nothing_is_allowed(self) -> None:
        supernet = Supernet([self.sampler], Observed(toys.TRAIN), BPR())
        batch = toys.pairs(20)
        context = toys.context(toys.scorer(), batch)
        rng = torch.Generator().manual_seed(3)
        [chosen] = supernet.choose(context, [0], rng)
        total_B = chosen.weights.sum(1)
        none_B = torch.isclose(total_B, torch.zeros_like(total_B))
        torch.testing.assert_close(total_B[~none_B], torch.ones_like(total_B[~none_B]))
        if chosen.pool.allowed is not None:
            assert torch.equal(none_B, ~chosen.pool.allowed.any(1))
        else:
            assert not none_B.any()

    def test_every_pair_has_a_finite_loss_on_one_layer_and_on_three(self) -> None:
        for layers in (1, 3):
            loss_B = self._step(layers=layers)
            assert loss_B.shape == (48,)
            assert torch.isfinite(loss_B).all()

    def test_what_it_is_given_stays_as_it_is(self) -> None:
        batch, scorer = toys.pairs(4), toys.scorer()
        before = [batch.items_B.clone(), batch.queries.users_B.clone()]
        users = scorer.users_UD.detach().clone()
        rng = torch.Generator().manual_seed(0)
        Supernet([self.sampler], Observed(toys.TRAIN), BPR()).step(
            scorer, batch, torch.ones(1), rng
        )
        assert torch.equal(batch.items_B, before[0])
        assert torch.equal(batch.queries.users_B, before[1])
        assert torch.equal(scorer.users_UD, users)

    def test_its_settings_survive_json(self) -> None:
        text = self.sampler.model_dump_json()
        assert type(self.sampler).model_validate_json(text) == self.sampler
