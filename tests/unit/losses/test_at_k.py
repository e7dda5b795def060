"""SL@K: its limits are SL, and the K-th best scores are those of a full ranking."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from autosample.core.types import Moment
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.evaluation.metrics import Metric
from autosample.losses import SL, Scored, SLAtK
from autosample.losses.at_k import UserQuantiles, WithQuantiles
from autosample.models import MF, Model, build, export
from autosample.samplers import Observed, UniformSampler
from autosample.training import FixedWeights, Trainer, Training
from autosample.training.supernet import Supernet, equal_weights

SPLIT = RandomSplit().apply(Synthetic(users=60, items=50).build().dataset, seed=0)
OBSERVED = Observed(SPLIT.train)
RNG = torch.Generator()


def scored() -> tuple[Tensor, Scored]:
    rng = torch.Generator().manual_seed(0)
    positive_B = 2 * torch.rand(7, generator=rng) - 1
    scores_BN = 2 * torch.rand(7, 5, generator=rng) - 1
    return positive_B, Scored(scores_BN, torch.full((7, 5), 0.2))


def mixed(loss: SLAtK, quantile: float) -> Tensor:
    positive_B, negatives = scored()
    quantiles_B = torch.full_like(positive_B, quantile)
    one = torch.ones(1)
    return WithQuantiles(loss, quantiles_B).mix(positive_B, [negatives], one)


def test_a_flat_weight_gives_half_of_sl() -> None:
    half = mixed(SLAtK(weight_temperature=1e6), 0.3)
    torch.testing.assert_close(2 * half, SL()(*scored()), rtol=1e-5, atol=1e-5)


def test_a_quantile_below_all_scores_gives_sl() -> None:
    torch.testing.assert_close(mixed(SLAtK(), -math.inf), SL()(*scored()))


def test_a_pair_weighs_the_sigmoid_of_its_distance_above_the_quantile() -> None:
    positive_B, _ = scored()
    ratio_B = mixed(SLAtK(weight_temperature=0.2), 0.4) / SL()(*scored())
    expected_B = 1 / (1 + torch.exp(-(positive_B - 0.4) / 0.2))
    torch.testing.assert_close(ratio_B, expected_B)


def cosines() -> Model:
    config = MF(width=8, cosine=True)
    return build(config, SPLIT.train, torch.Generator().manual_seed(0))


def renewed(loss: SLAtK) -> Tensor:
    quantiles = UserQuantiles(loss, OBSERVED.num_users)
    quantiles.renew(cosines()(), OBSERVED, RNG.manual_seed(1))
    return quantiles.quantiles_U


def ranked() -> Tensor:
    """Score all items for all users."""
    with torch.no_grad():
        exported = export(cosines(), SPLIT.train)
        return exported["users"] @ exported["items"].T


def test_exact_quantiles_are_those_of_a_ranking_of_all_items() -> None:
    expected_U = ranked().sort(1, descending=True).values[:, 4]
    found_U = renewed(SLAtK(k=5, quantile_samples=None))
    torch.testing.assert_close(found_U, expected_U)


def test_sampled_quantiles_are_those_of_own_items_and_of_the_sample() -> None:
    drawn = torch.randint(50, (12,), generator=RNG.manual_seed(1)).tolist()
    expected = []
    for user, scores_I in enumerate(ranked()):
        own = set(SPLIT.train.items_of(user).tolist())
        others = [item for item in drawn if item not in own]
        candidates = [*own, *others]
        best = sorted((float(scores_I[i]) for i in candidates), reverse=True)
        expected.append(best[min(5, len(best)) - 1])
    found_U = renewed(SLAtK(k=5, quantile_samples=12))
    torch.testing.assert_close(found_U, torch.tensor(expected))


def test_a_sample_estimates_the_quantile_from_below() -> None:
    """Fewer candidates than all items have a lower K-th best score."""
    exact_U = renewed(SLAtK(k=5, quantile_samples=None))
    assert bool((renewed(SLAtK(k=5, quantile_samples=12)) <= exact_U + 1e-6).all())


@pytest.mark.parametrize("samples", [12, None])
def test_quantiles_are_zero_until_they_are_due_and_belong_to_the_checkpoint(
    samples: int | None,
) -> None:
    loss = SLAtK(renewed_every=2, quantile_samples=samples)
    one = FixedWeights(equal_weights(1))

    def training() -> Trainer:
        sampler = UniformSampler(negatives=20, shared=True)
        supernet = Supernet([sampler], OBSERVED, loss)
        settings = Training(epochs=4, learning_rate=0.05, l2=0.0)
        model = build(MF(width=8, cosine=True), SPLIT.train, RNG.manual_seed(0))
        return Trainer(model, supernet, SPLIT, settings, Metric("ndcg@10"))

    def quantiles(training: Trainer) -> Tensor:
        mixer = training.supernet.mixer
        assert isinstance(mixer, UserQuantiles)
        return mixer.quantiles_U

    whole = training()
    epochs = whole.epochs(one, stop_early=False)
    next(epochs)
    next(epochs)
    assert not quantiles(whole).any()
    next(epochs)
    renewed_U = quantiles(whole).clone()
    assert renewed_U.all()
    state = {name: tensor.clone() for name, tensor in whole.state(one).items()}
    next(epochs)
    resumed = training()
    resumed.load(state, one)
    assert torch.equal(quantiles(resumed), renewed_U)
    next(resumed.epochs(one, stop_early=False))
    for ours, theirs in zip(
        resumed.model.parameters(), whole.model.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert not UserQuantiles(loss, 3).is_due(Moment(3, 4))
