"""Each loss against an independent formula, and against gradcheck."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from autosample.losses import (
    BPR,
    BSL,
    CCL,
    GBCE,
    LOSSES,
    PSL,
    SL,
    BPRMax,
    FullSoftmax,
    Hinge,
    InfoNCE,
    KPair,
    Logistic,
    Loss,
    SampledSoftmax,
    Scored,
    SLAtK,
)
from autosample.samplers import Observed
from autosample.samplers.proposals import (
    InBatchProposal,
    MixedProposal,
    PopularityProposal,
    ProposalConfig,
    UniformProposal,
)
from autosample.testing import toys
from autosample.testing.losses import LossContract

RNG = torch.Generator().manual_seed(0)

exp, log = math.exp, math.log


def draw(*shape: int) -> torch.Tensor:
    """Draw cosines: every loss takes them, and none is at a kink."""
    uniform = torch.rand(*shape, generator=RNG, dtype=torch.double)
    return 2 * uniform - 1


def weights(rows: int, columns: int) -> torch.Tensor:
    return torch.softmax(draw(rows, columns), 1)


Formula = Callable[[float, list[float], list[float]], float]
"""From a positive's score and negatives' scores and weights: one pair's loss, written
as its paper has it; with equal weights, sum_j is N times the weighted mean."""

FORMULAS: list[tuple[Loss, Formula]] = [
    (
        BPR(),
        lambda i, js, ws: sum(
            -w * log(1 / (1 + exp(j - i))) for j, w in zip(js, ws, strict=True)
        ),
    ),
    (
        KPair(),
        lambda i, js, ws: log(
            1 + sum(len(js) * w * exp(j - i) for j, w in zip(js, ws, strict=True))
        ),
    ),
    (
        Logistic(),
        lambda i, js, ws: (
            -log(1 / (1 + exp(-i)))
            + sum(-w * log(1 - 1 / (1 + exp(-j))) for j, w in zip(js, ws, strict=True))
        ),
    ),
    (
        Hinge(margin=0.3),
        lambda i, js, ws: sum(
            w * max(0.0, 0.3 - i + j) for j, w in zip(js, ws, strict=True)
        ),
    ),
    (
        SampledSoftmax(temperature=0.3),
        lambda i, js, ws: (
            -log(
                exp(i / 0.3)
                / (
                    exp(i / 0.3)
                    + sum(
                        len(js) * w * exp(j / 0.3) for j, w in zip(js, ws, strict=True)
                    )
                )
            )
        ),
    ),
    (
        InfoNCE(temperature=0.2),
        lambda i, js, ws: (
            -i / 0.2
            + log(
                exp(i / 0.2)
                + sum(len(js) * w * exp(j / 0.2) for j, w in zip(js, ws, strict=True))
            )
        ),
    ),
    (
        SL(temperature=0.2),
        lambda i, js, ws: (
            -i / 0.2
            + log(sum(len(js) * w * exp(j / 0.2) for j, w in zip(js, ws, strict=True)))
        ),
    ),
    (
        BSL(temperature=0.2, power=1.3),
        lambda i, js, ws: (
            -i / 0.2
            + 1.3
            * log(sum(len(js) * w * exp(j / 0.2) for j, w in zip(js, ws, strict=True)))
        ),
    ),
    (
        CCL(margin=0.1, negative_weight=7),
        lambda i, js, ws: (
            max(0.0, 1 - i)
            + 7 * sum(w * max(0.0, j - 0.1) for j, w in zip(js, ws, strict=True))
        ),
    ),
    (
        PSL(temperature=0.25),
        lambda i, js, ws: log(
            sum(
                len(js) * w * max(0.0, 1 + (j - i) / 2) ** 4
                for j, w in zip(js, ws, strict=True)
            )
        ),
    ),
    (
        PSL(temperature=0.25, surrogate="tanh"),
        lambda i, js, ws: log(
            sum(
                len(js) * w * (1 + math.tanh((j - i) / 2)) ** 4
                for j, w in zip(js, ws, strict=True)
            )
        ),
    ),
    (
        SLAtK(temperature=0.2, weight_temperature=0.5),
        lambda i, js, ws: (
            1
            / (1 + exp(-i / 0.5))
            * log(
                sum(
                    len(js) * w * exp((j - i) / 0.2)
                    for j, w in zip(js, ws, strict=True)
                )
            )
        ),
    ),
    (
        Logistic(negative_weight=0.3),
        lambda i, js, ws: (
            log(1 + exp(-i))
            + 0.3 * sum(w * log(1 + exp(j)) for j, w in zip(js, ws, strict=True))
        ),
    ),
    (
        GBCE(),
        lambda i, js, ws: (
            (
                log(1 + exp(-i))
                + sum(
                    len(js) * w * log(1 + exp(j)) for j, w in zip(js, ws, strict=True)
                )
            )
            / (len(js) + 1)
        ),
    ),
    (
        BPRMax(regularization=0.7),
        lambda i, js, ws: (
            -log(
                sum(w * exp(j) / (1 + exp(j - i)) for j, w in zip(js, ws, strict=True))
                / sum(w * exp(j) for j, w in zip(js, ws, strict=True))
            )
            + 0.7
            * sum(w * exp(j) * j**2 for j, w in zip(js, ws, strict=True))
            / sum(w * exp(j) for j, w in zip(js, ws, strict=True))
        ),
    ),
]
EVERY = [loss for loss, _ in FORMULAS]


def name(value: object) -> str:
    return value.label if isinstance(value, Loss) else "formula"


@pytest.mark.parametrize(("loss", "formula"), FORMULAS, ids=name)
def test_it_is_its_papers_formula(loss: Loss, formula: Formula) -> None:
    positive, negative, w = draw(6), draw(6, 4), weights(6, 4)
    expected = [
        formula(float(positive[b]), negative[b].tolist(), w[b].tolist())
        for b in range(6)
    ]
    found = loss(positive, Scored(negative, w))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))


def test_sampled_softmax_is_torchs_cross_entropy() -> None:
    positive, negative = draw(6), draw(6, 4)
    logits = torch.cat([positive[:, None], negative], 1) / 0.3
    target = torch.zeros(6, dtype=torch.long)
    expected = torch.nn.functional.cross_entropy(logits, target, reduction="none")
    equal = torch.full((6, 4), 0.25, dtype=torch.double)
    found = SampledSoftmax(temperature=0.3)(positive, Scored(negative, equal))
    torch.testing.assert_close(found, expected)


def test_one_pair_of_k_pair_is_bpr() -> None:
    positive, part = draw(6), Scored(draw(6, 1), torch.ones(6, 1).double())
    torch.testing.assert_close(KPair()(positive, part), BPR()(positive, part))


def equal(*scores: float) -> Scored:
    """Return the negatives of one pair, all of equal weight."""
    negative = torch.tensor([scores], dtype=torch.double)
    return Scored(negative, torch.full_like(negative, 1 / len(scores)))


TWO = torch.tensor([2.0], dtype=torch.double)


def test_gbce_of_a_known_catalogue_is_the_papers_number() -> None:
    """Computed from the formula of the paper with beta = .475."""
    loss = GBCE(calibration=0.75).build(SimpleNamespace(num_items=11), RNG)
    found = loss.mix(TWO, [equal(1.0, 0.0, -1.0)], torch.ones(1).double())
    assert found.item() == pytest.approx(0.594990, abs=1e-6)


def test_gbces_beta_is_the_papers_for_movielens() -> None:
    """3,416 items and 256 negatives: beta = .306223, which is what the positive's part
    has beside binary cross entropy."""
    items, drawn = SimpleNamespace(num_items=3416), equal(*[0.0] * 256)
    one = torch.ones(1).double()
    whole, part, none = (
        loss.mix(TWO, [drawn], one).item()
        for loss in (
            GBCE(calibration=0).build(items, RNG),
            GBCE(calibration=0.75).build(items, RNG),
            GBCE(calibration=1).build(SimpleNamespace(num_items=10**9), RNG),
        )
    )
    assert (part - none) / (whole - none) == pytest.approx(0.306223, abs=1e-5)


@pytest.mark.parametrize(("elu", "expected"), [(0.0, 1.531087), (0.5, 1.430196)])
def test_bpr_max_is_that_of_the_official_code(elu: float, expected: float) -> None:
    loss = BPRMax(regularization=1.95, elu=elu)
    found = loss(TWO, equal(1.0, 0.5, -0.5))
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_dropped_columns_of_the_study_are_a_weight_of_the_kept_ones() -> None:
    """The code of the study of six samplers sets scores to zero beyond the best k of C
    columns, which adds a constant: the k weigh k / C."""
    kept = equal(2.0, 1.0)
    found = Logistic(negative_weight=2 / 5)(torch.ones(1).double(), kept)
    constant = 3 / 5 * log(2)
    assert found.item() + constant == pytest.approx(1.417188, abs=1e-6)


@pytest.mark.parametrize("most", [1 << 26, 4 * 5 * 3])
def test_full_softmax_is_torchs_cross_entropy_in_blocks_too(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autosample.losses.full.MOST_BYTES", most)
    rows, items = (draw(*shape).requires_grad_() for shape in ((7, 3), (5, 3)))
    target = torch.tensor([0, 4, 2, 2, 1, 3, 0])
    expected = torch.nn.functional.cross_entropy(
        rows @ items.T / 0.3, target, reduction="none"
    )
    positive = (rows * items[target]).sum(1)
    found = FullSoftmax(temperature=0.3).of_all(positive, rows, items)
    torch.testing.assert_close(found, expected)
    weight = draw(7)
    for ours, theirs in zip(
        torch.autograd.grad((found * weight).sum(), [rows, items]),
        torch.autograd.grad((expected * weight).sum(), [rows, items]),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


for _loss in [*EVERY, FullSoftmax(), SampledSoftmax(log_q=True)]:
    _name = f"Test_{_loss.label}"
    _said = {"loss": _loss, "pulls_every_positive": not isinstance(_loss, SLAtK)}
    _said["pushes_every_negative"] = not isinstance(_loss, BPRMax)
    globals()[_name] = type(_name, (LossContract,), _said)


@pytest.mark.parametrize("loss", EVERY, ids=name)
def test_a_pair_without_allowed_negatives_has_no_gradient(loss: Loss) -> None:
    """None at all; but a loss of positives by themselves keeps that part."""
    positive, negative = draw(2).requires_grad_(), draw(2, 3).requires_grad_()
    none = torch.zeros(2, 3, dtype=torch.double)
    value_B = loss(positive, Scored(negative, none))
    value_B.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(value_B).all()
    assert negative.grad is not None
    assert negative.grad.abs().max() < 1e-100
    if not isinstance(loss, Logistic | CCL | GBCE):
        assert positive.grad is not None
        assert positive.grad.abs().max() < 1e-100


def test_the_sum_with_log_q_is_over_the_items_whatever_the_law() -> None:
    """By hand: three draws stand for sum_j e^s_j by the mean of e^s_j / q_j."""
    loss = SampledSoftmax(temperature=0.5, log_q=True)
    scores, q = [0.2, -0.4, 0.9], [0.5, 0.3, 0.05]
    total = sum(exp(s / 0.5) / p for s, p in zip(scores, q, strict=True)) / 3
    expected = -log(exp(0.1 / 0.5) / (exp(0.1 / 0.5) + total))
    part = Scored(
        torch.tensor([scores], dtype=torch.double),
        torch.full((1, 3), 1 / 3, dtype=torch.double),
        torch.tensor([q], dtype=torch.double).log(),
    )
    found = loss(torch.tensor([0.1], dtype=torch.double), part)
    assert float(found) == pytest.approx(expected)


@pytest.mark.parametrize(
    "proposal",
    [
        UniformProposal(),
        UniformProposal(shared=True),
        PopularityProposal(alpha=0.5),
        InBatchProposal(),
        MixedProposal(uniform=0.3),
    ],
    ids=lambda config: config.label,
)
def test_log_q_makes_the_sum_unbiased(proposal: ProposalConfig) -> None:
    """Over many draws the mean of w_j e^s_j / q_j meets the sum over all unobserved
    items, within 5 sigmas; every item was observed by someone, so all laws reach it."""
    batch, scorer = toys.pairs(), toys.scorer(width=2)
    context = toys.context(scorer, batch)
    built = proposal.build(Observed(toys.TRAIN))
    rng = torch.Generator().manual_seed(3)
    estimates = []
    for _ in range(3000):
        pool = built.draw(context, 4, rng)
        log_q = pool.log_q
        assert log_q is not None
        allowed = torch.ones(6, 4) if pool.allowed is None else pool.allowed.double()
        count_B1 = allowed.sum(1, keepdim=True)
        terms = (context.score(pool.items) - log_q).exp() * allowed / count_B1
        estimates.append(terms.sum(1))
    estimates_XB = torch.stack(estimates)
    scores_BI = context.rows_BD @ scorer.all_items().detach().T
    users = batch.queries.users_B
    mine_BI = torch.from_numpy(
        toys.TRAIN.contains(users.numpy(), torch.arange(6).expand(6, -1).numpy())
    )
    exact_B = scores_BI.exp().masked_fill(mine_BI, 0).sum(1)
    for b in range(6):
        found = estimates_XB[:, b]
        found = found[~found.isnan()]  # a draw in which nothing was allowed
        sigma = found.std() / len(found) ** 0.5
        assert abs(found.mean() - exact_B[b]) <= 5 * sigma + 1e-9


def test_every_loss_is_tested_here() -> None:
    assert {FullSoftmax, *(type(loss) for loss in EVERY)} == set(LOSSES.all)
