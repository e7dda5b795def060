import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosample.data.interactions import Interactions
from autosample.errors import DataError

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=40)


def made(pairs: list[tuple[int, int]], **extra: object) -> Interactions:
    users, items = np.array(pairs, np.int64).reshape(-1, 2).T
    return Interactions.from_pairs(users, items, num_users=5, num_items=7, **extra)  # type: ignore[arg-type]


@given(PAIRS)
def test_it_holds_exactly_the_distinct_pairs(pairs: list[tuple[int, int]]) -> None:
    data = made(pairs)
    held = zip(data.users_E.tolist(), data.items_E.tolist(), strict=True)
    assert sorted(held) == sorted(set(pairs))
    assert data.num_pairs == data.degrees_U.sum() == data.popularity_I.sum()


@given(PAIRS)
def test_membership_agrees_with_a_python_set(pairs: list[tuple[int, int]]) -> None:
    data = made(pairs)
    users, items = np.arange(5), np.tile(np.arange(7), (5, 1))
    expected = [[(u, i) in set(pairs) for i in range(7)] for u in range(5)]
    assert data.contains(users, items).tolist() == expected


@given(PAIRS)
def test_ordered_pairs_keep_their_first_arrival(pairs: list[tuple[int, int]]) -> None:
    data = made(pairs, ordered=True)
    for user in range(5):
        arrived = list(dict.fromkeys(i for u, i in pairs if u == user))
        assert data.items_of(user).tolist() == arrived


def test_times_decide_the_order_within_a_user() -> None:
    data = made([(0, 3), (0, 1), (1, 2), (0, 5)], times_E=np.array([9.0, 4, 1, 7]))
    assert data.ordered
    assert data.items_of(0).tolist() == [1, 5, 3]


@pytest.mark.parametrize("pair", [(-1, 0), (5, 0), (0, 7), (0, -2)])
def test_ids_out_of_range_are_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="must lie in"):
        made([pair])


def test_ids_that_are_no_integers_are_refused() -> None:
    with pytest.raises(DataError, match="float64"):
        Interactions.from_pairs(
            np.array([0.0, np.nan]), np.array([1, 2]), num_users=2, num_items=3
        )


def test_taking_and_merging_are_inverse() -> None:
    data = made([(0, 1), (0, 2), (3, 4), (4, 6)])
    even_E = np.arange(4) % 2 == 0
    again = data.take(even_E).merged(data.take(~even_E))
    assert again.fingerprint == data.fingerprint


def test_arrays_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        made([(0, 1)]).items_E[0] = 3


@given(PAIRS)
def test_repeats_are_kept_on_request(pairs: list[tuple[int, int]]) -> None:
    for ordered in (False, True):
        log = made(pairs, ordered=ordered, repeats=True)
        plain = made(pairs, ordered=ordered)
        events = [[i for u, i in pairs if u == user] for user in range(5)]
        expected = events if ordered else [sorted(items) for items in events]
        assert [log.items_of(user).tolist() for user in range(5)] == expected
        assert log.distinct.fingerprint == plain.fingerprint
        assert log.popularity_I.tolist() == plain.popularity_I.tolist()
        assert log.counts_I.sum() == len(pairs)
        lists = [
            log.sorted_E[log.starts_U1[user] : log.starts_U1[user + 1]].tolist()
            for user in range(5)
        ]
        assert lists == [sorted(items) for items in events]


@given(PAIRS)
def test_membership_is_the_same_with_repeats(pairs: list[tuple[int, int]]) -> None:
    users, items = np.arange(5), np.tile(np.arange(7), (5, 1))
    with_repeats = made(pairs, repeats=True).contains(users, items)
    assert (with_repeats == made(pairs).contains(users, items)).all()


@given(PAIRS, PAIRS)
def test_merging_ordered_pairs_puts_the_first_part_first(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    merged = made(first, ordered=True).merged(made(second, ordered=True))
    assert merged.fingerprint == made(first + second, ordered=True).fingerprint
    unordered = made(first, ordered=True).merged(made(second))
    assert unordered.fingerprint == made(first + second).fingerprint


def test_merging_goes_by_time_and_equal_times_keep_the_first_part_first() -> None:
    train = made([(0, 5), (0, 1), (1, 2)], times_E=np.array([1.0, 7, 3]))
    valid = made([(0, 4), (0, 3), (0, 6)], times_E=np.array([9.0, 7, 2]))
    known = train.merged(valid)
    assert known.items_of(0).tolist() == [5, 6, 1, 3, 4]
    assert known.times_E is not None
    assert known.times_E.tolist() == [1, 2, 7, 7, 9, 3]


def test_merging_keeps_repeats_and_nothing_changes_nothing() -> None:
    log = made([(0, 3), (0, 3), (0, 1)], ordered=True, repeats=True)
    assert log.merged(made([(0, 3)], ordered=True)).items_of(0).tolist() == [3, 3, 1, 3]
    assert log.merged(log.none).fingerprint == log.fingerprint
