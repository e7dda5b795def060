"""What the report says of users and items that the test alone has."""

import numpy as np

from autosample.data.cold import cold
from autosample.data.interactions import Interactions
from autosample.data.splits import Split


def pairs(*each: tuple[int, int]) -> Interactions:
    users, items = np.array(each, np.int64).reshape(-1, 2).T
    return Interactions.from_pairs(users, items, num_users=4, num_items=5)


def test_cold_users_and_items_are_counted_with_their_pairs() -> None:
    split = Split(pairs((0, 0), (1, 1)), pairs((1, 2)), pairs((0, 3), (2, 3), (2, 1)))
    found = cold(split)
    assert (found.users, found.items) == (1, 1)
    assert (found.user_pairs, found.item_pairs, found.pairs) == (2, 2, 3)
    assert found.sentence is not None
    assert found.sentence.startswith("66.7% of the test pairs are of 1 items without")


def test_nothing_is_said_where_nothing_is_cold() -> None:
    split = Split(pairs((0, 0), (1, 1)), pairs((1, 2)), pairs((0, 2)))
    assert cold(split).sentence is None
