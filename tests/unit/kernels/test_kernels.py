"""Kernels against what they stand for, written plainly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosample.data.interactions import Interactions
from autosample.kernels.draws import (
    Seen,
    alias,
    bitmap,
    contains,
    contains_columns,
    uniform,
    weighted,
)
from autosample.kernels.graph import Sparse, product, product_of_few
from autosample.kernels.top import Lists, empty, look

RNG = np.random.default_rng(0)


def seen_of(train: Interactions, bits: int = 10) -> Seen:
    filled = bitmap(train.starts_U1, train.items_E, train.num_items, bits)
    shift = np.uint64(64 - bits)
    return Seen(filled, shift, train.starts_U1, train.items_E, train.num_items)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(any))
def test_the_columns_of_an_alias_table_add_up_to_its_law(weights: list[float]) -> None:
    law = np.array(weights) / sum(weights)
    table = alias(law)
    implied = table.chance / len(law)
    np.add.at(implied, table.other, (1 - table.chance) / len(law))
    np.testing.assert_allclose(implied, law, atol=1e-12)
    assert not implied[law == 0].any()


def test_a_law_whose_likely_items_are_all_taken_gives_way_to_the_others() -> None:
    train = Interactions.from_pairs(
        np.array([0, 0, 1]), np.array([0, 1, 2]), num_users=2, num_items=5
    )
    law = alias(np.array([0.5, 0.5, 0, 0, 0]))
    users = np.array([0] * 3000)
    found = weighted(seen_of(train), law, users, 1, np.uint64(7))
    counts = np.bincount(found[:, 0], minlength=5)
    assert counts[:2].sum() == 0
    sigma = np.sqrt(3000 * (1 / 3) * (2 / 3))
    assert (abs(counts[2:] - 1000) < 5 * sigma).all()


def test_a_rare_item_that_alone_is_left_is_found_by_the_law() -> None:
    train = Interactions.from_pairs(
        np.zeros(2, np.int64), np.array([0, 1]), num_users=1, num_items=4
    )
    law = alias(np.array([0.5, 0.5 - 3e-9, 1e-9, 2e-9]))
    found = weighted(seen_of(train), law, np.zeros(900, np.int64), 1, np.uint64(1))
    share = (found == 3).mean()
    assert abs(share - 2 / 3) < 5 * np.sqrt(2 / 9 / 900)


@pytest.mark.parametrize("bits", [4, 10, 16])
def test_membership_is_exact_however_full_the_bitmap_is(bits: int) -> None:
    users, items = RNG.integers(0, 20, 150), RNG.integers(0, 30, 150)
    train = Interactions.from_pairs(users, items, num_users=20, num_items=30)
    every = np.broadcast_to(np.arange(30), (20, 30)).copy()
    known = train.contains(np.arange(20), every)
    pairs = seen_of(train, bits)
    assert (contains(pairs, np.arange(20), every) == known).all()
    columns = RNG.integers(0, 30, 50)  # some of them twice
    shared = contains_columns(pairs, np.arange(20), columns)
    assert (shared == known[:, columns]).all()


def test_draws_depend_on_seed_and_place_alone() -> None:
    train = Interactions.from_pairs(
        np.array([0, 1]), np.array([0, 1]), num_users=2, num_items=50
    )
    users = np.array([0, 1, 0, 1])
    first = uniform(seen_of(train), users, 6, np.uint64(3))
    assert (uniform(seen_of(train), users, 6, np.uint64(3)) == first).all()
    assert (uniform(seen_of(train), users, 6, np.uint64(4)) != first).any()
    assert (uniform(seen_of(train), users[:2], 6, np.uint64(3)) == first[:2]).all()


@settings(max_examples=60)
@given(st.integers(1, 200), st.integers(1, 30), st.booleans(), st.integers(0, 9999))
def test_the_best_are_those_of_a_stable_sort(
    items: int, k: int, ties: bool, seed: int
) -> None:
    """In blocks of any size; masked items are never among them."""
    rng, k = np.random.default_rng(seed), min(k, items)
    scores = rng.normal(size=(3, items)).astype(np.float32)
    if ties:
        scores = np.round(scores)
    hidden = [np.flatnonzero(rng.random(items) < 0.3) for _ in range(3)]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in hidden])])
    masked = Lists(starts, np.concatenate(hidden).astype(np.int32))
    best, block = empty(np.arange(3), k, masked), int(rng.integers(1, items + 1))
    for first in range(0, items, block):
        part = scores[:, first : first + block].copy()
        look(best, part, first, np.arange(3), masked)
    for row in range(3):
        left = np.setdiff1d(np.arange(items), hidden[row])
        order = left[np.argsort(-scores[row, left], kind="stable")][:k]
        assert best.items[row, : len(order)].tolist() == order.tolist()
        assert (best.items[row, len(order) :] == -1).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_sparse_product_is_that_of_the_dense_matrix(threads: int) -> None:
    """And has the same bytes by any number of threads."""
    drawn = RNG.normal(size=(40, 40)) * (RNG.random((40, 40)) < 0.2)
    dense = drawn.astype(np.float32)
    rows, columns = np.nonzero(dense)
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=40))])
    matrix = Sparse(
        starts.astype(np.int32), columns.astype(np.int32), dense[rows, columns]
    )
    table = RNG.normal(size=(40, 9)).astype(np.float32)
    plus = RNG.normal(size=(40, 9)).astype(np.float32)
    found = product(matrix, table, plus, threads, 0.5)
    np.testing.assert_allclose(found, (dense @ table + plus) / 2, rtol=1e-4, atol=1e-5)
    assert (found == product(matrix, table, plus, 1, 0.5)).all()
    used = RNG.random(40) < 0.2
    table[~used] = 0
    few = product_of_few(matrix, table, used, threads)
    np.testing.assert_allclose(few, dense @ table + table, rtol=1e-4, atol=1e-5)
