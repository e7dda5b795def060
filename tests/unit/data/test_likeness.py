"""How like the test pairs validation pairs are, told before anything is trained."""

from __future__ import annotations

import numpy as np
import pytest

from autosample.data.dataset import from_arrays
from autosample.data.likeness import likeness
from autosample.data.options import ReadOptions
from autosample.data.splits import GlobalTime, RandomSplit
from autosample.data.synthetic import Synthetic


@pytest.mark.parametrize("seed", range(5))
def test_a_random_split_is_like_its_test(seed: int) -> None:
    data = Synthetic(users=400, items=300, pairs_per_user=20).build().dataset
    found = likeness(RandomSplit(valid=0.1, test=0.2).apply(data, seed=seed))
    assert not found.is_far
    assert max(found.items, found.users) < 0.03
    assert "which is much" not in found.sentence


def test_pairs_of_a_later_time_with_items_of_their_own_are_far() -> None:
    rng = np.random.default_rng(0)
    users, times = rng.integers(0, 200, 6000), np.arange(6000)
    items = rng.integers(0, 50, 6000) + 50 * (times >= 5000)
    items[::7] = 50 + items[::7] % 50  # all of them are trained on
    data = from_arrays(users, items, times=times, options=ReadOptions(repeats="keep"))
    found = likeness(GlobalTime(valid=0.1, test=0.1).apply(data, seed=0))
    assert found.is_far
    assert found.items > 0.2
    assert "Give a validation file" in found.sentence
