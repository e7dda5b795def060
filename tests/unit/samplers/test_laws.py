"""Empirical frequencies against exact laws; tolerances in sigmas."""

import numpy as np
import pytest
import torch

from autosample.data.interactions import Interactions
from autosample.data.synthetic import Synthetic
from autosample.errors import DataError
from autosample.samplers import Observed
from autosample.samplers.choices import First, Hardest, Softmax, Top
from autosample.samplers.pool import Pool, ScoredPool
from autosample.samplers.proposals import (
    InBatchProposal,
    PopularityProposal,
    ProposalConfig,
    UniformProposal,
)
from autosample.testing import toys
from autosample.types import Pairs, Queries

DRAWS = 40_000
SIGMAS = 5.0  # a false alarm in 1.7 million checks


def within(share: torch.Tensor, law: torch.Tensor, draws: int) -> bool:
    """Tell whether every frequency lies within its sigmas of the law."""
    sigma = (law * (1 - law) / draws).sqrt()
    return bool(((share - law).abs() <= SIGMAS * sigma + 1e-12).all())


def frequencies(config: ProposalConfig, user: int) -> tuple[torch.Tensor, Pool]:
    batch = Pairs(Queries(torch.tensor([user])), torch.tensor([0]))
    proposal = config.build(Observed(toys.TRAIN))
    context = toys.context(toys.scorer(), batch)
    pool = proposal.draw(context, DRAWS, torch.Generator().manual_seed(1))
    return pool.items[0].bincount(minlength=6) / DRAWS, pool


@pytest.mark.parametrize("user", range(4))
def test_uniform_draws_every_unobserved_item_alike(user: int) -> None:
    share, pool = frequencies(UniformProposal(), user)
    law = torch.ones(6)
    law[torch.from_numpy(toys.TRAIN.items_of(user).astype(np.int64))] = 0
    law /= law.sum()
    assert within(share, law, DRAWS)
    assert pool.log_q is not None
    torch.testing.assert_close(pool.log_q[0].exp(), law[pool.items[0]])


SKEWED = Interactions.from_pairs(
    np.array([0, 1, 2, 3, 4, 0, 1, 2, 0, 4]),
    np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 3]),
    num_users=5,
    num_items=6,
)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("user", [1, 3, 4])
def test_popularity_draws_by_training_pairs_to_the_power(
    alpha: float, user: int
) -> None:
    """The law is written out from the counts 5, 3, 1, 1, 0, 0."""
    law = torch.tensor([5.0, 3, 1, 1, 0, 0]) ** alpha
    law[torch.from_numpy(SKEWED.items_of(user).astype(np.int64))] = 0
    law /= law.sum()
    proposal = PopularityProposal(alpha=alpha).build(Observed(SKEWED))
    batch = Pairs(Queries(torch.tensor([user])), torch.tensor([0]))
    context = toys.context(
        toys.LayeredScorer(torch.ones(5, 2), torch.ones(1, 6, 2)), batch
    )
    pool = proposal.draw(context, DRAWS, torch.Generator().manual_seed(2))
    share = pool.items[0].bincount(minlength=6) / DRAWS
    assert within(share, law, DRAWS)
    assert pool.log_q is not None
    torch.testing.assert_close(
        pool.log_q[0].exp(), law[pool.items[0]], rtol=1e-5, atol=1e-6
    )


def test_in_batch_columns_are_a_random_part_of_the_batch() -> None:
    """Over many draws each of six positives is a column as often as any other."""
    batch = toys.pairs()
    proposal = InBatchProposal().build(Observed(toys.TRAIN))
    context, rng = toys.context(toys.scorer(), batch), torch.Generator().manual_seed(0)
    counts = torch.zeros(6)
    for _ in range(2000):
        pool = proposal.draw(context, 2, rng)
        assert pool.items.shape == (1, 2)
        assert pool.items[0, 0] != pool.items[0, 1]
        counts += pool.items[0].bincount(minlength=6)
    assert within(counts / 2000, torch.full((6,), 1 / 3), 2000)


def test_in_batch_marks_what_the_rows_user_has() -> None:
    batch = toys.pairs()
    proposal = InBatchProposal().build(Observed(toys.TRAIN))
    context = toys.context(toys.scorer(), batch)
    pool = proposal.draw(context, 6, torch.Generator().manual_seed(0))
    assert pool.allowed is not None
    seen = toys.TRAIN.contains(
        batch.queries.users_B.numpy(), pool.items.expand(6, -1).numpy()
    )
    assert torch.equal(pool.allowed, ~torch.from_numpy(seen))


def test_a_user_of_nearly_everything_still_gets_the_one_item_left() -> None:
    train = Interactions.from_pairs(
        np.zeros(4999, np.int64), np.arange(4999), num_users=2, num_items=5000
    )
    batch = Pairs(Queries(torch.tensor([0])), torch.tensor([0]))
    scorer = toys.LayeredScorer(torch.ones(2, 2), torch.ones(1, 5000, 2))
    for config in (UniformProposal(), PopularityProposal(alpha=1.0)):
        pool = config.build(Observed(train)).draw(
            toys.context(scorer, batch), 3, torch.Generator().manual_seed(0)
        )
        assert pool.items.tolist() == [[4999] * 3]


def test_a_user_of_everything_is_named() -> None:
    train = Interactions.from_pairs(
        np.zeros(5, np.int64), np.arange(5), num_users=2, num_items=5
    )
    batch = Pairs(Queries(torch.tensor([0])), torch.tensor([0]))
    scorer = toys.LayeredScorer(torch.ones(2, 2), torch.ones(1, 5, 2))
    with pytest.raises(DataError, match="row 0 has no item left"):
        UniformProposal().build(Observed(train)).draw(
            toys.context(scorer, batch), 1, torch.Generator().manual_seed(0)
        )


def test_membership_is_exact_on_every_pair_of_a_data_set() -> None:
    train = Synthetic(users=150, items=90).build().dataset.train
    users = torch.arange(train.num_users)
    items = torch.arange(train.num_items).expand(train.num_users, -1)
    expected = train.contains(users.numpy(), items.numpy())
    found = Observed(train).contains(users, items)
    assert torch.equal(found, torch.from_numpy(expected))
    shared = Observed(train).contains(users, items[:1])
    assert torch.equal(shared, found)


SCORES = torch.randn(200, 9, generator=torch.Generator().manual_seed(4))
ALLOWED = torch.rand(200, 9, generator=torch.Generator().manual_seed(5)) < 0.7


def scored(allowed: torch.Tensor | None = None) -> ScoredPool:
    return ScoredPool((200, 9), allowed, SCORES, torch.device("cpu"))


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("keep", [1, 3])
def test_hardest_agrees_with_a_plain_loop(
    allowed: torch.Tensor | None, keep: int
) -> None:
    chosen = Hardest(keep=keep).choose(scored(allowed), torch.Generator())
    for row in range(200):
        may = [c for c in range(9) if allowed is None or allowed[row, c]]
        best = sorted(may, key=lambda column: -float(SCORES[row, column]))[:keep]
        used = chosen.weights_BN[row] > 0
        assert chosen.slots_BN[row][used].tolist() == best
        if best:
            torch.testing.assert_close(
                chosen.weights_BN[row][used], torch.full((len(best),), 1 / len(best))
            )


def test_first_takes_the_first_slots_and_leaves_out_what_is_not_allowed() -> None:
    chosen = First(keep=4).choose(scored(ALLOWED), torch.Generator())
    assert chosen.slots_BN.tolist() == [[0, 1, 2, 3]] * 200
    counts = ALLOWED[:, :4].float()
    expected = counts / counts.sum(1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(chosen.weights_BN, expected)


def test_top_draws_each_of_the_best_alike() -> None:
    rows = 30_000
    pool = ScoredPool((rows, 9), None, SCORES[:1].expand(rows, -1), torch.device("cpu"))
    chosen = Top(top=3, keep=1).choose(pool, torch.Generator().manual_seed(0))
    best = set(SCORES[0].topk(3).indices.tolist())
    share = chosen.slots_BN[:, 0].bincount(minlength=9) / rows
    law = torch.tensor([1 / 3 if column in best else 0.0 for column in range(9)])
    assert within(share, law, rows)


def test_top_never_prefers_what_is_not_allowed() -> None:
    chosen = Top(top=5, keep=1).choose(
        scored(ALLOWED), torch.Generator().manual_seed(0)
    )
    drawn = ALLOWED.gather(1, chosen.slots_BN)[:, 0]
    assert drawn[ALLOWED.any(1)].all()


@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_softmax_draws_with_the_softmax_of_the_scores(tau: float) -> None:
    rows = 30_000
    pool = ScoredPool((rows, 9), None, SCORES[:1].expand(rows, -1), torch.device("cpu"))
    chosen = Softmax(tau=tau).choose(pool, torch.Generator().manual_seed(0))
    share = chosen.slots_BN[:, 0].bincount(minlength=9) / rows
    assert within(share, torch.softmax(SCORES[0] / tau, 0), rows)


def test_softmax_draws_without_replacement() -> None:
    chosen = Softmax(keep=4).choose(scored(), torch.Generator().manual_seed(0))
    assert all(len(set(row)) == 4 for row in chosen.slots_BN.tolist())
