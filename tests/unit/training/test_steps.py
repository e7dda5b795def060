"""Compiled steps mean what automatic ones do: the same parameters, from equal draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator

from autosample.core.plugins import kind_of
from autosample.core.types import Scorer
from autosample.data.interactions import Interactions
from autosample.data.order import Order, SequenceOrder, cut
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.evaluation.metrics import Metric
from autosample.losses import (
    BPR,
    BSL,
    CCL,
    LOSSES,
    PSL,
    SL,
    Hinge,
    InfoNCE,
    Loss,
    SampledSoftmax,
    Scored,
    SLAtK,
)
from autosample.models import (
    MF,
    NGCF,
    LightGCN,
    Model,
    ModelConfig,
    TwoTower,
    build,
)
from autosample.models.cosine import CosineModel
from autosample.models.mf import TableScorer
from autosample.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Cosine,
    OptimizerConfig,
    RowAdagrad,
)
from autosample.samplers import (
    DNS,
    PRESETS,
    MixGCFSampler,
    Observed,
    PopularitySampler,
    Sampler,
    UniformSampler,
)
from autosample.samplers.proposals.uniform import SharedUniform
from autosample.spec.compatibility import model_refusal, sampler_refusal
from autosample.training import FixedWeights, Trainer, Training
from autosample.training.relaxation import Relaxation
from autosample.training.steps import Steps
from autosample.training.steps.automatic import AutomaticSteps
from autosample.training.steps.bpr import BPRSteps
from autosample.training.steps.graph import GraphSteps
from autosample.training.steps.softmax import SoftmaxSteps
from autosample.training.steps.tables import TableSteps
from autosample.training.supernet import Supernet, equal_weights
from autosample.training.supernet.links import links_of

SPLIT = RandomSplit().apply(Synthetic(users=90, items=70).build().dataset, seed=0)
SHARED = UniformSampler(negatives=12, shared=True)


def trainer(
    samplers: list[Sampler],
    loss: Loss | None = None,
    config: ModelConfig | None = None,
    relaxation: Relaxation = Relaxation.LOSS,
    **settings: object,
) -> Trainer:
    config, loss = config or MF(width=8), loss or BPR()
    config = config.model_copy(update={"cosine": loss.cosine})
    known = {"epochs": 2, "batch_size": 256, "learning_rate": 0.05, "l2": 0.01}
    model = build(config, SPLIT.train, torch.Generator().manual_seed(0))
    supernet = Supernet(samplers, Observed(SPLIT.train), loss, relaxation)
    training = Training.model_validate(known | settings)
    return Trainer(model, supernet, SPLIT, training, Metric("ndcg@10"))


def after(
    training: Trainer, steps: type[Steps], batches: int = 4, *, weighted: bool = False
) -> list[torch.Tensor]:
    """Train on some batches; returns the loss and all parameters."""
    training.steps = steps(training.steps.setup)
    order = torch.randperm(
        len(training.users_E), generator=torch.Generator().manual_seed(1)
    )
    count = len(training.supernet.samplers)
    rows = order[: batches * training.settings.batch_size]
    taken = cut(rows, training.settings.batch_size)
    if weighted:
        taken = [b._replace(weights_B=b.rows_B % 3 / 2) for b in taken]
    loss = training.steps.train(taken, equal_weights(count))
    training.steps.finish()
    return [loss, *(each.detach() for each in training.model.parameters())]


def assert_alike(
    compiled: type[Steps],
    samplers: list[Sampler],
    loss: Loss | None = None,
    *,
    weighted: bool = False,
    **kw: object,
) -> None:
    first, second = (trainer(samplers, loss, **kw) for _ in range(2))  # type: ignore[arg-type]
    ours = after(first, compiled, weighted=weighted)
    theirs = after(second, AutomaticSteps, weighted=weighted)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("sampler", [each() for each in PRESETS], ids=lambda s: s.kind)
def test_matrix_factorisation_learns_the_same_from_every_sampler(
    sampler: Sampler,
) -> None:
    assert_alike(TableSteps, [sampler])


@pytest.mark.parametrize(
    "loss",
    [each(kind=kind_of(each)) for each in LOSSES.all if not each.of_catalogue],
    ids=lambda s: s.kind,
)
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
def test_matrix_factorisation_learns_the_same_by_every_loss(
    loss: Loss, shared: bool
) -> None:
    sampler = UniformSampler(negatives=12, shared=shared)
    assert sampler_refusal(loss, sampler) is None
    assert_alike(TableSteps, [sampler], loss)


@pytest.mark.parametrize("loss", [BPR(), Hinge(), BSL(), CCL()], ids=lambda s: s.kind)
@pytest.mark.parametrize("relaxation", list(Relaxation))
def test_a_mixture_learns_the_same(loss: Loss, relaxation: Relaxation) -> None:
    mixed: list[Sampler] = [
        UniformSampler(negatives=8),
        SHARED,
        DNS(pool=16, negatives=8),
        UniformSampler(negatives=10, shared=True),
        MixGCFSampler(pool=16, negatives=8),
    ]
    if not loss.separable and relaxation is Relaxation.INSTANCE:
        pytest.skip("a listwise loss has no mixed instance")
    assert_alike(TableSteps, mixed, loss, relaxation=relaxation)


@pytest.mark.parametrize("loss", [BPR(), BSL()], ids=lambda s: s.kind)
def test_lightgcn_learns_the_same(loss: Loss) -> None:
    config = LightGCN(width=8, layers=2)
    mixed: list[Sampler] = [
        UniformSampler(negatives=8),
        SHARED,
        DNS(pool=16, negatives=8),
    ]
    assert model_refusal(config, loss) is None
    # Adam's first steps follow signs: of gradients near zero, that of rounding.
    assert_alike(GraphSteps, mixed, loss, config=config, learning_rate=1e-3)


@pytest.mark.parametrize(
    "sampler",
    [UniformSampler(), DNS(pool=6), PopularitySampler(), PopularitySampler(alpha=-1)],
    ids=str,
)
@pytest.mark.parametrize("size", [1, 7, 256, 10_000])
def test_the_kernel_of_many_batches_takes_the_general_steps(
    sampler: Sampler, size: int
) -> None:
    """Of any size, so that all, some or none of the rows belong to one pair alone."""
    ours = after(trainer([sampler], batch_size=size), BPRSteps)
    theirs = after(trainer([sampler], batch_size=size), TableSteps)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize(
    ("samplers", "loss", "config", "expected"),
    [
        ([UniformSampler()], BPR(), MF(), BPRSteps),
        ([DNS(pool=8)], BPR(), MF(), BPRSteps),
        ([PopularitySampler()], BPR(), MF(), BPRSteps),
        ([UniformSampler(negatives=2)], BPR(), MF(), TableSteps),
        ([UniformSampler(), DNS()], BPR(), MF(), TableSteps),
        ([SHARED], BSL(), MF(), SoftmaxSteps),
        ([SHARED], SL(temperature=0.01), MF(), TableSteps),
        ([SHARED], SampledSoftmax(), MF(), TableSteps),
        ([UniformSampler()], Hinge(), MF(), TableSteps),
        ([UniformSampler()], BPR(), LightGCN(), GraphSteps),
        ([UniformSampler()], BPR(), MF(biases=True), AutomaticSteps),
        ([UniformSampler()], BPR(), NGCF(), AutomaticSteps),
        ([UniformSampler()], BPR(), TwoTower(), AutomaticSteps),
        ([MixGCFSampler()], BPR(), MF(), TableSteps),
        ([MixGCFSampler()], BPR(), LightGCN(), AutomaticSteps),
    ],
    ids=str,
)
def test_the_cheapest_steps_that_can_are_chosen(
    samplers: list[Sampler], loss: Loss, config: ModelConfig, expected: type[Steps]
) -> None:
    assert type(trainer(samplers, loss, config).steps) is expected


def test_one_call_for_many_batches_draws_what_many_calls_draw() -> None:
    """So that learned weights, which look at every batch, change no draws."""
    [whole, apart] = [trainer([UniformSampler()], batch_size=64) for _ in range(2)]
    batches, one = cut(torch.arange(640), 64), equal_weights(1)
    whole.steps.train(batches, one)
    for batch in batches:
        apart.steps.train([batch], one)
    for ours, theirs in zip(
        whole.model.parameters(), apart.model.parameters(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_the_same_seed_gives_the_same_bytes() -> None:
    ends = []
    for _ in range(2):
        training = trainer([UniformSampler(), DNS(pool=4)])
        list(training.epochs(FixedWeights(equal_weights(2))))
        ends.append([each.detach().clone() for each in training.model.parameters()])
    for ours, theirs in zip(*ends, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("steps", "config"), [(TableSteps, MF(width=8)), (GraphSteps, LightGCN(width=8))]
)
def test_weights_of_pairs_mean_the_same_in_compiled_steps(
    steps: type[Steps], config: ModelConfig
) -> None:
    mixed: list[Sampler] = [UniformSampler(), DNS(pool=8)]
    assert_alike(steps, mixed, config=config, weighted=True, learning_rate=1e-3)


@pytest.mark.parametrize("clip", [None, 1e-3])
@pytest.mark.parametrize(
    "optimizer",
    [Adagrad(), Adam(), AdamW(), SGD(), SGD(momentum=0.9), Adam(weight_decay=0.1)],
    ids=repr,
)
@pytest.mark.parametrize("loss", [BPR(), BSL()], ids=lambda s: s.kind)
def test_every_optimizer_takes_the_same_steps_on_rows_as_on_tables(
    loss: Loss, optimizer: OptimizerConfig, clip: float | None
) -> None:
    """Whatever samplers read of the tables is up to date when they read it."""
    mixed: list[Sampler] = [
        UniformSampler(negatives=8),
        SHARED,
        DNS(pool=16, negatives=8),
        MixGCFSampler(pool=16, negatives=8),
    ]
    ours = trainer(mixed, loss, optimizer=optimizer, clip=clip, learning_rate=0.003)
    theirs = trainer(mixed, loss, optimizer=optimizer, clip=clip, learning_rate=0.003)
    expected = AutomaticSteps if optimizer == Adam(weight_decay=0.1) else TableSteps
    assert type(ours.steps) is expected
    dense = optimizer.build(theirs.model.parameters(), 0.003, tables=False)
    theirs.steps.setup = replace(theirs.steps.setup, optimizer=dense)
    for mine, other in zip(
        after(ours, expected), after(theirs, AutomaticSteps), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("relaxation", [Relaxation.LOSS, Relaxation.SAMPLED])
@pytest.mark.parametrize(
    "losses", [(BSL(), SL(temperature=0.3), CCL()), (BPR(), Hinge(), BPR())], ids=str
)
def test_a_mixture_of_losses_is_the_sum_of_what_each_candidate_has_alone(
    losses: tuple[Loss, ...], relaxation: Relaxation
) -> None:
    """Candidates draw their own pools here, so that each alone draws the same."""
    samplers: list[Sampler] = [
        UniformSampler(negatives=8),
        DNS(pool=16, negatives=8),
        PopularitySampler(negatives=8),
    ]
    own = trainer(samplers, losses[0])
    observed, weights_K = Observed(SPLIT.train), torch.tensor([0.5, 0.3, 0.2])
    net = Supernet(samplers, observed, losses[0], relaxation, losses=losses)
    [batch, *_] = own.batches()
    pairs, rng = own.pairs(batch), torch.Generator()

    def step(net: Supernet, weights: torch.Tensor) -> torch.Tensor:
        return net.step(own.model(), pairs, weights, rng.manual_seed(5)).pairs_B

    if relaxation is Relaxation.SAMPLED:
        assert step(net, weights_K).isfinite().all()
        return
    whole = step(net, weights_K)
    context = net.context(own.model(), pairs, own.model().queries(pairs.queries))
    chosen = net.choose(context, rng.manual_seed(5))
    expected = torch.zeros_like(whole)
    for k, loss in enumerate(losses):
        alone = Supernet([samplers[k]], observed, loss)
        links = links_of(own.model(), pairs.queries, own.model().queries(pairs.queries))
        part = alone.losses(context, links, [chosen[k]], torch.ones(1))
        expected += weights_K[k] * part.pairs_B
    torch.testing.assert_close(whole, expected)


SOFTMAX: list[Loss] = [
    SLAtK(),
    SL(),
    BSL(power=1.3),
    InfoNCE(temperature=0.2),
    PSL(),
    PSL(temperature=0.05),
]


@pytest.mark.parametrize("loss", SOFTMAX, ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", [None, Adam()], ids=repr)
@pytest.mark.parametrize("negatives", [12, 300])
def test_one_product_takes_the_steps_of_a_softmax_loss(
    loss: Loss, weighted: bool, optimizer: OptimizerConfig | None, negatives: int
) -> None:
    """Also where negatives repeat, which 300 of 70 items must."""
    sampler = UniformSampler(negatives=negatives, shared=True)
    ours, theirs = (
        trainer([sampler], loss, optimizer=optimizer, learning_rate=0.003)
        for _ in range(2)
    )
    assert type(ours.steps) is SoftmaxSteps
    for mine, other in zip(
        after(ours, SoftmaxSteps, weighted=weighted),
        after(theirs, TableSteps, weighted=weighted),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=2e-5)


class OwnSum(SL):
    """A plug-in's loss, which sums in its own way."""

    def log_sum(self, positive_B: torch.Tensor, scored: Scored) -> torch.Tensor:
        return scored.scores_BN.amax(1) / self.temperature


def test_a_loss_that_sums_in_its_own_way_takes_the_general_steps() -> None:
    sampler = UniformSampler(negatives=12, shared=True)
    assert type(trainer([sampler], OwnSum()).steps) is TableSteps


def test_a_pair_without_any_allowed_negative_has_no_loss() -> None:
    """One shared negative, which some of the users have observed."""
    sampler = UniformSampler(negatives=8, shared=True)
    ours, theirs = (trainer([sampler], SL(), batch_size=1024) for _ in range(2))
    item_C = torch.full((8,), int(SPLIT.train.items_E[0]))
    for training in (ours, theirs):
        kept = training.supernet.kept.proposals
        for config in kept:
            kept[config] = OnlyItem(training.supernet.observed, item_C)
    for mine, other in zip(
        after(ours, SoftmaxSteps), after(theirs, TableSteps), strict=True
    ):
        assert mine.isfinite().all()
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=2e-5)


@dataclass(frozen=True)
class OnlyItem(SharedUniform):
    """Shares copies of some items that are given."""

    given_C: torch.Tensor

    def items(self, size: int, rng: Generator) -> torch.Tensor:
        return self.given_C


def test_a_schedule_changes_the_learning_rate_of_every_epoch() -> None:
    training = trainer([UniformSampler()], schedule=Cosine(), epochs=4)
    rates = []
    for _ in training.epochs(FixedWeights(equal_weights(1)), stop_early=False):
        rates.append(training.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.05, 0.0426777, 0.025, 0.0073223], rel=1e-5)


def test_plain_descent_of_bpr_is_one_kernel_call_for_many_batches() -> None:
    ours, theirs = (trainer([UniformSampler()], optimizer=SGD()) for _ in range(2))
    assert type(ours.steps) is BPRSteps
    for mine, other in zip(
        after(ours, BPRSteps), after(theirs, TableSteps), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=2e-5)


class Plugin(Model):
    """Two tables of somebody else's model, perhaps with something beside them."""

    def __init__(self, *, extra: bool = False, adagrad: bool = True) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        shapes = [(rows, 8) for rows in (SPLIT.train.num_users, SPLIT.train.num_items)]
        users, items = (torch.randn(shape, generator=rng) for shape in shapes)
        self.left, self.right = torch.nn.Parameter(users), torch.nn.Parameter(items)
        self.extra = torch.nn.Parameter(torch.ones(1)) if extra else None
        self.adagrad = adagrad

    def forward(self, rng: Generator | None = None) -> Scorer:
        return TableScorer(self.left, self.right)

    def optimizer(self, learning_rate: float) -> torch.optim.Optimizer:
        kind = RowAdagrad if self.adagrad else torch.optim.SGD
        return kind(self.parameters(), learning_rate)


class InSequences(Plugin):
    def order(self, train: Interactions, batch_size: int) -> Order:
        return SequenceOrder(train, batch_size, length=20)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Plugin(), BPRSteps),
        (CosineModel(Plugin()), TableSteps),
        (InSequences(), TableSteps),
        (Plugin(extra=True), AutomaticSteps),
        (Plugin(adagrad=False), AutomaticSteps),
    ],
)
def test_any_model_of_two_tables_gets_compiled_steps(
    model: Model, expected: type[Steps]
) -> None:
    supernet = Supernet([UniformSampler()], Observed(SPLIT.train), BPR())
    settings = Training(epochs=2, batch_size=100, learning_rate=0.05, l2=0.01)
    training = Trainer(model, supernet, SPLIT, settings, Metric("ndcg@10"))
    assert type(training.steps) is expected
    [first, _] = training.epochs(FixedWeights(equal_weights(1)))
    assert first.pair_updates == training.order.num_rows
