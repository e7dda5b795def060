"""One loop: it stops, resumes bit by bit, says when it diverges, touches few rows."""

import pytest
import torch

from autosample.core.tensors import from_bytes, to_bytes
from autosample.data.interactions import Interactions
from autosample.data.order import Batch, Order, SequenceOrder, WeightedOrder
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.errors import TrainingDiverged
from autosample.evaluation.metrics import Metric
from autosample.losses import BPR
from autosample.models import MF, LightGCN, ModelConfig, export
from autosample.models.mf import MatrixFactorization
from autosample.optimizers import RowAdagrad
from autosample.samplers import (
    DNS,
    SRNS,
    AdaSIR,
    DENSSampler,
    MixGCFSampler,
    Observed,
    ReverseCNS,
    Sampler,
    ScheduleSampler,
    UniformSampler,
)
from autosample.training import FixedWeights, Trainer, Training
from autosample.training.supernet import Supernet, equal_weights

SPLIT = RandomSplit().apply(Synthetic(users=120, items=80).build().dataset, seed=0)
SAMPLERS: list[Sampler] = [UniformSampler(), DNS(pool=4), MixGCFSampler(pool=4)]
LASTING: list[Sampler] = [
    AdaSIR(draws=20, memory=8, negatives=2),
    SRNS(memory=4, renewed=8, warmup=4),
    DENSSampler(pool=4),
    ReverseCNS(pool=4, course=5),
    ScheduleSampler(),
]
"""What remembers, learns or changes with the passes."""


def trainer(
    config: ModelConfig | None = None,
    samplers: list[Sampler] = SAMPLERS,
    **settings: object,
) -> Trainer:
    config = config or MF(width=8)
    known = {"epochs": 6, "batch_size": 256, "learning_rate": 0.05, "l2": 0.01}
    training = Training.model_validate(known | settings)
    model = config.build(SPLIT.train, torch.Generator().manual_seed(0))
    supernet = Supernet(samplers, Observed(SPLIT.train), BPR())
    return Trainer(model, supernet, SPLIT, training, Metric("ndcg@10"))


def weights(count: int = len(SAMPLERS)) -> FixedWeights:
    return FixedWeights(equal_weights(count))


@pytest.mark.parametrize("samplers", [SAMPLERS, LASTING], ids=["plain", "lasting"])
@pytest.mark.parametrize("config", [MF(width=8), LightGCN(width=8, layers=2)], ids=str)
def test_a_resumed_training_ends_in_the_same_bits(
    config: ModelConfig, samplers: list[Sampler]
) -> None:
    fixed = weights(len(samplers))
    whole = trainer(config, samplers)
    for _ in whole.epochs(fixed):
        pass
    first = trainer(config, samplers)
    for epoch in first.epochs(fixed):
        if epoch.number == 3:
            break
    kept = from_bytes(to_bytes(first.state(fixed)))
    second = trainer(config, samplers)
    second.load(kept, fixed)
    numbers = [epoch.number for epoch in second.epochs(fixed)]
    assert numbers == [4, 5, 6]
    ours, theirs = second.state(fixed), whole.state(fixed)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


class Ordered(MatrixFactorization):
    """Matrix factorisation that is trained in another order."""

    sequences: bool

    def order(self, train: Interactions, batch_size: int) -> Order:
        if self.sequences:
            return SequenceOrder(train, batch_size, length=5)
        return WeightedOrder(torch.from_numpy(train.items_E % 3 + 1.0), batch_size)


@pytest.mark.parametrize("kind", ["sequences", "weighted"])
def test_a_resumed_training_goes_on_in_any_order(kind: str) -> None:
    def training() -> Trainer:
        again = trainer(samplers=[UniformSampler()], epochs=4)
        model = again.model
        model.__class__ = Ordered
        assert isinstance(model, Ordered)
        model.sequences = kind == "sequences"
        return Trainer(model, again.supernet, SPLIT, again.settings, again.metric)

    fixed, whole, first, second = weights(1), training(), training(), training()
    losses = [epoch.loss for epoch in whole.epochs(fixed)]
    assert losses[-1] < losses[0]
    next(first.epochs(fixed))
    second.load(from_bytes(to_bytes(first.state(fixed))), fixed)
    assert [epoch.number for epoch in second.epochs(fixed)] == [2, 3, 4]
    ours, theirs = second.state(fixed), whole.state(fixed)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_branch_takes_what_its_sampler_learned_in_the_supernet() -> None:
    """And nothing of its neighbours, of which it has no part."""
    supernet = trainer(samplers=LASTING)
    for _ in supernet.epochs(weights(len(LASTING))):
        pass
    state = supernet.state(weights(len(LASTING)))
    branch = trainer(samplers=[LASTING[2]])
    fresh = {n: t.clone() for n, t in branch.supernet.kept.parameters().items()}
    branch.start_from(state, with_optimizer=False)
    taken, learned = (net.supernet.kept.parameters() for net in (branch, supernet))
    assert len(taken) == 4
    for name, tensor in taken.items():
        assert torch.equal(tensor, learned[name])
        assert not torch.equal(tensor, fresh[name])


def test_training_learns() -> None:
    metrics = [epoch.metric for epoch in trainer(epochs=15).epochs(weights())]
    assert max(metrics) > 1.3 * metrics[0]


def test_it_stops_when_the_metric_stops_getting_better() -> None:
    training = trainer(epochs=500, patience=3)
    records = list(training.epochs(weights()))
    best = max(range(len(records)), key=lambda at: records[at].metric)
    assert len(records) == best + 1 + 3
    assert records[-1].best == records[best].metric == training.best


def test_the_best_parameters_are_kept() -> None:
    training = trainer(epochs=40, patience=40)
    records = list(training.epochs(weights()))
    training.model.load_state_dict(training.best_model)
    hits = training.ranking.hits(training.model())
    best = max(record.metric for record in records)
    assert hits.mean(Metric("ndcg@10")) == pytest.approx(best)


def test_a_loss_that_is_no_number_says_what_to_do() -> None:
    training = trainer(learning_rate=1e30)
    with pytest.raises(TrainingDiverged, match=r"lower it"):
        list(training.epochs(weights()))


def test_matrix_factorisation_changes_only_rows_of_the_batch() -> None:
    training = trainer()
    before = {n: t.clone() for n, t in training.model.state_dict().items()}
    batch = training.pairs(Batch(torch.arange(5)))
    training.step(batch, weights().current())
    changed = {
        name: (tensor != before[name]).any(1).nonzero()[:, 0].tolist()
        for name, tensor in training.model.state_dict().items()
    }
    assert changed["users"] == sorted(set(batch.queries.users_B.tolist()))
    assert len(changed["items"]) <= 5 * 4  # its positives, one negative a candidate
    assert set(batch.items_B.tolist()) <= set(changed["items"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_row_adagrad_is_adagrad_on_the_rows_it_touches(dtype: torch.dtype) -> None:
    """Compiled, and as torch has it."""
    rng = torch.Generator().manual_seed(0)
    start = torch.randn(6, 3, generator=rng, dtype=dtype)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    mine = RowAdagrad([ours], lr=0.1, eps=1e-8)
    torchs = torch.optim.Adagrad([theirs], lr=0.1, eps=1e-8)
    rows = torch.tensor([0, 2, 2, 5])
    for step in range(3):
        for parameter, optimizer, sparse in (
            (ours, mine, True),
            (theirs, torchs, False),
        ):
            optimizer.zero_grad()
            taken = torch.nn.functional.embedding(rows, parameter, sparse=sparse)
            ((taken - step) ** 3).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_row_adagrad_takes_dense_gradients_too() -> None:
    start = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    for parameter, optimizer in (
        (ours, RowAdagrad([ours], lr=0.1, eps=1e-8)),
        (theirs, torch.optim.Adagrad([theirs], lr=0.1, eps=1e-8)),
    ):
        (parameter**2).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_lightgcn_propagates_as_its_formula_says() -> None:
    """Mean over layers of (D^-1/2 A D^-1/2)^l E, with the graph written out densely."""
    config = LightGCN(width=4, layers=3)
    model = config.build(SPLIT.train, torch.Generator().manual_seed(0))
    users, items = SPLIT.train.num_users, SPLIT.train.num_items
    graph = torch.zeros(users + items, users + items)
    graph[SPLIT.train.users_E, users + SPLIT.train.items_E] = 1
    graph = graph + graph.T
    scale = graph.sum(1).clamp(min=1).rsqrt()
    graph = scale[:, None] * graph * scale[None]
    start = model.state_dict()["embeddings"]
    layers = [start]
    for _ in range(3):
        layers.append(graph @ layers[-1])
    expected = torch.stack(layers).mean(0)
    exported = export(model, SPLIT.train)
    found = torch.cat([exported["users"], exported["items"]])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_lightgcns_gradient_is_that_of_the_dense_graph() -> None:
    config = LightGCN(width=4, layers=2)
    model = config.build(SPLIT.train, torch.Generator().manual_seed(0))
    parameter = next(model.parameters())
    users = SPLIT.train.num_users
    dense = model.get_buffer("adjacency").to_dense()
    ours = torch.autograd.grad((model().all_items() ** 2).sum(), parameter)[0]
    whole = (parameter + dense @ parameter + dense @ (dense @ parameter)) / 3
    theirs = torch.autograd.grad((whole[users:] ** 2).sum(), parameter)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
