"""Draws of unobserved items have their law, and their cost a bound, for every user."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosample.kernels.draws import (
    MOST_TRIES,
    Seen,
    alias,
    bitmap,
    uniform,
    weighted,
)

ITEMS = 600
DRAWS = 60_000


def seen_by_one(observed: list[int], num_items: int = ITEMS) -> Seen:
    """The pairs of a single user."""
    items = np.array(sorted(observed), np.int32)
    starts = np.array([0, len(items)], np.int64)
    bits = 16
    filled = bitmap(starts, items, num_items, bits)
    return Seen(filled, np.uint64(64 - bits), starts, items, num_items)


def draw_uniform(pairs: Seen, count: int = DRAWS) -> np.ndarray:
    users = np.zeros(count // 20, np.int64)
    return uniform(pairs, users, 20, np.uint64(7)).ravel()


@pytest.mark.parametrize("left", [[0], [599], [3, 4, 599], [0, 1, 2, 300, 301, 598]])
def test_a_user_who_has_nearly_all_items_draws_the_others_alike(
    left: list[int],
) -> None:
    pairs = seen_by_one([item for item in range(ITEMS) if item not in left])
    counts = np.bincount(draw_uniform(pairs), minlength=ITEMS)
    assert counts.sum() == counts[left].sum()
    mean = DRAWS / len(left)
    assert np.all(abs(counts[left] - mean) <= 5 * np.sqrt(mean))


@given(st.sets(st.integers(0, 49), min_size=26, max_size=49))
@settings(max_examples=50, deadline=None)
def test_every_unobserved_item_is_drawn_and_no_other(observed: set[int]) -> None:
    pairs = seen_by_one(list(observed), 50)
    drawn = draw_uniform(pairs, 4000)
    assert set(drawn.tolist()) == set(range(50)) - observed


def law_of_ranks() -> np.ndarray:
    """A law whose few first items have nearly all the mass."""
    law: np.ndarray = 1.0 / np.arange(1, ITEMS + 1) ** 3
    return np.asarray(law / law.sum())


def test_a_user_who_has_the_popular_items_draws_the_others_by_their_law() -> None:
    law = law_of_ranks()
    pairs = seen_by_one(list(range(590)))
    assert law[590:].sum() * MOST_TRIES < 0.01  # tries would fail, as a rule
    users = np.zeros(DRAWS // 20, np.int64)
    drawn = weighted(pairs, alias(law), users, 20, np.uint64(3)).ravel()
    counts = np.bincount(drawn, minlength=ITEMS)[590:]
    assert counts.sum() == DRAWS
    expected = DRAWS * law[590:] / law[590:].sum()
    assert np.all(abs(counts - expected) <= 5 * np.sqrt(expected))


def test_where_all_items_of_the_law_are_observed_the_others_are_drawn_alike() -> None:
    law = np.zeros(ITEMS)
    law[:500] = 1 / 500
    pairs = seen_by_one(list(range(590)))
    users = np.zeros(DRAWS // 20, np.int64)
    drawn = weighted(pairs, alias(law), users, 20, np.uint64(3)).ravel()
    counts = np.bincount(drawn, minlength=ITEMS)[590:]
    assert counts.sum() == DRAWS
    assert np.all(abs(counts - DRAWS / 10) <= 5 * np.sqrt(DRAWS / 10))


def test_draws_of_other_users_are_the_bytes_that_they_were() -> None:
    """Golden numbers from before dense users had a way of their own."""
    pairs = seen_by_one(list(range(200)))
    [drawn] = uniform(pairs, np.zeros(1, np.int64), 6, np.uint64(1))
    assert drawn.tolist() == [202, 339, 447, 582, 266, 266]
