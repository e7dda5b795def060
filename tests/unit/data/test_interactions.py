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
