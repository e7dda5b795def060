"""The contract that every model fulfils, as tests."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from autosample.core.types import Queries
from autosample.data.dataset import Dataset, from_arrays
from autosample.data.options import ReadOptions
from autosample.data.splits import Split
from autosample.data.synthetic import checkerboard
from autosample.evaluation.metrics import Metric
from autosample.losses import BPR, InfoNCE, Loss
from autosample.models import Model, ModelConfig, build, export
from autosample.samplers import Observed, UniformSampler
from autosample.testing import toys
from autosample.training import FixedWeights, Trainer, Training
from autosample.training.supernet import Supernet, equal_weights


class ModelContract:
    """Subclass with a model's settings; `training` should suit it."""

    config: ClassVar[ModelConfig]
    training: ClassVar[Training] = Training(epochs=60, batch_size=32, patience=60)

    def _model(self, seed: int = 0) -> Model:
        return build(self.config, toys.TRAIN, torch.Generator().manual_seed(seed))

    def test_scores_are_inner_products_of_rows(self) -> None:
        scorer = self._model()()
        users, items = torch.tensor([0, 3]), torch.tensor([[1, 2], [0, 5]])
        rows = scorer.queries(Queries.of_users(toys.HISTORY, users)).scored
        assert rows.shape[0] == 2
        assert scorer.items(items).scored.shape == (2, 2, rows.shape[1])
        assert scorer.all_items().shape == (toys.TRAIN.num_items, rows.shape[1])
        torch.testing.assert_close(
            scorer.items(items).scored, scorer.all_items()[items]
        )

    def test_rows_of_a_cosine_model_have_length_one(self) -> None:
        rows = self._model()().all_items()
        is_one = torch.allclose(rows.norm(dim=1), torch.ones(len(rows)))
        assert is_one or not self.config.cosine

    def test_rows_of_many_items_are_the_rows_of_each(self) -> None:
        """A model may take a shortcut for more ids than there are items."""
        scorer = self._model()()
        many = torch.arange(toys.TRAIN.num_items).repeat(9)
        with torch.no_grad():
            torch.testing.assert_close(
                scorer.items(many).scored, scorer.all_items()[many]
            )

    def test_an_items_row_is_the_mean_of_its_layers(self) -> None:
        scorer = self._model()()
        items = torch.tensor([[4], [0]])
        layers = scorer.item_layers(items[..., None].expand(-1, -1, scorer.num_layers))
        assert layers.shape[:3] == (2, 1, scorer.num_layers)
        torch.testing.assert_close(layers.mean(2), scorer.items(items).scored)

    def test_layers_pass_the_gradient_of_the_row_they_make(self) -> None:
        """Even where a sampler has read them first, without gradients."""
        gradients = []
        for layered in (False, True):
            model = self._model()
            scorer = model()
            items = torch.tensor([[4], [0]])
            wide = items[..., None].expand(-1, -1, scorer.num_layers)
            with torch.no_grad():
                scorer.item_layers(wide)
            rows = (
                scorer.item_layers(wide).mean(2)
                if layered
                else scorer.items(items).scored
            )
            (rows.square() * torch.arange(1, 1 + rows.shape[-1])).sum().backward()
            gradients.append([parameter.grad for parameter in model.parameters()])
        for ours, theirs in zip(*gradients, strict=True):
            assert (ours is None) == (theirs is None)
            if ours is not None and theirs is not None:
                torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)

    def test_what_it_exports_gives_the_same_scores(self) -> None:
        model = self._model()
        exported, scorer = export(model, toys.TRAIN), model()
        users = torch.arange(toys.TRAIN.num_users)
        ours = (
            scorer.queries(Queries.of_users(toys.HISTORY, users)).scored
            @ scorer.all_items().T
        )
        torch.testing.assert_close(exported["users"] @ exported["items"].T, ours)

    def test_the_same_seed_makes_the_same_model(self) -> None:
        ours, theirs = self._model(3).state_dict(), self._model(3).state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        other = self._model(4).state_dict()
        assert not all(torch.equal(ours[name], other[name]) for name in ours)

    def test_the_global_generator_is_left_alone(self) -> None:
        before = torch.get_rng_state()
        self._model()
        assert torch.equal(before, torch.get_rng_state())

    def test_a_forward_pass_without_a_generator_is_deterministic(self) -> None:
        """Whatever mode `nn.Module` thinks it is in."""
        model = self._model()
        rows = []
        for mode in (True, False, True):
            scorer = model.train(mode)()
            users = torch.arange(toys.TRAIN.num_users)
            queries = Queries.of_users(toys.HISTORY, users)
            rows.append((scorer.queries(queries).scored, scorer.all_items()))
        for users_UD, items_ID in rows[1:]:
            assert torch.equal(users_UD, rows[0][0])
            assert torch.equal(items_ID, rows[0][1])

    def test_dropout_draws_from_the_generator_that_is_passed(self) -> None:
        model, before = self._model(), torch.get_rng_state()
        first, again = (
            model(torch.Generator().manual_seed(2)).all_items() for _ in range(2)
        )
        assert torch.equal(first, again)
        first.sum().backward()
        assert torch.equal(before, torch.get_rng_state())

    def test_an_epoch_in_its_order_holds_rows_of_the_training_pairs(self) -> None:
        order = self._model().order(toys.TRAIN, 2)
        first, again = (
            list(order.batches(torch.Generator().manual_seed(1))) for _ in range(2)
        )
        rows_E = torch.cat([batch.rows_B for batch in first])
        assert len(rows_E) == order.num_rows > 0
        assert set(rows_E.tolist()) <= set(range(toys.TRAIN.num_pairs))
        assert torch.equal(rows_E, torch.cat([batch.rows_B for batch in again]))

    def test_its_settings_survive_json(self) -> None:
        text = self.config.model_dump_json()
        assert type(self.config).model_validate_json(text) == self.config

    def test_it_learns_what_there_is_to_learn(self) -> None:
        """On a checkerboard the held-out item is the only one of the user's parity left
        to rank. A model that reads histories learns a walk around a circle."""
        walks = self.config.reads_history
        split = _circle_split() if walks else _parity_split(checkerboard(20))
        model = build(self.config, split.train, torch.Generator().manual_seed(0))
        settings = self.training.model_copy(
            update={"learning_rate": type(self.config).learning_rate, "l2": 1e-4}
        )
        loss: Loss = InfoNCE(temperature=0.2) if self.config.cosine else BPR()
        sampler = UniformSampler(negatives=loss.default_negatives)
        supernet = Supernet([sampler], Observed(split.train), loss)
        trainer = Trainer(model, supernet, split, settings, Metric("hit@1"))
        for epoch in trainer.epochs(FixedWeights(equal_weights(1))):
            if epoch.best > 0.95:
                return
        raise AssertionError(f"the best hit@1 was {trainer.best:.2f}")


def _circle_split(users: int = 100, items: int = 20, length: int = 8) -> Split:
    """Users who walk around a circle of items; their last step is held out."""
    steps_E = np.tile(np.arange(length), users)
    users_E = np.repeat(np.arange(users), length)
    pairs = from_arrays(
        users_E, (users_E + steps_E) % items, options=ReadOptions(ordered=True)
    ).train
    last_E = steps_E == length - 1
    return Split(pairs.take(~last_E), pairs.take(last_E), pairs.take(last_E))


def _parity_split(dataset: Dataset) -> Split:
    """Hold out one random pair of each user."""
    pairs = dataset.train
    rng = np.random.default_rng(0)
    held_E = np.zeros(pairs.num_pairs, np.bool_)
    held_E[rng.integers(pairs.starts_U1[:-1], pairs.starts_U1[1:])] = True
    return Split(pairs.take(~held_E), pairs.take(held_E), pairs.take(held_E))
