"""How evenly a metric is spread over head, middle and tail."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosample.evaluation.bands import evenness


def test_it_is_the_studys_number() -> None:
    assert evenness([0.797, 1.054, 1.186]) == pytest.approx(0.914609, abs=1e-6)


@given(st.lists(st.floats(0.001, 1), min_size=3, max_size=3), st.floats(0.1, 10))
def test_it_lies_between_a_third_and_one_whatever_the_scale(
    values: list[float], scale: float
) -> None:
    found = evenness(values)
    assert 1 / 3 - 1e-9 <= found <= 1 + 1e-9
    assert evenness([scale * each for each in values]) == pytest.approx(found)


def test_equal_bands_are_even_and_nothing_is_no_number() -> None:
    assert evenness([0.2, 0.2, 0.2]) == pytest.approx(1)
    assert evenness([1, 0, 0]) == pytest.approx(1 / 3)
    assert math.isnan(evenness([0, 0, 0]))
