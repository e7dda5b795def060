import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from autosample.evaluation.agreement import kendall

VALUES = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=15
)


@given(VALUES)
def test_agreement_is_scipys_tau(pairs: list[tuple[int, int]]) -> None:
    ours, theirs = (
        [float(each) for each in column] for column in zip(*pairs, strict=True)
    )
    expected = stats.kendalltau(ours, theirs).statistic
    found = kendall(ours, theirs)
    if np.isnan(expected):
        assert found is None
    else:
        assert found == pytest.approx(expected)
