import numpy as np

from autosample.data.synthetic import Synthetic, Walks


def test_sizes_are_as_asked() -> None:
    """Degrees are Poisson: their mean over 600 users lies within 5 sigma."""
    stats = Synthetic(users=600, items=400, pairs_per_user=20).build().dataset.stats
    assert stats.users == 600
    assert 390 <= stats.items <= 400
    assert abs(stats.pairs / 600 - 20) < 5 * (20 / 600) ** 0.5


def test_users_prefer_their_own_cluster() -> None:
    made = Synthetic(clusters=4, loyalty=5.0).build()
    users = made.dataset.users.to_numpy()[made.dataset.train.users_E]
    items = made.dataset.items.to_numpy()[made.dataset.train.items_E]
    own = made.user_cluster[users] == made.item_cluster[items]
    assert own.mean() > 0.9


def test_popularity_is_skewed_when_asked() -> None:
    def top_share(skew: float) -> float:
        pop = Synthetic(skew=skew, loyalty=0).build().dataset.train.popularity_I
        return float(np.sort(pop)[::-1][:40].sum() / pop.sum())

    assert top_share(1.2) > 2 * top_share(0.0)


def test_planted_false_negatives_are_liked_and_never_observed() -> None:
    made = Synthetic(false_negatives=0.4, loyalty=6.0).build()
    hidden, seen = made.hidden, made.dataset.train
    assert not seen.contains(
        hidden.users_E, hidden.items_E[:, None].astype(np.int64)
    ).any()
    share = hidden.num_pairs / (hidden.num_pairs + seen.num_pairs)
    assert abs(share - 0.4) < 0.02
    users = made.dataset.users.to_numpy()[hidden.users_E]
    items = made.dataset.items.to_numpy()[hidden.items_E]
    assert (made.user_cluster[users] == made.item_cluster[items]).mean() > 0.5


def test_the_seed_decides_everything() -> None:
    first, again, other = (
        Synthetic(seed=seed).build().dataset.fingerprint for seed in (1, 1, 2)
    )
    assert first == again != other


def test_walkers_mostly_go_to_a_successor_of_their_last_item() -> None:
    """Each item has three successors, so that most steps repeat few transitions."""
    dataset = Walks(users=400, items=100, jumps=0.2).build()
    train = dataset.train
    assert train.ordered
    assert train.times_E is not None
    inner_E = np.diff(train.users_E) == 0
    steps = list(
        zip(train.items_E[:-1][inner_E], train.items_E[1:][inner_E], strict=True)
    )
    counts = np.sort(np.unique(steps, axis=0, return_counts=True)[1])[::-1]
    assert counts[:300].sum() > 0.6 * len(steps)
