"""What every order of training pairs promises."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autosample.data.interactions import Interactions
from autosample.data.order import Batch, Order, PairOrder, SequenceOrder, WeightedOrder
from autosample.errors import DataError

RNG = np.random.default_rng(0)
TRAIN = Interactions.from_pairs(
    RNG.integers(0, 40, 700),
    RNG.integers(0, 90, 700),
    num_users=45,
    num_items=90,
    ordered=True,
)
IMPORTANCE_E = torch.rand(TRAIN.num_pairs, generator=torch.Generator().manual_seed(1))

ORDERS: dict[str, Callable[[], Order]] = {
    "pairs": lambda: PairOrder(TRAIN.num_pairs, 64),
    "sequences": lambda: SequenceOrder(TRAIN, 64, length=7),
    "weighted": lambda: WeightedOrder(IMPORTANCE_E + 0.1, 64),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", ORDERS)
def test_an_epoch_has_as_many_rows_as_it_says(name: str) -> None:
    order = ORDERS[name]()
    rows = [batch.rows_B for batch in order.batches(generator())]
    assert sum(map(len, rows)) == order.num_rows
    assert all(len(each) > 0 for each in rows)
    assert (
        0
        <= int(torch.cat(rows).min())
        <= int(torch.cat(rows).max())
        < len(IMPORTANCE_E)
    )
    if order.even:
        assert {len(each) for each in rows[:-1]} == {64}


@pytest.mark.parametrize("name", ORDERS)
def test_the_generator_alone_decides_and_can_be_resumed(name: str) -> None:
    """A checkpoint holds the generator's state between epochs; nothing else counts."""
    before, rng, order = torch.get_rng_state(), generator(), ORDERS[name]()
    epochs, states = [], []
    for _ in range(3):
        states.append(rng.get_state())
        epochs.append(list(order.batches(rng)))
    resumed = generator(9)
    resumed.set_state(states[2])
    again = list(ORDERS[name]().batches(resumed))
    for ours, theirs in zip(epochs[2], again, strict=True):
        assert torch.equal(ours.rows_B, theirs.rows_B)
    assert not torch.equal(epochs[0][0].rows_B, epochs[1][0].rows_B)
    assert torch.equal(before, torch.get_rng_state())


def test_pairs_come_once_each_in_the_order_of_a_permutation() -> None:
    batches = list(PairOrder(100, 32).batches(generator(5)))
    rows_E = torch.cat([batch.rows_B for batch in batches])
    assert torch.equal(rows_E, torch.randperm(100, generator=generator(5)))
    assert all(batch.weights_B is None for batch in batches)


@given(st.integers(1, 30), st.integers(1, 100), st.integers(0, 5))
def test_sequences_are_the_last_steps_of_users_in_time_order(
    length: int, batch_size: int, seed: int
) -> None:
    order = SequenceOrder(TRAIN, batch_size, length=length)
    users_seen: list[int] = []
    batches = list(order.batches(generator(seed)))
    for batch in batches:
        rows = batch.rows_B.numpy()
        users_B = TRAIN.users_E[rows]
        firsts = np.flatnonzero(np.diff(users_B, prepend=-1))
        for user, run in zip(users_B[firsts], np.split(rows, firsts[1:]), strict=True):
            begin, end = TRAIN.starts_U1[user], TRAIN.starts_U1[user + 1]
            expected = np.arange(max(begin + 1, end - length), end)
            assert run.tolist() == expected.tolist()
            users_seen.append(int(user))
        assert len(rows) < batch_size + length  # the last user ends the batch
    assert sum(len(batch.rows_B) < batch_size for batch in batches) <= 1
    assert sorted(users_seen) == np.flatnonzero(TRAIN.degrees_U > 1).tolist()


def test_sequences_of_a_batch_are_of_similar_length() -> None:
    """Batches of random users would have four slots of padding for each pair."""
    rng = np.random.default_rng(0)
    lengths_U = 2 + rng.geometric(0.15, 4000)
    users = np.repeat(np.arange(4000), lengths_U)
    train = Interactions.from_pairs(
        users,
        rng.integers(0, 50, len(users)),
        num_users=4000,
        num_items=50,
        ordered=True,
        repeats=True,
    )
    order = SequenceOrder(train, 512, length=100)

    def padding(batches: list[Batch]) -> float:
        padded = 0
        for batch in batches:
            _, counts = np.unique(
                train.users_E[batch.rows_B.numpy()], return_counts=True
            )
            padded += len(counts) * counts.max() - counts.sum()
        return padded / order.num_rows

    assert padding(list(order.batches(generator(1)))) < 0.7


def test_a_weighted_epoch_estimates_the_mean_over_all_pairs_without_bias() -> None:
    """Over 300 epochs: within four standard errors for several functions of a pair."""
    order, rng = WeightedOrder(IMPORTANCE_E + 0.1, 64), generator()
    values_EF = torch.stack([torch.ones(len(IMPORTANCE_E)), IMPORTANCE_E, TIMES_E], 1)
    means = []
    for _ in range(300):
        total = torch.zeros(3)
        for batch in order.batches(rng):
            assert batch.weights_B is not None
            total += (values_EF[batch.rows_B] * batch.weights_B[:, None]).sum(0)
        means.append(total / order.num_rows)
    drawn = torch.stack(means)
    error = drawn.std(0) / len(drawn) ** 0.5
    assert (((drawn.mean(0) - values_EF.mean(0)) / error).abs() < 4).all()


TIMES_E = torch.linspace(-1, 1, len(IMPORTANCE_E))


def test_pairs_are_drawn_by_their_importance() -> None:
    order = WeightedOrder(torch.tensor([1.0, 2.0, 5.0]), 3)
    rng = generator()
    rows = torch.cat([b.rows_B for _ in range(4000) for b in order.batches(rng)])
    counts = rows.bincount(minlength=3).double()
    law = torch.tensor([1, 2, 5]).double() / 8
    error = (len(rows) * law * (1 - law)).sqrt()
    assert (((counts - len(rows) * law) / error).abs() < 4).all()


def test_a_pair_that_would_never_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        WeightedOrder(torch.tensor([1.0, 0.0]), 3)


def test_users_of_one_pair_each_give_no_sequence() -> None:
    lonely = Interactions.from_pairs(
        np.arange(4), np.arange(4), num_users=4, num_items=4, ordered=True
    )
    with pytest.raises(DataError, match="no user has two training pairs"):
        SequenceOrder(lonely, 2, length=5)
