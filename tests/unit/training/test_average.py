"""Averages of parameters over the epochs of a training, and over several models."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from autosample.training.average import Average, average_states

Points = list[float]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2, 3))
        self.register_buffer("seen", torch.zeros(1, dtype=torch.int64))


def averaged(average: Average, points: Points, begun: int = 0) -> float:
    """Return the average of a model that has each value in turn."""
    model = Model()
    for epoch, point in enumerate(points, start=begun + 1):
        with torch.no_grad():
            model.table.fill_(point)
        average.add(model, epoch)
    with average.within(model):
        value = float(model.table.detach()[0, 0])
    assert float(model.table.detach()[0, 0]) == pytest.approx(points[-1])
    return value


@given(points=st.lists(st.floats(-9, 9, width=32), min_size=4, max_size=20))
def test_from_an_epoch_on_it_is_the_plain_mean(points: Points) -> None:
    wanted = sum(points[2:]) / len(points[2:])
    assert averaged(Average(since=3), points) == pytest.approx(wanted, abs=1e-4)
    later = averaged(Average(since=13), points, begun=10)
    assert later == pytest.approx(wanted, abs=1e-4)


def test_before_that_epoch_it_is_the_last_point() -> None:
    assert averaged(Average(since=5), [1.0, 2.0, 7.0]) == 7.0


def test_without_one_epochs_count_by_the_third_power_of_their_number() -> None:
    # Shamir and Zhang: with power p the weight of epoch t of n is that of t among
    # rising factorials, (t + p - 1)! / (t - 1)!, which sum to the n-th over p + 1.
    points = [0.0] * 9 + [1.0]
    assert averaged(Average(), points) == pytest.approx(4 / 13)
    rising = [t * (t + 1) * (t + 2) for t in range(1, 11)]
    mean = sum(r * t for t, r in enumerate(rising, 1)) / sum(rising)
    points = [float(t) for t in range(1, 11)]
    assert averaged(Average(), points) == pytest.approx(mean)


def test_what_is_no_floating_point_number_is_that_of_the_last_point() -> None:
    model, average = Model(), Average(since=1)
    for count in (1, 5):
        model.load_state_dict(model.state_dict() | {"seen": torch.tensor([count])})
        average.add(model, count)
    assert average.state()["seen"].item() == 5


def test_a_stored_average_goes_on() -> None:
    points = [1.0, 4.0, 2.0, 8.0]
    first, again, model = Average(), Average(), Model()
    for epoch, point in enumerate(points, start=1):
        with torch.no_grad():
            model.table.fill_(point)
        if epoch == 3:
            again.load(first.state())
        first.add(model, epoch)
        if epoch >= 3:
            again.add(model, epoch)
    assert torch.equal(first.state()["table"], again.state()["table"])


def test_models_are_averaged_by_weight() -> None:
    states = [{"a": torch.full((2,), value)} for value in (1.0, 5.0)]
    mean = average_states(states, [0.75, 0.25])
    assert torch.equal(mean["a"], torch.full((2,), 2.0))
