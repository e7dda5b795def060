"""The gradient of the mixture weights, against the inner products it stands for."""

from __future__ import annotations

import torch

from autosample.data.order import Batch
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.evaluation.metrics import Metric
from autosample.losses import BPR
from autosample.models import MF, LightGCN, ModelConfig
from autosample.samplers import Observed, PopularitySampler, Sampler, UniformSampler
from autosample.training import Trainer, Training
from autosample.training.learned_weights import LearnedWeights
from autosample.training.settings import WeightLearning
from autosample.training.supernet import Supernet

SPLIT = RandomSplit().apply(Synthetic(users=120, items=80).build().dataset, seed=0)
SAMPLERS: tuple[Sampler, ...] = (UniformSampler(), PopularitySampler(alpha=2.0))
SETTINGS = Training(epochs=3, batch_size=512, learning_rate=0.05, l2=0.01)


def set_up(config: ModelConfig) -> tuple[Trainer, LearnedWeights]:
    observed = Observed(SPLIT.train)
    model = config.build(SPLIT.train, torch.Generator().manual_seed(0)).double()
    supernet = Supernet(SAMPLERS, observed, BPR())
    trainer = Trainer(model, supernet, SPLIT, SETTINGS, Metric("ndcg@10"))
    return trainer, LearnedWeights(WeightLearning(every=1), 2, observed, BPR(), 100)


def flat(gradients: tuple[torch.Tensor, ...]) -> torch.Tensor:
    dense = [g.to_dense() if g.is_sparse else g for g in gradients]
    return torch.cat([g.reshape(-1) for g in dense])


def check(config: ModelConfig) -> None:
    trainer, weights = set_up(config)
    pairs = trainer.pairs(Batch(torch.arange(400)))
    found = weights._slopes(trainer, pairs, torch.Generator().manual_seed(5))
    rng = torch.Generator().manual_seed(5)
    direction = torch.cat(
        [g.reshape(-1) for g in weights._valid_gradients(trainer, 400, rng)]
    )
    seed = int(torch.randint(2**62, (1,), generator=rng))
    parameters = list(trainer.model.parameters())
    for k, net in enumerate(map(trainer.supernet.only, range(2))):
        again = torch.Generator().manual_seed(seed)
        one = torch.ones(1, dtype=torch.double)
        loss = net.step(trainer.model(), pairs, one, again).pairs_B.mean()
        own = flat(torch.autograd.grad(loss, parameters))
        torch.testing.assert_close(found[k], own @ direction, rtol=1e-3, atol=1e-9)


def test_slopes_are_inner_products_of_gradients() -> None:
    """Central differences in float64 meet autograd to 0.1 %."""
    check(MF(width=8))
    check(LightGCN(width=8, layers=2))


def test_learning_weights_leaves_the_parameters_as_they_are() -> None:
    trainer, weights = set_up(MF(width=8))
    before = {n: t.clone() for n, t in trainer.model.state_dict().items()}
    weights.observe(trainer, trainer.pairs(Batch(torch.arange(300))), trainer.rng)
    after = trainer.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_weights_stay_on_the_simplex_and_move() -> None:
    trainer, weights = set_up(MF(width=8))
    for _ in range(10):
        weights.observe(trainer, trainer.pairs(Batch(torch.arange(300))), trainer.rng)
    current = weights.current()
    torch.testing.assert_close(current.sum(), torch.tensor(1.0))
    assert (current > 0).all()
    assert not torch.allclose(current, torch.full((2,), 0.5))


def test_weights_follow_the_candidate_whose_gradient_serves_validation() -> None:
    """Given slopes that favour the second candidate, its weight grows."""
    trainer, weights = set_up(MF(width=8))
    weights._slopes = lambda *_: torch.tensor([-0.1, 0.3])  # type: ignore[method-assign]
    for _ in range(10):
        weights.observe(trainer, trainer.pairs(Batch(torch.arange(10))), trainer.rng)
    assert weights.current()[1] > 0.8


def test_the_temperature_cools_to_its_end() -> None:
    _, weights = set_up(MF(width=8))
    assert weights.temperature == 1.0
    weights.step = 50
    assert 0.2 < weights.temperature < 1.0
    weights.step = 1000
    assert abs(weights.temperature - 0.2) < 1e-12


def test_learned_weights_resume_where_they_were() -> None:
    trainer, weights = set_up(MF(width=8))
    for _ in range(5):
        weights.observe(trainer, trainer.pairs(Batch(torch.arange(300))), trainer.rng)
    _, other = set_up(MF(width=8))
    other.load({name: tensor.clone() for name, tensor in weights.state().items()})
    for each in (weights, other):
        each._slopes = lambda *_: torch.tensor([0.2, 0.1])  # type: ignore[method-assign]
        each.observe(trainer, trainer.pairs(Batch(torch.arange(10))), trainer.rng)
    assert torch.equal(weights.current(), other.current())
