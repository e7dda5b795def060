"""Every choice: deterministic ones against plain loops, others against their laws."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from autosample.core.types import (
    START,
    Moment,
)
from autosample.data.interactions import Interactions
from autosample.samplers.choices import (
    CHOICES,
    AdaptiveHardness,
    Bayesian,
    Choice,
    Chosen,
    First,
    FirstViolator,
    Growing,
    Hardest,
    HighVariance,
    Importance,
    Shrinking,
    Softmax,
    SoftmaxV,
    Top,
)
from autosample.samplers.pool import Pool, ScoredPool
from autosample.testing import toys

SIGMAS = 5.0  # a false alarm in 1.7 million checks

TRAIN = Interactions.from_pairs(
    np.array([0, 0, 1, 1, 1, 2, 2, 3]),
    np.array([0, 1, 0, 1, 2, 0, 3, 0]),
    num_users=4,
    num_items=40,
)
"""Items 0 to 3 are popular with 4, 2, 1, 1 of four users; most have no pair."""


def within(share: Tensor, law: Tensor, draws: int) -> bool:
    """Tell whether every frequency lies within its sigmas of the law."""
    sigma = (law * (1 - law) / draws).sqrt()
    return bool(((share - law).abs() <= SIGMAS * sigma + 1e-12).all())


SCORES = torch.randn(200, 9, generator=torch.Generator().manual_seed(4))
ALLOWED = torch.rand(200, 9, generator=torch.Generator().manual_seed(5)) < 0.7


POSITIVES = torch.randn(200, generator=torch.Generator().manual_seed(6))
ITEMS = torch.randint(40, (200, 9), generator=torch.Generator().manual_seed(7))
LOG_Q = torch.log_softmax(
    torch.randn(200, 9, generator=torch.Generator().manual_seed(8)), 1
)
SPREAD = torch.rand(200, 9, generator=torch.Generator().manual_seed(9)) / 4


def scored(
    allowed: Tensor | None = None, moment: Moment = START, scores: Tensor = SCORES
) -> ScoredPool:
    """Return a pool of nine for 200 pairs of four users; its scores are not those of
    any model."""
    users_B = torch.arange(200) % 4
    pairs = toys.batch(users_B, torch.zeros_like(users_B), TRAIN)
    context = toys.context(toys.scorer(train=TRAIN), pairs, TRAIN, moment)
    context = replace(context, positive_scores_B=POSITIVES)
    pool = Pool(ITEMS, allowed, lambda: LOG_Q, SPREAD)
    return ScoredPool(pool, scores, context)


def repeated(rows: int, allowed: Tensor | None = None) -> ScoredPool:
    """Return the first row's pool, so many times."""
    users_B = torch.zeros(rows, dtype=torch.long)
    pairs = toys.batch(users_B, users_B, TRAIN)
    context = toys.context(toys.scorer(train=TRAIN), pairs, TRAIN)
    context = replace(context, positive_scores_B=POSITIVES[:1].expand(rows))
    log_q = LOG_Q[:1].expand(rows, -1)
    return ScoredPool(
        Pool(
            ITEMS[:1].expand(rows, -1),
            None if allowed is None else allowed[:1].expand(rows, -1),
            lambda: log_q,
        ),
        SCORES[:1].expand(rows, -1),
        context,
    )


def columns(allowed: Tensor | None, row: int) -> list[int]:
    """Return the slots of a row that may be chosen."""
    return [c for c in range(9) if allowed is None or allowed[row, c]]


def agrees(chosen: Chosen, row: int, expected: list[int]) -> None:
    """Check that a row uses these slots, alike; none where none is expected."""
    used = chosen.weights_BN[row] > 0
    assert chosen.slots.expand(200, -1)[row][used].tolist() == expected
    if expected:
        alike = torch.full((len(expected),), 1 / len(expected))
        torch.testing.assert_close(chosen.weights_BN[row][used], alike)


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("keep", [1, 3])
def test_hardest_agrees_with_a_plain_loop(
    allowed: torch.Tensor | None, keep: int
) -> None:
    chosen = Hardest(keep=keep).choose(scored(allowed), torch.Generator())
    for row in range(200):
        may = columns(allowed, row)
        best = sorted(may, key=lambda column: -float(SCORES[row, column]))[:keep]
        agrees(chosen, row, best)


def test_first_takes_the_first_slots_and_leaves_out_what_is_not_allowed() -> None:
    chosen = First(keep=4).choose(scored(ALLOWED), torch.Generator())
    assert chosen.slots.tolist() == [[0, 1, 2, 3]]
    counts = ALLOWED[:, :4].float()
    expected = counts / counts.sum(1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(chosen.weights_BN, expected)


def test_top_draws_each_of_the_best_alike() -> None:
    rows = 30_000
    chosen = Top(top=3, keep=1).choose(repeated(rows), torch.Generator().manual_seed(0))
    best = set(SCORES[0].topk(3).indices.tolist())
    share = chosen.slots[:, 0].bincount(minlength=9) / rows
    law = torch.tensor([1 / 3 if column in best else 0.0 for column in range(9)])
    assert within(share, law, rows)


def test_top_never_prefers_what_is_not_allowed() -> None:
    chosen = Top(top=5, keep=1).choose(
        scored(ALLOWED), torch.Generator().manual_seed(0)
    )
    drawn = ALLOWED.gather(1, chosen.slots)[:, 0]
    assert drawn[ALLOWED.any(1)].all()


@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_softmax_draws_with_the_softmax_of_the_scores(tau: float) -> None:
    rows = 30_000
    chosen = Softmax(tau=tau).choose(repeated(rows), torch.Generator().manual_seed(0))
    share = chosen.slots[:, 0].bincount(minlength=9) / rows
    assert within(share, torch.softmax(SCORES[0] / tau, 0), rows)


def test_softmax_draws_without_replacement() -> None:
    chosen = Softmax(keep=4).choose(scored(), torch.Generator().manual_seed(0))
    assert all(len(set(row)) == 4 for row in chosen.slots.tolist())


def loss(row: int, column: int) -> float:
    return math.log(1 + math.exp(float(SCORES[row, column] - POSITIVES[row])))


def softmax_v(row: int, may: list[int], rho: float) -> dict[int, float]:
    """The paper's weights by hand: softmax(l / tau), tau = sqrt(Var(l) / (2 rho))."""
    losses = [loss(row, c) for c in may]
    mean = sum(losses) / len(losses)
    variance = sum((each - mean) ** 2 for each in losses) / len(losses)
    tau = max(math.sqrt(variance / (2 * rho)), 1e-6)
    raw = [math.exp((each - max(losses)) / tau) for each in losses]
    return {c: each / sum(raw) for c, each in zip(may, raw, strict=True)}


def importance(row: int, may: list[int], tau: float) -> dict[int, float]:
    raw = [math.exp(float(SCORES[row, c]) / tau - float(LOG_Q[row, c])) for c in may]
    return {c: each / sum(raw) for c, each in zip(may, raw, strict=True)}


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("value", [0.2, 3.0])
def test_weights_over_the_whole_pool_are_those_of_the_papers(
    allowed: Tensor | None, value: float
) -> None:
    ours = SoftmaxV(rho=value, whole=True).choose(scored(allowed), torch.Generator())
    theirs = Importance(tau=value, whole=True).choose(
        scored(allowed), torch.Generator()
    )
    for row in range(200):
        may = columns(allowed, row)
        for chosen, law in ((ours, softmax_v), (theirs, importance)):
            expected = torch.zeros(9)
            for column, weight in (law(row, may, value) if may else {}).items():
                expected[column] = weight
            assert chosen.slots.tolist() == [list(range(9))]
            torch.testing.assert_close(
                chosen.weights_BN[row], expected, rtol=1e-3, atol=1e-5
            )


@pytest.mark.parametrize(
    ("choice", "law"),
    [(SoftmaxV(rho=0.5), softmax_v), (Importance(tau=0.5), importance)],
    ids=["softmax_v", "importance"],
)
def test_draws_from_the_pool_follow_the_same_weights(
    choice: Choice, law: object
) -> None:
    assert callable(law)
    rows, allowed = 30_000, torch.tensor([[True] * 7 + [False] * 2])
    chosen = choice.choose(repeated(rows, allowed), torch.Generator().manual_seed(0))
    share = chosen.slots[:, 0].bincount(minlength=9) / rows
    expected = torch.zeros(9)
    for column, weight in law(0, list(range(7)), 0.5).items():
        expected[column] = weight
    assert within(share, expected, rows)


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize(("alpha", "beta", "p"), [(1, 0.1, -2), (0.5, 0.4, -3)])
def test_adaptive_hardness_is_nearest_to_its_target(
    allowed: Tensor | None, alpha: float, beta: float, p: float
) -> None:
    choice = AdaptiveHardness(alpha=alpha, beta=beta, p=p, keep=2)
    chosen = choice.choose(scored(allowed), torch.Generator())
    for row in range(200):
        target = beta * max(float(POSITIVES[row]) + alpha, 0.1) ** (p + 1)
        may = columns(allowed, row)
        near = sorted(may, key=lambda c: abs(float(SCORES[row, c]) - target))
        agrees(chosen, row, near[:2])


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("epoch", [0, 3, 7, 9, 40])
@pytest.mark.parametrize("choice", [Shrinking(course=10), Growing(course=10)])
def test_a_curriculum_is_the_hardest_of_a_part_of_the_pool(
    choice: Shrinking | Growing, epoch: int, allowed: Tensor | None
) -> None:
    """max(1, floor((1 - t / T) M)) first columns as they shrink, of t / T as they grow;
    the rest only where none of the part is allowed."""
    done = min(epoch / 10, 1)
    share = 1 - done if isinstance(choice, Shrinking) else done
    width = max(1, math.floor(share * 9))
    chosen = choice.choose(scored(allowed, Moment(epoch, 50)), torch.Generator())
    for row in range(200):
        may = columns(allowed, row)
        part = [c for c in may if c < width] or may
        agrees(chosen, row, sorted(part, key=lambda c: -float(SCORES[row, c]))[:1])


def test_a_short_training_runs_the_whole_curriculum() -> None:
    """In the last of four passes a curriculum of ten is at three quarters."""
    ours = Shrinking(course=10).choose(scored(None, Moment(3, 4)), torch.Generator())
    assert (ours.slots < 2).all()


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize(("weight", "prior"), [(5.0, 1.0), (1.0, 0.3)])
def test_bayesian_has_the_least_risk(
    allowed: Tensor | None, weight: float, prior: float
) -> None:
    """The paper's risk by hand; F is the rank within the allowed pool."""
    choice = Bayesian(weight=weight, prior=prior)
    chosen = choice.choose(scored(allowed), torch.Generator())
    for row in range(200):
        may = columns(allowed, row)
        risks = {}
        for c in may:
            lower = sum(
                float(SCORES[row, other]) < float(SCORES[row, c]) for other in may
            )
            F = (lower + 0.5) / len(may)
            liked = min(prior * int(TRAIN.popularity_I[ITEMS[row, c]]) / 4, 0.99)
            true = (1 - F) * (1 - liked) / (1 - F - liked + 2 * F * liked)
            info = 1 - 1 / (1 + math.exp(float(SCORES[row, c] - POSITIVES[row])))
            risks[c] = (1 - true) * info - weight * true * info
        agrees(chosen, row, sorted(risks, key=lambda c: risks[c])[:1])


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("margin", [0.3, 2.0])
def test_the_first_violator_carries_the_weight_of_its_rank(
    allowed: Tensor | None, margin: float
) -> None:
    """Trials count allowed columns alone; ln(floor(unobserved / trials))."""
    chosen = FirstViolator(margin=margin).choose(scored(allowed), torch.Generator())
    for row in range(200):
        unobserved = 40 - len(TRAIN.items_of(row % 4))
        found = None
        for trials, c in enumerate(columns(allowed, row), start=1):
            if float(SCORES[row, c]) > float(POSITIVES[row]) - margin:
                found = c, math.log(max(1, unobserved // trials))
                break
        if found is None:
            assert float(chosen.weights_BN[row]) == 0
        else:
            assert int(chosen.slots[row]) == found[0]
            assert float(chosen.weights_BN[row]) == pytest.approx(found[1])


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("epoch", [0, 5, 80])
def test_high_variance_adds_the_spread_as_it_warms_up(
    allowed: Tensor | None, epoch: int
) -> None:
    choice = HighVariance(alpha=5, warmup=20)
    chosen = choice.choose(scored(allowed, Moment(epoch, 100)), torch.Generator())
    alpha = 5 * min(epoch / 20, 1)
    for row in range(200):
        value = {
            c: 1 / (1 + math.exp(float(POSITIVES[row] - SCORES[row, c])))
            + alpha * float(SPREAD[row, c])
            for c in columns(allowed, row)
        }
        agrees(chosen, row, sorted(value, key=lambda c: -value[c])[:1])


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("share", [0.0, 0.15, 0.5])
@pytest.mark.parametrize("choice", [Hardest(), First(), AdaptiveHardness()])
def test_a_guard_leaves_the_top_of_the_pool_out_of_any_choice(
    choice: Choice, share: float, allowed: Tensor | None
) -> None:
    """As if the best-scored share of what is allowed were not allowed."""
    guarded = scored(allowed).without_top(share)
    kept = torch.zeros(200, 9, dtype=torch.bool)
    for row in range(200):
        may = sorted(columns(allowed, row), key=lambda c: -float(SCORES[row, c]))
        kept[row, may[int(share * len(may)) :]] = True
    found = choice.choose(guarded, torch.Generator())
    expected = choice.choose(scored(kept), torch.Generator())
    assert torch.equal(found.weights_BN > 0, expected.weights_BN > 0)
    used = found.weights_BN > 0
    ours, theirs = (each.slots.expand(used.shape)[used] for each in (found, expected))
    assert torch.equal(ours, theirs)


def test_every_choice_is_tested_here() -> None:
    tested: set[type[Choice]] = {First, Hardest, Top, Softmax, SoftmaxV, Importance}
    tested |= {AdaptiveHardness, Shrinking, Growing, Bayesian, FirstViolator}
    assert tested | {HighVariance} == set(CHOICES)
