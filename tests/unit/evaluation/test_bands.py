"""Bands, coverage and popularity, worked out by hand."""

import numpy as np
import pytest

from autosample.data.interactions import Interactions
from autosample.evaluation.bands import bands_of, reach
from autosample.evaluation.cases import make_cases
from autosample.evaluation.ranking import Hits


def pairs(*of_users: list[int], items: int = 6) -> Interactions:
    users = np.concatenate([[u] * len(mine) for u, mine in enumerate(of_users)])
    flat = np.concatenate([np.array(mine, np.int64) for mine in of_users])
    return Interactions.from_pairs(
        users.astype(np.int64), flat, num_users=len(of_users), num_items=items
    )


TRAIN = pairs([0, 1], [0, 1], [0, 2], [0, 3], [0, 4])
"""Ten pairs; item 0 has five, item 1 two, items 2 to 4 one each, item 5 none."""


def test_bands_hold_thirds_of_the_interactions() -> None:
    """Items begin at 0, 5, 7, 8, 9 and 10 of ten pairs: thirds end at 3.3 and 6.7."""
    assert bands_of(TRAIN).tolist() == [0, 1, 2, 2, 2, 2]


def test_each_band_is_judged_by_its_own_items() -> None:
    held_out = pairs([5], [2, 3], [1], [1, 4], [])
    ranked = np.array([[1, 5], [2, 4], [1, 0], [4, 5]], np.int32)
    hits = Hits(
        owners_Q=np.arange(4),
        items_QK=ranked,
        hits_QK=np.array([[False, True], [True, False], [True, False], [True, False]]),
        relevant_Q=np.array([1, 2, 1, 2]),
    )
    found = reach(hits, make_cases(held_out, TRAIN), TRAIN, k=2)
    head, middle, tail = found.bands
    assert (head.items, middle.items, tail.items) == (1, 1, 4)
    assert (head.users, middle.users, tail.users) == (0, 2, 3)
    # Middle: user 2 finds item 1, user 3 does not. Tail: all of 5, half of 2 and 3, 4.
    assert middle.recall == pytest.approx(1 / 2)
    assert tail.recall == pytest.approx((1 + 1 / 2 + 1) / 3)
    second, two = 1 / np.log2(3), 1 + 1 / np.log2(3)
    assert tail.ndcg == pytest.approx((second + 1 / two + 1) / 3)
    assert found.balance == pytest.approx((1 / 2) / (5 / 6))
    assert [band.recommended for band in found.bands] == [1 / 8, 2 / 8, 5 / 8]
    assert found.coverage == pytest.approx(5 / 6)  # all but item 3
    assert found.popularity == pytest.approx((2 + 0 + 1 + 1 + 2 + 5 + 1 + 0) / 8)
    assert found.held_out_popularity == pytest.approx((0 + 1 + 1 + 2 + 2 + 1) / 6)


def test_ranks_that_stay_empty_recommend_nothing() -> None:
    hits = Hits(
        owners_Q=np.array([0]),
        items_QK=np.array([[5, -1]], np.int32),
        hits_QK=np.array([[True, False]]),
        relevant_Q=np.array([1]),
    )
    found = reach(hits, make_cases(pairs([5], [], [], [], []), TRAIN), TRAIN, k=2)
    assert found.coverage == pytest.approx(1 / 6)
    assert found.bands[2].recommended == 1.0
    assert found.popularity == 0.0
