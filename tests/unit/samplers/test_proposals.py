"""Every proposal's empirical frequencies against its exact law, in sigmas."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from autosample.data.interactions import Interactions
from autosample.data.synthetic import Synthetic
from autosample.errors import DataError
from autosample.samplers import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals import (
    PROPOSALS,
    CohortProposal,
    InBatchProposal,
    MixedProposal,
    PageRankProposal,
    PerSequenceProposal,
    PopularityProposal,
    Prepared,
    ProposalConfig,
    RankProposal,
    ResampledProposal,
    UniformProposal,
    VarianceProposal,
)
from autosample.samplers.proposals.memory import mean_positive_scores
from autosample.samplers.proposals.pagerank import pagerank
from autosample.samplers.proposals.rank import Ranks
from autosample.samplers.proposals.resampled import Resampled
from autosample.samplers.proposals.variance import DECAY, Variance
from autosample.testing import toys

DRAWS = 40_000
SIGMAS = 5.0  # a false alarm in 1.7 million checks


@pytest.fixture(autouse=True, params=["kernels", "as on a GPU"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Draw by kernels, and by the operations that a GPU would run."""
    if request.param != "kernels":
        monkeypatch.setattr(Observed, "kernels", False)
    return str(request.param)


def within(share: torch.Tensor, law: torch.Tensor, draws: int) -> bool:
    """Tell whether every frequency lies within its sigmas of the law."""
    sigma = (law * (1 - law) / draws).sqrt()
    return bool(((share - law).abs() <= SIGMAS * sigma + 1e-12).all())


def allowed(pool: Pool) -> Tensor:
    """Return the items of the first row that may be drawn."""
    return pool.items[0] if pool.allowed is None else pool.items[0][pool.allowed[0]]


def frequencies(config: ProposalConfig, user: int) -> tuple[torch.Tensor, Pool]:
    batch = toys.batch(torch.tensor([user]), torch.tensor([0]))
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


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("user", [1, 3, 4])
def test_popularity_draws_by_training_pairs_to_the_power(
    alpha: float, user: int
) -> None:
    """The law is written out from the counts 5, 3, 1, 1, 0, 0."""
    law = torch.tensor([5.0**alpha, 3**alpha, 1, 1, 0, 0])
    law[torch.from_numpy(SKEWED.items_of(user).astype(np.int64))] = 0
    law /= law.sum()
    proposal = PopularityProposal(alpha=alpha).build(Observed(SKEWED))
    batch = toys.batch(torch.tensor([user]), torch.tensor([0]), SKEWED)
    context = toys.context(toys.scorer(train=SKEWED), batch, SKEWED)
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
    batch = toys.batch(torch.tensor([0]), torch.tensor([0]), train)
    scorer = toys.LayeredScorer(torch.ones(2, 2), torch.ones(1, 5000, 2))
    for config in (UniformProposal(), PopularityProposal(alpha=1.0)):
        pool = config.build(Observed(train)).draw(
            toys.context(scorer, batch, train), 3, torch.Generator().manual_seed(0)
        )
        assert pool.items.tolist() == [[4999] * 3]


def test_a_user_of_everything_is_named() -> None:
    train = Interactions.from_pairs(
        np.zeros(5, np.int64), np.arange(5), num_users=2, num_items=5
    )
    batch = toys.batch(torch.tensor([0]), torch.tensor([0]), train)
    scorer = toys.LayeredScorer(torch.ones(2, 2), torch.ones(1, 5, 2))
    with pytest.raises(DataError, match="row 0 has no item left"):
        UniformProposal().build(Observed(train)).draw(
            toys.context(scorer, batch, train), 1, torch.Generator().manual_seed(0)
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


def test_membership_of_shared_columns_is_exact_with_repeats() -> None:
    train = Synthetic(users=150, items=90).build().dataset.train
    users = torch.arange(train.num_users).repeat(2)
    columns = torch.randint(90, (40,), generator=torch.Generator().manual_seed(0))
    expected = train.contains(users.numpy(), columns.expand(300, -1).numpy())
    found = Observed(train).contains_shared(users, columns)
    assert torch.equal(found, torch.from_numpy(expected))


def checked(
    config: ProposalConfig, law_I: Tensor, user: int, positive: int, tries: int = 1
) -> None:
    """Draw for one pair of SKEWED and compare frequencies and log q with a law."""
    proposal = config.build(Observed(SKEWED))
    batch = toys.batch(torch.tensor([user]), torch.tensor([positive]), SKEWED)
    context = toys.context(toys.scorer(train=SKEWED), batch, SKEWED)
    rng = torch.Generator().manual_seed(11)
    if isinstance(proposal, Prepared):
        proposal.prepare(context.scorer, rng)
    pool = proposal.draw(context, DRAWS, rng)
    drawn = allowed(pool)
    assert within(drawn.bincount(minlength=6) / len(drawn), law_I, len(drawn))
    if config.knows_log_q:
        assert pool.log_q is not None
        told = replace(pool, items=pool.log_q)
        torch.testing.assert_close(
            allowed(told).exp().double(), law_I.double()[drawn], rtol=1e-4, atol=1e-6
        )


def unobserved(law_I: Tensor, user: int) -> Tensor:
    """Return a law given that the user has not observed the item."""
    left_I = law_I.double().clone()
    left_I[torch.from_numpy(SKEWED.items_of(user).astype(np.int64))] = 0
    return left_I / left_I.sum()


COUNTS = torch.tensor([5.0, 3, 1, 1, 0, 0])


@pytest.mark.parametrize("user", [1, 3, 4])
def test_shared_uniform_columns_are_uniform_where_they_are_allowed(user: int) -> None:
    config = UniformProposal(shared=True)
    checked(config, unobserved(torch.ones(6), user), user, 0)


def test_mixed_columns_are_uniform_and_from_the_batch_by_their_shares() -> None:
    """A batch of one pair of item 1, half uniform: p(1) = 1/2 + 1/12."""
    proposal = MixedProposal(uniform=0.5).build(Observed(SKEWED))
    batch = toys.batch(torch.tensor([3]), torch.tensor([1]), SKEWED)
    context = toys.context(toys.scorer(train=SKEWED), batch, SKEWED)
    rng = torch.Generator().manual_seed(0)
    items = proposal.draw(context, DRAWS, rng).items[0]
    law = torch.full((6,), 1 / 12).scatter_(0, torch.tensor([1]), 7 / 12)
    assert within(items.bincount(minlength=6) / DRAWS, law, DRAWS)


@pytest.mark.parametrize("user", [1, 3, 4])
def test_mixed_and_in_batch_know_the_law_of_a_whole_data_set(user: int) -> None:
    """Over a batch of all pairs, repeated, columns follow popularity."""
    users_E = torch.from_numpy(SKEWED.users_E.copy())
    items_E = torch.from_numpy(SKEWED.items_E.astype(np.int64))
    for share in (0.0, 0.4):
        config = MixedProposal(uniform=share) if share else InBatchProposal()
        law = unobserved((1 - share) * COUNTS / 10 + share / 6, user)
        batch = toys.batch(users_E.repeat(4000), items_E.repeat(4000), SKEWED)
        context = toys.context(toys.scorer(train=SKEWED), batch, SKEWED)
        context = context.part(torch.arange(len(users_E))[users_E == user][:1])
        proposal = config.build(Observed(SKEWED))
        rng = torch.Generator().manual_seed(5)
        pool = proposal.draw(context, DRAWS, rng)
        assert pool.allowed is not None
        assert pool.log_q is not None
        drawn = pool.items[0][pool.allowed[0]]
        assert within(drawn.bincount(minlength=6) / len(drawn), law, len(drawn))
        told = pool.log_q[0][pool.allowed[0]].exp().double()
        torch.testing.assert_close(told, law[drawn], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("user", "positive"), [(3, 0), (1, 1), (4, 3)])
def test_cohorts_favour_the_positives_own(user: int, positive: int) -> None:
    """Ascending counts 0, 0, 1, 1, 3, 5 of ten pairs: with two cohorts of five pairs
    the head is item 0 alone; the other five items are the tail."""
    own, other = 0.7, 0.3
    head, tail = (own, other) if positive == 0 else (other, own)
    law = torch.full((6,), tail / 5)
    law[0] = head
    config = CohortProposal(cohorts=2, same=0.7)
    checked(config, unobserved(law, user), user, positive)


def test_cohorts_of_equally_popular_items_hold_as_many_each() -> None:
    """Every item was observed once, so halves hold three items; user 0 has two of the
    first and the positive is one of them: what is left of it has half of what the
    first half had, 1/6, against 1/6 for each of the others."""
    proposal = CohortProposal(cohorts=2, same=0.5).build(Observed(toys.TRAIN))
    context = toys.context(toys.scorer(), toys.pairs())
    pool = proposal.draw(context, DRAWS, torch.Generator().manual_seed(0))
    law = torch.tensor([0, 0, 1, 1, 1, 1]) / 4
    drawn = allowed(pool)
    assert within(drawn.bincount(minlength=6) / len(drawn), law, len(drawn))


def ranks_law(row_D: Tensor, items_ID: Tensor, scale: float) -> Tensor:
    """AOBPR's law from its paper, by loops: sum over factors of |u_f| sigma_f times a
    geometric law of the item's rank, from below where u_f is negative."""
    num_items, width = items_ID.shape
    law = torch.zeros(num_items, dtype=torch.double)
    factor = torch.tensor(
        [
            abs(float(row_D[f])) * float(items_ID[:, f].std(correction=0))
            for f in range(width)
        ]
    ).double()
    factor /= factor.sum()
    rank = torch.tensor([np.exp(-r / (scale * num_items)) for r in range(num_items)])
    rank /= rank.sum()
    for f in range(width):
        order = sorted(range(num_items), key=lambda i: -float(items_ID[i, f]))
        if row_D[f] < 0:
            order.reverse()
        for r, item in enumerate(order):
            law[item] += factor[f] * rank[r]
    return law


@pytest.mark.parametrize("scale", [0.2, 3.0])
@pytest.mark.parametrize("user", [1, 3, 4])
def test_ranks_follow_factors_that_matter_to_the_user(user: int, scale: float) -> None:
    scorer = toys.scorer(train=SKEWED)
    law = ranks_law(scorer.users_UD[user].detach(), scorer.all_items().detach(), scale)
    checked(RankProposal(scale=scale), unobserved(law, user), user, 0)
    built = RankProposal(scale=scale).build(Observed(SKEWED))
    assert isinstance(built, Ranks)
    built.prepare(scorer, torch.Generator())
    torch.testing.assert_close(built.item_law(scorer.users_UD[user].detach()), law)


def test_pagerank_is_the_walk_between_items_and_users() -> None:
    """Against dense powers of the transition matrix, written out."""
    train = Synthetic(users=40, items=25, seed=2).build().dataset.train
    seen = np.zeros((train.num_users, train.num_items))
    seen[train.users_E, train.items_E] = 1
    from_item = seen / np.maximum(seen.sum(0, keepdims=True), 1)  # (U, I)
    from_user = (seen / np.maximum(seen.sum(1, keepdims=True), 1)).T  # (I, U)
    walk = from_user @ from_item  # (I, I), columns are laws
    exact = 2 * np.eye(train.num_items)
    step = np.eye(train.num_items)
    for hop in (1, 2, 3):
        step = walk @ step
        exact += 0.85**hop * step
    found = pagerank(Observed(train), torch.arange(train.num_items))
    np.testing.assert_allclose(found.T.numpy(), exact, atol=1e-5)


def test_a_window_draws_its_ranks_alike() -> None:
    train = Synthetic(users=40, items=25, seed=2).build().dataset.train
    observed = Observed(train)
    config = PageRankProposal(start=0.2, stop=0.8)
    user = int(train.users_E[0])
    positive = int(train.items_of(user)[0])
    batch = toys.batch(torch.tensor([user]), torch.tensor([positive]), train)
    context = toys.context(toys.scorer(train=train), batch, train)
    pool = config.build(observed).draw(context, DRAWS, torch.Generator().manual_seed(0))
    order = pagerank(observed, torch.tensor([positive]))[0].argsort(descending=True)
    count = train.num_items
    law = torch.zeros(count)
    law[order[int(0.2 * count) : int(0.8 * count)]] = 1
    law[torch.from_numpy(train.items_of(user).astype(np.int64))] = 0
    law /= law.sum()
    drawn = allowed(pool)
    assert len(drawn) > 0.999 * DRAWS
    assert within(drawn.bincount(minlength=count) / len(drawn), law, len(drawn))
    assert pool.log_q is not None
    torch.testing.assert_close(pool.log_q[0][:1].exp(), law[drawn[:1]])


@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_resampled_items_follow_the_softmax_of_their_scores(tau: float) -> None:
    """With many draws the resampled law is softmax(score / tau) over unobserved items;
    its bias falls with the draws and is within 5 sigmas of the kept ones."""
    config = ResampledProposal(draws=4000, memory=4000, tau=tau)
    built = config.build(Observed(SKEWED))
    scorer = toys.scorer(train=SKEWED)
    assert isinstance(built, Resampled)
    built.prepare(scorer, torch.Generator().manual_seed(1))
    assert built.items_US is not None
    for user in (1, 3, 4):
        scores = scorer.all_items().detach() @ scorer.users_UD[user].detach()
        law = unobserved(torch.softmax(scores / tau, 0), user)
        share = built.items_US[user].bincount(minlength=6) / 4000
        # Draws and resampling both vary: twice the variance.
        assert within(share, law, 2000)


def test_half_of_the_resampled_items_give_way_before_each_pass() -> None:
    built = ResampledProposal(draws=50, memory=2000).build(Observed(SKEWED))
    assert isinstance(built, Resampled)
    rng = torch.Generator().manual_seed(1)
    built.prepare(toys.scorer(train=SKEWED), rng)
    assert built.items_US is not None
    built.items_US = torch.full_like(built.items_US, -1)  # recognisable
    built.prepare(toys.scorer(train=SKEWED), rng)
    kept = (built.items_US == -1).double().mean(1)
    assert ((kept - 0.5).abs() < 5 * (0.25 / 2000) ** 0.5).all()


def test_resampled_draws_are_alike_over_what_is_kept() -> None:
    built = ResampledProposal(memory=4).build(Observed(SKEWED))
    assert isinstance(built, Resampled)
    built.items_US = torch.tensor([[2, 3, 4, 4]] * 5)
    batch = toys.batch(torch.tensor([3]), torch.tensor([0]), SKEWED)
    context = toys.context(toys.scorer(train=SKEWED), batch, SKEWED)
    items = built.draw(context, DRAWS, torch.Generator().manual_seed(0)).items[0]
    law = torch.tensor([0, 0, 0.25, 0.25, 0.5, 0])
    assert within(items.bincount(minlength=6) / DRAWS, law, DRAWS)


def test_spread_is_that_of_moving_moments() -> None:
    """Three passes over a user's only kept item, by hand."""
    train = Interactions.from_pairs(
        np.array([0, 0]), np.array([0, 1]), num_users=1, num_items=3
    )
    observed = Observed(train)
    built = VarianceProposal(memory=1, renewed=1).build(observed)
    assert isinstance(built, Variance)
    chances = []
    for number in range(3):
        scorer = toys.scorer(train=train, seed=number)
        built.prepare(scorer, torch.Generator().manual_seed(number))
        scores = (scorer.users_UD @ scorer.all_items().T).detach()[0]
        positive = float(scores[:2].mean())
        assert float(mean_positive_scores(scorer, observed)) == pytest.approx(positive)
        chances.append(1 / (1 + np.exp(positive - float(scores[2]))))
    assert built.mean_US is not None
    assert built.items_US is not None
    assert built.items_US.tolist() == [[2]]
    one, two, three = chances
    # The item competes with itself, newly drawn: the copy that stays has either the
    # moving moments or fresh ones.
    second = {two, DECAY * one + (1 - DECAY) * two}
    third = {three} | {DECAY * mean + (1 - DECAY) * three for mean in second}
    assert any(float(built.mean_US) == pytest.approx(mean) for mean in third)


def test_a_memory_keeps_items_by_their_scores() -> None:
    """Towards tau 0 the best-scored stay."""
    built = VarianceProposal(memory=1, renewed=200, tau=1e-3).build(Observed(SKEWED))
    assert isinstance(built, Variance)
    scorer = toys.scorer(train=SKEWED)
    built.prepare(scorer, torch.Generator().manual_seed(0))
    assert built.items_US is not None
    for user in range(5):
        scores = (scorer.all_items() @ scorer.users_UD[user]).detach()
        scores[torch.from_numpy(SKEWED.items_of(user).astype(np.int64))] = -torch.inf
        assert built.items_US[user].tolist() == [int(scores.argmax())]


def test_memory_columns_are_the_kept_items_in_any_order() -> None:
    built = VarianceProposal(memory=4).build(Observed(SKEWED))
    assert isinstance(built, Variance)
    built.items_US = torch.tensor([[2, 3, 4, 5]] * 5)
    built.mean_US = torch.full((5, 4), 0.5)
    built.square_US = torch.tensor([[0.25, 0.29, 0.34, 0.5]] * 5)
    users = torch.full((DRAWS,), 3)
    batch = toys.batch(users, torch.zeros_like(users), SKEWED)
    context = toys.context(toys.scorer(train=SKEWED), batch, SKEWED)
    pool = built.draw(context, 2, torch.Generator().manual_seed(0))
    law = torch.tensor([0, 0, 1, 1, 1, 1]) / 4
    for column in pool.items.T:
        assert within(column.bincount(minlength=6) / DRAWS, law, DRAWS)
    assert (pool.items[:, 0] != pool.items[:, 1]).all()
    spread = torch.tensor([0, 0, 0.0, 0.2, 0.3, 0.5])[pool.items]
    assert pool.spread is not None
    torch.testing.assert_close(pool.spread, spread, atol=1e-4, rtol=1e-4)


STEPS = torch.tensor([0, 0, 0, 2, 2, 1])


@pytest.mark.parametrize("batch", [0.0, 0.25, 1.0])
def test_all_steps_of_a_sequence_share_their_items(batch: float) -> None:
    """Each sequence has a set of its own, with the share of the batch asked for."""
    proposal = PerSequenceProposal(batch=batch).build(Observed(toys.TRAIN))
    pairs = toys.batch(STEPS, torch.full((6,), 5))
    context, rng = toys.context(toys.scorer(), pairs), torch.Generator().manual_seed(3)
    pool = proposal.draw(context, 200, rng)
    for first, last in ((0, 3), (3, 5)):
        rows = pool.items[first:last]
        assert torch.equal(rows, rows[:1].expand_as(rows))
    if batch < 1:
        assert not torch.equal(pool.items[0], pool.items[3])
    # Item 5 alone is in the batch; user 1 may draw it uniformly as well.
    of_batch = (pool.items[5] == 5).float().mean()
    assert of_batch >= batch
    # User 2 has observed item 5.
    assert pool.allowed is None or not pool.allowed[3][pool.items[3] == 5].any()


@pytest.mark.parametrize(("batch", "alpha"), [(0, 0), (0, 1), (0.5, 0), (1, 0)])
def test_a_sequences_items_follow_their_law(batch: float, alpha: float) -> None:
    """User 1 of the skewed data has items 0 and 1; the batch holds every pair once."""
    observed = Observed(SKEWED)
    proposal = PerSequenceProposal(batch=batch, alpha=alpha).build(observed)
    users = torch.from_numpy(SKEWED.users_E)
    pairs = toys.batch(users, torch.from_numpy(SKEWED.items_E.astype(np.int64)), SKEWED)
    context = toys.context(toys.scorer(train=SKEWED), pairs, SKEWED)
    pool = proposal.draw(context, DRAWS, torch.Generator().manual_seed(4))
    row = int((users == 1).nonzero()[0])
    counts = torch.tensor([5.0, 3, 1, 1, 0, 0])
    drawn = counts if alpha else torch.ones(6)
    drawn = drawn * torch.tensor([0.0, 0, 1, 1, 1, 1])
    # Draws of the batch that the user has observed are marked and not replaced.
    of_batch, own = counts / 10, drawn / drawn.sum()
    law = batch * of_batch + (1 - batch) * own
    share = pool.items[row].bincount(minlength=6) / DRAWS
    assert within(share, law, DRAWS)


def test_every_proposal_has_a_law_here() -> None:
    tested = {
        UniformProposal,
        PopularityProposal,
        InBatchProposal,
        MixedProposal,
        CohortProposal,
        PageRankProposal,
        RankProposal,
        ResampledProposal,
        VarianceProposal,
        PerSequenceProposal,
    }
    assert tested == set(PROPOSALS)
