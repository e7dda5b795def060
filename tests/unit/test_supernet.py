"""The mixed step: exact, shared, and honest about its relaxations."""

import pytest
import torch
from torch import Tensor

from autosample.losses import BPR, Loss, SampledSoftmax
from autosample.relaxation import Relaxation
from autosample.samplers import (
    DNS,
    DNSMN,
    InBatchSampler,
    MixGCFSampler,
    Observed,
    PopularitySampler,
    Sampler,
    SoftmaxSampler,
    UniformSampler,
)
from autosample.samplers.context import QueryContext
from autosample.samplers.pool import Pool
from autosample.supernet import Supernet, context_of
from autosample.testing import toys

SEVEN: list[Sampler] = [
    UniformSampler(negatives=2),
    PopularitySampler(negatives=2),
    InBatchSampler(negatives=5),
    DNS(pool=4, negatives=2),
    DNSMN(pool=5, top=3),
    SoftmaxSampler(pool=5),
    MixGCFSampler(pool=4),
]
OBSERVED = Observed(toys.TRAIN)
WEIGHTS = torch.softmax(torch.arange(7.0, dtype=torch.double) / 3, 0)


@pytest.mark.parametrize("loss", [BPR(), SampledSoftmax(temperature=0.5)], ids=str)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_mixture_step_equals_the_sum_of_separate_steps(
    loss: Loss, layers: int
) -> None:
    """On the same negatives: values, penalties and gradients, to rounding."""
    scorer, batch = toys.scorer(layers), toys.pairs(6)
    net = Supernet(SEVEN, OBSERVED, loss)
    queries = scorer.queries(batch.queries)
    context = context_of(scorer, batch, queries)
    chosen = net.choose(context, range(7), torch.Generator().manual_seed(1))

    def again() -> torch.Generator:
        return torch.Generator().manual_seed(2)  # MixGCF's shares

    whole = net.losses(context, queries, chosen, WEIGHTS, again())
    parts = [
        Supernet([sampler], OBSERVED, loss).losses(
            context, queries, [each], torch.ones(1, dtype=torch.double), again()
        )
        for sampler, each in zip(SEVEN, chosen, strict=True)
    ]
    for at in (0, 1):
        summed = sum(
            (a * part[at] for a, part in zip(WEIGHTS, parts, strict=True)),
            torch.zeros(36, dtype=torch.double),
        )
        torch.testing.assert_close(whole[at], summed)
        for ours, theirs in zip(
            gradients_of(scorer, whole[at]), gradients_of(scorer, summed), strict=True
        ):
            torch.testing.assert_close(ours, theirs)


def gradients_of(scorer: toys.LayeredScorer, values_B: Tensor) -> tuple[Tensor, ...]:
    inputs = [scorer.users_UD, scorer.layers_LID]
    return torch.autograd.grad(values_B.sum(), inputs, retain_graph=True)


def test_candidates_of_one_proposal_share_its_widest_pool() -> None:
    net = Supernet(SEVEN, OBSERVED, BPR())
    assert len(net.proposals) == 3
    batch = toys.pairs(3)
    scorer = toys.scorer()
    context = context_of(scorer, batch, scorer.queries(batch.queries))
    chosen = net.choose(context, range(7), torch.Generator().manual_seed(1))
    uniform, dns, softmax = (chosen[k].pool.items for k in (0, 3, 5))
    assert (uniform.shape[1], dns.shape[1], softmax.shape[1]) == (2, 4, 5)
    assert torch.equal(dns, softmax[:, :4])
    assert torch.equal(uniform, softmax[:, :2])


def test_a_candidate_alone_is_not_charged_for_the_others() -> None:
    """Uniform draws its own two columns and scores none, whoever else competes."""
    net = Supernet(SEVEN, OBSERVED, BPR())
    batch, scorer = toys.pairs(3), toys.scorer()
    context = context_of(scorer, batch, scorer.queries(batch.queries))
    drawn: list[int] = []
    plain = net.proposals[0].draw

    class Spy:
        def draw(self, context: QueryContext, size: int, rng: torch.Generator) -> Pool:
            drawn.append(size)
            return plain(context, size, rng)

    net.proposals[0] = Spy()
    net.choose(context, [0], torch.Generator().manual_seed(1))
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
    context = context_of(scorer, batch, queries)
    rng = torch.Generator().manual_seed(0)
    [chosen] = net.choose(context, [0], rng)
    step = net.losses(
        context, queries, [chosen], torch.ones(1, dtype=torch.double), rng
    )
    negative_B = context.score(chosen.pool.items)[:, 0]
    gap_B = negative_B - context.positive_scores_B
    share_B = torch.log(torch.expm1(step.pairs_B)) / gap_B  # 1 - a, a uniform
    assert ((share_B >= -1e-6) & (share_B <= 1 + 1e-6)).all()
    assert abs(share_B.mean() - 0.5) < 5 * (1 / 12 / 300) ** 0.5
