"""The mixed step: exact, shared, and honest about its relaxations."""

import pytest
import torch
from torch import Tensor

from autosample.core.types import Moment
from autosample.losses import BPR, CCL, SL, Hinge, KPair, Loss, SampledSoftmax
from autosample.samplers import (
    AOBPR,
    DNS,
    DNSMN,
    PRIS,
    WARP,
    ANSSampler,
    DENSSampler,
    InBatchSampler,
    MixGCFSampler,
    MixtureSampler,
    Observed,
    PopularitySampler,
    Sampler,
    ScheduleSampler,
    ScheduleStage,
    SoftmaxSampler,
    UniformSampler,
)
from autosample.samplers.context import QueryContext
from autosample.samplers.pool import Pool
from autosample.samplers.proposals import UniformProposal
from autosample.testing import toys
from autosample.training.relaxation import Relaxation
from autosample.training.supernet import Supernet
from autosample.training.supernet.links import ScorerLinks

SEVEN: list[Sampler] = [
    UniformSampler(negatives=2),
    PopularitySampler(negatives=2),
    InBatchSampler(negatives=5),
    DNS(pool=4, negatives=2),
    DNSMN(pool=5, top=3),
    SoftmaxSampler(pool=5),
    MixGCFSampler(pool=4),
]
MORE: list[Sampler] = [
    *SEVEN,
    UniformSampler(shared=True, negatives=6),
    AOBPR(),
    PRIS(pool=3),
    DENSSampler(pool=4),
    ANSSampler(pool=3),
    MixtureSampler(samplers=(DNS(pool=3), InBatchSampler(negatives=3)), weights=(1, 2)),
    ScheduleSampler(),
]
OBSERVED = Observed(toys.TRAIN)
WEIGHTS = torch.softmax(torch.arange(7.0, dtype=torch.double) / 3, 0)


@pytest.mark.parametrize(
    "loss",
    [BPR(), Hinge(), CCL(), SampledSoftmax(temperature=0.5), KPair(), SL()],
    ids=str,
)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_mixture_step_equals_the_sum_of_separate_steps(
    loss: Loss, layers: int
) -> None:
    """On the same negatives: values, penalties and gradients, to rounding; for pools
    that are shared, apart, and made."""
    samplers = [*MORE, WARP(pool=5)] if loss.separable else MORE
    weights_K = torch.softmax(
        torch.arange(float(len(samplers)), dtype=torch.double) / 5, 0
    )
    scorer, batch = toys.scorer(layers), toys.pairs(6)
    net = Supernet(samplers, OBSERVED, loss)
    queries = scorer.queries(batch.queries)
    context = net.context(scorer, batch, queries)
    chosen = net.choose(context, torch.Generator().manual_seed(1))
    weights_J = net.leaves.weights(weights_K)
    whole = net.losses(context, ScorerLinks(scorer, queries), chosen, weights_J)
    one = torch.ones(1, dtype=torch.double)
    parts = []
    for k in range(len(samplers)):
        alone = net.only(k)
        mine = [
            each
            for each, owner in zip(chosen, net.leaves.owners_J, strict=True)
            if owner == k
        ]
        shares_J = alone.leaves.weights(one)
        parts.append(
            alone.losses(context, ScorerLinks(scorer, queries), mine, shares_J)
        )
    for at in (0, 1):
        summed = sum(
            (a * part[at] for a, part in zip(weights_K, parts, strict=True)),
            torch.zeros(36, dtype=torch.double),
        )
        torch.testing.assert_close(whole[at], summed)
        for ours, theirs in zip(
            gradients_of(scorer, whole[at]), gradients_of(scorer, summed), strict=True
        ):
            torch.testing.assert_close(ours, theirs)


def test_makers_get_the_gradient_of_their_share() -> None:
    scorer, batch = toys.scorer(3), toys.pairs(6)
    net = Supernet([UniformSampler(), DENSSampler(pool=4)], OBSERVED, BPR())
    gradients = []
    for weight in (0.25, 0.5):
        weights_K = torch.tensor([1 - weight, weight], dtype=torch.double)
        rng = torch.Generator().manual_seed(0)
        net.step(scorer, batch, weights_K, rng).pairs_B.sum().backward()  # type: ignore[no-untyped-call]
        [maker] = net.kept.makers
        gradients.append(
            [p.grad.clone() for p in maker.parameters() if p.grad is not None]
        )
        net.kept.zero_grad()
    assert len(gradients[0]) == 4
    for once, twice in zip(*gradients, strict=True):
        assert once.abs().max() > 0
        torch.testing.assert_close(2 * once, twice)


def test_a_schedule_draws_only_what_its_stage_needs() -> None:
    sampler = ScheduleSampler(
        stages=(
            ScheduleStage(sampler=UniformSampler(), epochs=5),
            ScheduleStage(sampler=DNS(pool=4), epochs=5),
        )
    )
    at = {
        moment: sampler.leaves(moment)[0].parts.pool
        for moment in (Moment(0, 20), Moment(4, 20), Moment(5, 20), Moment(19, 20))
    }
    assert list(at.values()) == [1, 1, 4, 4]
    # A rung of four passes runs through all stages, two passes each.
    short = [sampler.leaves(Moment(epoch, 4))[0].parts.pool for epoch in range(4)]
    assert short == [1, 1, 4, 4]


def test_a_mixture_of_samplers_weighs_its_members() -> None:
    members = (UniformSampler(), DNS(pool=4))
    inside = MixtureSampler(samplers=members, weights=(1, 3))
    scorer, batch = toys.scorer(), toys.pairs(6)
    one = torch.ones(1, dtype=torch.double)
    rng = torch.Generator().manual_seed(2)
    ours = Supernet([inside], OBSERVED, BPR()).step(scorer, batch, one, rng)
    outside = Supernet(members, OBSERVED, BPR())
    rng = torch.Generator().manual_seed(2)
    weights = torch.tensor([0.25, 0.75], dtype=torch.double)
    theirs = outside.step(scorer, batch, weights, rng)
    torch.testing.assert_close(ours.pairs_B, theirs.pairs_B)


def gradients_of(scorer: toys.LayeredScorer, values_B: Tensor) -> tuple[Tensor, ...]:
    inputs = [scorer.users_UD, scorer.layers_LID]
    return torch.autograd.grad(values_B.sum(), inputs, retain_graph=True)


def test_candidates_of_one_proposal_share_its_widest_pool() -> None:
    net = Supernet(SEVEN, OBSERVED, BPR())
    assert len(net.kept.proposals) == 3
    batch = toys.pairs(3)
    scorer = toys.scorer()
    context = net.context(scorer, batch, scorer.queries(batch.queries))
    chosen = net.choose(context, torch.Generator().manual_seed(1))
    uniform, dns, softmax = (chosen[k].pool.items for k in (0, 3, 5))
    assert (uniform.shape[1], dns.shape[1], softmax.shape[1]) == (2, 4, 5)
    assert torch.equal(dns, softmax[:, :4])
    assert torch.equal(uniform, softmax[:, :2])


def test_a_candidate_alone_is_not_charged_for_the_others() -> None:
    """Uniform draws its own two columns and scores none, whoever else competes."""
    net = Supernet(SEVEN, OBSERVED, BPR())
    batch, scorer = toys.pairs(3), toys.scorer()
    context = net.context(scorer, batch, scorer.queries(batch.queries))
    drawn: list[int] = []
    plain = net.kept.proposals[UniformProposal()].draw

    class Spy:
        def draw(self, context: QueryContext, size: int, rng: torch.Generator) -> Pool:
            drawn.append(size)
            return plain(context, size, rng)

    net.kept.proposals[UniformProposal()] = Spy()
    net.choose(context, torch.Generator().manual_seed(1), 0)
    assert drawn == [2]


def test_one_candidate_mixed_is_that_candidate_alone() -> None:
    batch, scorer = toys.pairs(3), toys.scorer()
    for relaxation in Relaxation:
        net = Supernet([DNS(pool=4)], OBSERVED, BPR(), relaxation)
        rng = torch.Generator().manual_seed(1)
        found = net.step(scorer, batch, torch.ones(1, dtype=torch.double), rng)
        plain = Supernet([DNS(pool=4)], OBSERVED, BPR())
        rng = torch.Generator().manual_seed(1)
        expected = plain.step(scorer, batch, torch.ones(1, dtype=torch.double), rng)
        torch.testing.assert_close(found.pairs_B, expected.pairs_B)


def test_the_mixed_instance_is_a_lower_bound_of_the_mixed_loss() -> None:
    """Jensen: softplus is convex, so the loss of the mean is at most the mean loss."""
    batch, scorer = toys.pairs(20), toys.scorer()
    losses = {}
    for relaxation in (Relaxation.LOSS, Relaxation.INSTANCE):
        net = Supernet(SEVEN, OBSERVED, BPR(), relaxation)
        rng = torch.Generator().manual_seed(3)
        losses[relaxation] = net.step(scorer, batch, WEIGHTS, rng).pairs_B
    gap = losses[Relaxation.LOSS] - losses[Relaxation.INSTANCE]
    assert gap.min() > -1e-12
    assert gap.mean() > 1e-3


def test_the_mixed_instance_is_exact_once_weights_are_hard() -> None:
    batch, scorer = toys.pairs(5), toys.scorer()
    hard = torch.zeros(7, dtype=torch.double)
    hard[4] = 1
    found = []
    for relaxation in (Relaxation.LOSS, Relaxation.INSTANCE):
        net = Supernet(SEVEN, OBSERVED, BPR(), relaxation)
        rng = torch.Generator().manual_seed(3)
        found.append(net.step(scorer, batch, hard, rng).pairs_B)
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("loss", [BPR(), SampledSoftmax()], ids=str)
def test_sampled_steps_are_unbiased(loss: Loss) -> None:
    """The mean over many draws meets the mixture's, within 5 sigma of both."""
    batch, scorer = toys.pairs(400), toys.scorer()
    means, errors = [], []
    for relaxation in (Relaxation.LOSS, Relaxation.SAMPLED):
        net = Supernet(SEVEN, OBSERVED, loss, relaxation)
        rng = torch.Generator().manual_seed(9)
        with torch.no_grad():
            values = torch.cat(
                [net.step(scorer, batch, WEIGHTS, rng).pairs_B for _ in range(10)]
            )
        means.append(values.mean())
        errors.append(values.std() / len(values) ** 0.5)
    # Rows of a batch share in-batch columns, so their errors are a little dependent.
    assert abs(means[0] - means[1]) < 5 * 2 * (errors[0] ** 2 + errors[1] ** 2) ** 0.5


def test_sampled_steps_keep_rows_with_their_pairs() -> None:
    """A pair whose positive is far above all else has the smallest loss."""
    scorer, batch = toys.scorer(), toys.pairs(10)
    with torch.no_grad():
        scorer.layers_LID[0, 0] = 50 * scorer.users_UD[0]  # pair (0, 0) alone
    net = Supernet(SEVEN, OBSERVED, BPR(), Relaxation.SAMPLED)
    rng = torch.Generator().manual_seed(0)
    loss_B = net.step(scorer, batch, WEIGHTS, rng).pairs_B.view(10, 6)
    assert (loss_B[:, 0] < 1e-6).all()
    assert (loss_B[:, 1:].mean(0) > 1e-3).all()


def test_mixgcf_mixes_the_winner_with_the_positive() -> None:
    """With one item in the pool the negative lies between it and the positive."""
    scorer, batch = toys.scorer(), toys.pairs(50)
    net = Supernet([MixGCFSampler(pool=1)], OBSERVED, BPR())
    queries = scorer.queries(batch.queries)
    context = net.context(scorer, batch, queries)
    [chosen] = net.choose(context, torch.Generator().manual_seed(0))
    one = torch.ones(1, dtype=torch.double)
    step = net.losses(context, ScorerLinks(scorer, queries), [chosen], one)
    negative_B = context.score(chosen.pool.items)[:, 0]
    gap_B = negative_B - context.positive_scores_B
    share_B = torch.log(torch.expm1(step.pairs_B)) / gap_B  # 1 - a, a uniform
    assert ((share_B >= -1e-6) & (share_B <= 1 + 1e-6)).all()
    assert abs(share_B.mean() - 0.5) < 5 * (1 / 12 / 300) ** 0.5
