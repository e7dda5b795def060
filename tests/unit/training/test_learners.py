"""What learns beside the model: toys of a choice, a proposal, a loss and own links."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from autosample.core.learner import Learner
from autosample.core.links import Ingredients, Linked, Links
from autosample.core.tensors import from_bytes, to_bytes
from autosample.core.types import Queries, Rows, Scorer
from autosample.data.interactions import Interactions
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.evaluation.metrics import Metric
from autosample.losses import BPR, Loss, Scored
from autosample.models import MF, LightGCN, ModelConfig
from autosample.samplers import Observed, Sampler, UniformSampler
from autosample.samplers.base import Parts, Preset
from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.context import QueryContext
from autosample.samplers.pool import Pool, ScoredPool
from autosample.samplers.proposals import ProposalConfig, UniformProposal
from autosample.testing import toys
from autosample.training import FixedWeights, Trainer, Training
from autosample.training.supernet import Supernet, equal_weights

SPLIT = RandomSplit().apply(Synthetic(users=60, items=50).build().dataset, seed=0)


class Adversary(Choice):
    """Weighs a pool by one learned number per item, which makes the loss larger."""

    kind: Literal["adversary"] = "adversary"

    def kept_of(self, pool: int) -> int:
        return pool

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        raise AssertionError("what was built chooses")

    def build(self, train: Interactions, rng: Generator) -> LearnedAdversary:
        return LearnedAdversary(train.num_items)


class LearnedAdversary(Learner):
    ascends: ClassVar[bool] = True

    def __init__(self, num_items: int) -> None:
        super().__init__()
        self.logits_I = nn.Parameter(torch.zeros(num_items))

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        slots_BM = torch.arange(pool.size[1]).expand(*pool.size)
        return Chosen(slots_BM, self.logits_I[pool.pool.items].softmax(1))


class Remembering(ProposalConfig):
    """Uniform draws, and a count of the steps."""

    kind: Literal["remembering"] = "remembering"

    def build(self, observed: Observed) -> Remembered:
        return Remembered(observed)


class Remembered(Learner):
    steps: Tensor

    def __init__(self, observed: Observed) -> None:
        super().__init__()
        self._uniform = UniformProposal().build(observed)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        return self._uniform.draw(context, size, rng)

    def update(self) -> None:
        self.steps += 1


class Adversarial(Preset):
    kind: Literal["adversarial"] = "adversarial"

    @property
    def parts(self) -> Parts:
        return Parts(Remembering(), 4, Adversary(keep=4))


class Moving(Loss):
    """BPR with a margin: the moving mean of the gap between positives and negatives."""

    kind: Literal["moving"] = "moving"

    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        raise AssertionError("what was built mixes")

    def build(self, train: Interactions, rng: Generator) -> MovingMargin:
        return MovingMargin()


class MovingMargin(Learner):
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self._gap = torch.zeros(())

    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor:
        [scored] = negatives
        gaps_BN = positive_B[:, None] - scored.scores_BN
        self._gap = gaps_BN.detach().mean()
        shifted_BN = nn.functional.softplus(self.mean - gaps_BN)
        return (shifted_BN * scored.weights_BN).sum(1)

    def update(self) -> None:
        self.mean.lerp_(self._gap, 0.1)


def trainer(
    config: ModelConfig,
    sampler: Sampler | None = None,
    loss: Loss | None = None,
) -> Trainer:
    model = config.build(SPLIT.train, torch.Generator().manual_seed(0))
    supernet = Supernet(
        [sampler or Adversarial()], Observed(SPLIT.train), loss or BPR()
    )
    settings = Training(epochs=4, batch_size=64, learning_rate=0.05, l2=0.001)
    return Trainer(model, supernet, SPLIT, settings, Metric("ndcg@10"))


def check_that_it_resumes(config: ModelConfig, sampler: Sampler, loss: Loss) -> Trainer:
    fixed = FixedWeights(equal_weights(1))
    whole, first, second = (trainer(config, sampler, loss) for _ in range(3))
    assert [epoch.number for epoch in whole.epochs(fixed)] == [1, 2, 3, 4]
    next(first.epochs(fixed))
    second.load(from_bytes(to_bytes(first.state(fixed))), fixed)
    assert [epoch.number for epoch in second.epochs(fixed)] == [2, 3, 4]
    ours, theirs = second.state(fixed), whole.state(fixed)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    return whole


def test_a_choice_and_a_proposal_learn_through_a_checkpoint() -> None:
    """In compiled steps of tables and of a graph as in automatic ones."""
    for config in (MF(width=8), LightGCN(width=8, layers=1), MF(width=8, biases=True)):
        whole = check_that_it_resumes(config, Adversarial(), BPR())
        learned = whole.supernet.kept.parameters()
        assert sum("logits_I" in name for name in learned) == 1
        [steps] = [t for name, t in learned.items() if name.endswith("steps")]
        assert int(steps) == 4 * len(list(whole.batches()))


def test_what_ascends_makes_the_loss_larger() -> None:
    """On a fixed batch, with the model's parameters as they are."""
    net = Supernet([Adversarial()], Observed(toys.TRAIN), BPR())
    scorer, pairs, one = toys.scorer(), toys.pairs(), equal_weights(1)
    losses = []
    for _ in range(200):
        net.kept.zero_grad()
        rng = torch.Generator().manual_seed(3)
        loss = net.step(scorer, pairs, one, rng).pairs_B.mean()
        loss.backward()  # type: ignore[no-untyped-call]
        net.kept.update()
        losses.append(float(loss.detach()))
    assert losses[-1] > losses[0] + 0.01
    assert losses == sorted(losses)


def test_a_choice_that_learns_is_part_of_the_best_sampler() -> None:
    training = trainer(MF(width=8))
    list(training.epochs(FixedWeights(equal_weights(1))))
    other = Supernet([Adversarial()], Observed(SPLIT.train), BPR())
    other.kept.load_parameters(training.best_sampler)
    taken = other.kept.parameters()
    assert {n: t.tolist() for n, t in taken.items()} == {
        n: t.tolist() for n, t in training.best_sampler.items()
    }


def test_a_loss_with_a_moving_mean_resumes() -> None:
    whole = check_that_it_resumes(MF(width=8), UniformSampler(), Moving())
    assert isinstance(whole.supernet.mixer, MovingMargin)
    assert float(whole.supernet.mixer.mean) > 0
    assert whole.supernet.kept.parameters() == {}  # the loss stays with the training


@dataclass(frozen=True)
class DistanceLinks:
    """Scores are minus squared distances, whatever the rows' inner products are."""

    scorer: Scorer
    rows: Rows

    def own_squares(self) -> Tensor:
        return self.rows.free.square().sum(-1)

    def pairs(self, items_BX: Tensor) -> Linked:
        items = self.scorer.items(items_BX)
        gaps = self.rows.scored[:, None] - items.scored
        return Linked(-gaps.square().sum(-1), items.free.square().sum(-1))

    def columns(self, items_1X: Tensor) -> Linked:
        return self.pairs(items_1X)

    def ingredients(self, positives_B: Tensor, items_BNL: Tensor) -> Ingredients:
        raise NotImplementedError

    def part(self, at_X: Tensor) -> DistanceLinks:
        rows = Rows(self.rows.scored[at_X], self.rows.free[at_X])
        return replace(self, rows=rows)


class DistanceScorer(toys.LayeredScorer):
    def links(self, queries: Queries, rows: Rows) -> Links:
        assert len(queries.users_B) == len(rows.scored)
        return DistanceLinks(self, rows)


def test_a_scorer_may_bring_its_own_links() -> None:
    plain, pairs = toys.scorer(), toys.pairs()
    scorer = DistanceScorer(plain.users_UD, plain.layers_LID)
    users_BD = scorer.users_UD[pairs.queries.users_B]

    def score(items_BX: Tensor) -> Tensor:
        gaps = users_BD[:, None] - scorer.all_items()[items_BX]
        return -gaps.square().sum(-1)

    for sampler in (UniformSampler(), UniformSampler(shared=True, negatives=3)):
        net = Supernet([sampler], Observed(toys.TRAIN), BPR())
        one, rngs = equal_weights(1).double(), [generator(), generator()]
        step = net.step(scorer, pairs, one, rngs[0])
        context = net.context(scorer, pairs, scorer.queries(pairs.queries))
        [chosen] = net.choose(context, rngs[1])
        margins_BN = score(pairs.items_B[:, None]) - score(chosen.items)
        losses_BN = nn.functional.softplus(-margins_BN) * chosen.weights
        torch.testing.assert_close(step.pairs_B, losses_BN.sum(1))
        (gradient,) = torch.autograd.grad(step.pairs_B.sum(), scorer.users_UD)
        assert gradient.any()


def generator() -> Generator:
    return torch.Generator().manual_seed(1)
