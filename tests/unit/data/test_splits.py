import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosample.data.dataset import Dataset, from_arrays
from autosample.data.options import ReadOptions
from autosample.data.splits import (
    GivenTest,
    GlobalTime,
    LatestOfEach,
    LeaveLastOut,
    RandomSplit,
    Split,
    SplitConfig,
    default_split,
)
from autosample.data.synthetic import Synthetic
from autosample.errors import DataError

RNG = np.random.default_rng(0)
USERS = RNG.integers(0, 30, 600)
ITEMS = RNG.integers(0, 60, 600)
TIMED = from_arrays(USERS, ITEMS, times=RNG.permutation(600))
PLAIN = from_arrays(USERS, ITEMS)


def pair_sets(split: Split) -> list[set[tuple[int, int]]]:
    parts = (split.train, split.valid, split.test)
    return [
        set(zip(p.users_E.tolist(), p.items_E.tolist(), strict=True)) for p in parts
    ]


@pytest.mark.parametrize(
    "rule", [RandomSplit(), LatestOfEach(), LeaveLastOut(), GlobalTime()]
)
def test_parts_are_disjoint_and_together_the_whole(rule: SplitConfig) -> None:
    parts = pair_sets(rule.apply(TIMED, seed=1))
    assert sum(map(len, parts)) == TIMED.train.num_pairs
    assert len(set.union(*parts)) == TIMED.train.num_pairs


@given(st.integers(0, 50), st.floats(0.05, 0.45), st.floats(0.05, 0.45))
def test_a_random_split_leaves_each_user_something_to_train_on(
    seed: int, valid: float, test: float
) -> None:
    split = RandomSplit(valid=valid, test=test).parts(PLAIN, seed)
    assert (split.train.degrees_U[PLAIN.train.degrees_U > 0] >= 1).all()


def test_a_random_split_has_the_shares_asked_for() -> None:
    """Stochastic rounding: the count of a part has a deviation under sqrt(users)."""
    data = Synthetic(users=400, pairs_per_user=15).build().dataset
    split = RandomSplit(valid=0.1, test=0.2).apply(data, seed=0)
    total = data.train.num_pairs
    assert abs(split.valid.num_pairs - 0.1 * total) < 4 * 400**0.5 / 2
    assert abs(split.test.num_pairs - 0.2 * total) < 4 * 400**0.5 / 2


def test_what_a_user_did_last_is_the_test_and_what_came_before_validation() -> None:
    split = LatestOfEach(valid=0.2, test=0.3).apply(TIMED, seed=0)
    for user in range(TIMED.train.num_users):
        parts = [part.items_of(user) for part in (split.train, split.valid, split.test)]
        items = TIMED.train.items_of(user)
        assert np.concatenate(parts).tolist() == items.tolist()
        assert abs(len(parts[2]) - 0.3 * len(items)) < 1
        assert len(parts[0]) >= 1


@pytest.mark.parametrize("rule", [LatestOfEach(), LeaveLastOut()])
def test_a_split_by_each_users_time_needs_an_order(rule: SplitConfig) -> None:
    with pytest.raises(DataError, match="needs time order: map a `timestamp` column"):
        rule.apply(PLAIN, seed=0)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"test_file": True, "ordered": True, "reads_history": False}, "given"),
        ({"test_file": False, "ordered": True, "reads_history": False}, "latest"),
        (
            {"test_file": False, "ordered": True, "reads_history": True},
            "leave_last_out",
        ),
        ({"test_file": False, "ordered": False, "reads_history": False}, "random"),
    ],
)
def test_the_default_split_follows_time_where_the_data_has_it(
    data: dict[str, bool], kind: str
) -> None:
    assert default_split(**data).kind == kind


def test_the_same_seed_splits_the_same_and_another_differently() -> None:
    first, again, other = (
        RandomSplit().apply(PLAIN, seed).train.fingerprint for seed in (3, 3, 4)
    )
    assert first == again != other


def test_the_last_pair_is_the_test_and_the_one_before_validation() -> None:
    split = LeaveLastOut().apply(TIMED, seed=0)
    for user in range(TIMED.train.num_users):
        items = TIMED.train.items_of(user)
        assert split.test.items_of(user).tolist() == [items[-1]]
        assert split.valid.items_of(user).tolist() == [items[-2]]
        assert split.train.items_of(user).tolist() == items[:-2].tolist()


def test_order_by_arrival_serves_leave_last_out() -> None:
    data = from_arrays(
        [1, 1, 1, 2, 2, 2], [9, 5, 7, 5, 8, 9], options=ReadOptions(ordered=True)
    )
    split = LeaveLastOut().apply(data, seed=0)
    last = [data.items[int(split.test.items_of(u)[0])].as_py() for u in (0, 1)]
    assert last == [7, 9]


def test_nothing_to_train_on_is_later_than_the_test() -> None:
    split = GlobalTime().apply(TIMED, seed=0)
    times = [part.times_E for part in (split.train, split.valid, split.test)]
    first, second, third = (np.asarray(each) for each in times)
    assert first.max() <= second.min() <= second.max() <= third.min()


def test_a_given_test_stays_whole_and_validation_comes_from_training() -> None:
    train = from_arrays(USERS, ITEMS)
    data = Dataset(train.train, train.train, train.users, train.items, train.stats)
    split = GivenTest(valid=0.2).apply(data, seed=0)
    assert split.test.num_pairs == train.train.num_pairs
    parts = pair_sets(split)
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == parts[2]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (LeaveLastOut(), "needs time order"),
        (GlobalTime(), "needs a `timestamp`"),
        (GivenTest(), "needs a test file"),
    ],
)
def test_a_split_says_what_the_data_lacks(rule: SplitConfig, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rule.apply(PLAIN, seed=0)


def test_a_split_without_validation_pairs_is_refused() -> None:
    tiny = from_arrays([1, 2, 3], [1, 2, 3])
    with pytest.raises(DataError, match="leaves no validation pairs"):
        RandomSplit(valid=0.01, test=0.01).apply(tiny, seed=0)


def test_masking_for_the_test_knows_training_and_validation() -> None:
    split = RandomSplit().apply(PLAIN, seed=0)
    parts = pair_sets(split)
    known = split.known
    held = set(zip(known.users_E.tolist(), known.items_E.tolist(), strict=True))
    assert held == parts[0] | parts[1]


def test_known_pairs_stay_in_time_order() -> None:
    split = LeaveLastOut().apply(TIMED, seed=0)
    known, valid = split.known, split.valid
    for user in np.flatnonzero(valid.degrees_U):
        train = split.train.items_of(int(user)).tolist()
        assert known.items_of(int(user)).tolist() == [
            *train,
            *valid.items_of(int(user)),
        ]
    assert known.ordered
    assert split.with_validation.known.fingerprint == known.fingerprint


def test_known_pairs_of_unordered_data_are_sorted_by_item() -> None:
    known = RandomSplit().apply(PLAIN, seed=0).known
    assert not known.ordered
    assert (np.diff(known.keys_E) > 0).all()
