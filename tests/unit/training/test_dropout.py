"""A model with dropout: its chance comes from the generator that is passed to it."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Generator, Tensor, nn, optim

from autosample.core.tensors import from_bytes, to_bytes
from autosample.data.interactions import Interactions
from autosample.data.order import Batch
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.evaluation.metrics import Metric
from autosample.losses import BPR
from autosample.models import Model, ModelConfig
from autosample.samplers import DNS, Observed, Sampler, UniformSampler
from autosample.testing.models import ModelContract
from autosample.testing.toys import LayeredScorer
from autosample.training import FixedWeights, MixtureWeights, Trainer, Training
from autosample.training.learned_weights import LearnedWeights
from autosample.training.settings import WeightLearning
from autosample.training.steps.automatic import AutomaticSteps
from autosample.training.supernet import Supernet, equal_weights

SPLIT = RandomSplit().apply(Synthetic(users=60, items=50).build().dataset, seed=0)
SAMPLERS: tuple[Sampler, ...] = (UniformSampler(), DNS(pool=4))


class Dropout(ModelConfig):
    learning_rate: ClassVar[float] = 0.02
    l2: ClassVar[float] = 1e-3
    kind: str = "dropout"

    def build(self, train: Interactions, rng: Generator) -> Dropped:
        return Dropped(train.num_users, train.num_items, rng)


class Dropped(Model):
    """Inner products; in training half of the items' numbers are left out."""

    def __init__(self, users: int, items: int, rng: Generator) -> None:
        super().__init__()
        self.users = nn.Parameter(torch.randn(users, 8, generator=rng))
        self.items = nn.Parameter(torch.randn(items, 8, generator=rng))
        self.masks: list[Tensor | None] = []
        """What each forward pass kept; None where it dropped nothing."""

    def forward(self, rng: Generator | None = None) -> LayeredScorer:
        self.masks.append(None)
        if rng is None:
            return LayeredScorer(self.users, self.items[None])
        mask = torch.rand(self.items.shape, generator=rng) < 0.5
        self.masks[-1] = mask
        return LayeredScorer(self.users, (self.items * mask * 2)[None])

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        return optim.Adam(self.parameters(), learning_rate)


def set_up(every: int | None = None) -> tuple[Trainer, Dropped, MixtureWeights]:
    model = Dropout().build(SPLIT.train, torch.Generator().manual_seed(0))
    observed = Observed(SPLIT.train)
    supernet = Supernet(SAMPLERS, observed, BPR())
    settings = Training(epochs=4, batch_size=64, learning_rate=0.02, l2=0.001)
    training = Trainer(model, supernet, SPLIT, settings, Metric("ndcg@10"))
    weights: MixtureWeights = FixedWeights(equal_weights(2))
    if every is not None:
        weights = LearnedWeights(WeightLearning(every=every), 2, observed, BPR(), 100)
    return training, model, weights


def test_it_keeps_the_contract() -> None:
    contract = ModelContract()
    contract.config = Dropout()  # type: ignore[misc]
    contract.test_a_forward_pass_without_a_generator_is_deterministic()
    contract.test_dropout_draws_from_the_generator_that_is_passed()


def test_steps_drop_and_evaluation_does_not() -> None:
    training, model, weights = set_up()
    assert type(training.steps) is AutomaticSteps
    model.masks.clear()
    training.begin()
    training.train_on(training.batches(), weights)
    assert model.masks
    assert all(mask is not None for mask in model.masks)
    model.masks.clear()
    training.evaluate()
    assert model.masks == [None]


def test_both_sides_of_the_central_difference_drop_the_same() -> None:
    training, model, weights = set_up(every=1)
    model.masks.clear()
    weights.observe(training, training.pairs(Batch(torch.arange(64))), training.rng)
    validation, above, below = model.masks
    assert validation is None
    assert above is not None
    assert below is not None
    assert torch.equal(above, below)


def test_it_resumes_in_the_same_bits() -> None:
    (whole, _, learned), (first, _, kept), (second, _, again) = (
        set_up(every=2) for _ in range(3)
    )
    assert [epoch.number for epoch in whole.epochs(learned)] == [1, 2, 3, 4]
    next(first.epochs(kept))
    second.load(from_bytes(to_bytes(first.state(kept))), again)
    assert [epoch.number for epoch in second.epochs(again)] == [2, 3, 4]
    ours, theirs = second.state(again), whole.state(learned)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
