"""What looks misread is said, and what looks sound is not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from autosample.data.dataset import Dataset, from_arrays
from autosample.data.options import ReadOptions


def sound(rows: int = 400) -> tuple[list[int], list[int]]:
    rng = random.Random(1)
    pairs = [(rng.randrange(40), rng.randrange(30)) for _ in range(rows)]
    return [user for user, _ in pairs], [item for _, item in pairs]


USERS, ITEMS = sound()


def warnings(users: Sequence[object], items: Sequence[object], **columns: Any) -> str:
    dataset: Dataset = from_arrays(users, items, **columns)
    return " ".join(dataset.stats.warnings)


def test_sound_data_raise_no_alarm() -> None:
    assert warnings(list(USERS), list(ITEMS), times=range(400)) == ""


@pytest.mark.parametrize(
    ("items", "told"),
    [
        (list(range(400)), "400 of 400 items occur once only"),
        ([1_300_000_000 + 7 * n for n in range(200)] * 2, "the items look like times"),
        ([f"20{n % 60 + 20}-05-01" for n in range(400)], "items look like times"),
        ([3] * 200 + ITEMS[200:], "item 3 has 51% of all rows"),
        ([f"{n:0{1 + k % 2 * 2}}" for k, n in enumerate(ITEMS)], "leading zeros"),
        (["Ab" if n == 1 else "aB" if n == 2 else str(n) for n in ITEMS], "case"),
    ],
)
def test_items_that_seem_to_be_something_else_are_named(
    items: list[object], told: str
) -> None:
    assert told in warnings(list(USERS), items)


def test_ratings_that_are_no_positives_are_named_with_what_would_keep_them() -> None:
    ratings = [(n % 3) - 1 for n in range(400)]
    told = warnings(list(USERS), list(ITEMS), ratings=ratings)
    assert "ratings are from -1 to 1" in told
    assert "min_rating=1 would keep 133 of 400" in told
    options = ReadOptions(min_rating=1)
    asked = warnings(list(USERS), list(ITEMS), ratings=ratings, options=options)
    assert "ratings" not in asked


def test_equal_times_are_named() -> None:
    assert "all timestamps are 7" in warnings(list(USERS), list(ITEMS), times=[7] * 400)
