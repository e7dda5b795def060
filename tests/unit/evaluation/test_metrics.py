import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosample.errors import SpecError
from autosample.evaluation.metrics import METRICS, Metric


def plain(name: str, ranked: list[bool], relevant: int) -> float:
    """Each metric as its definition reads, for one user."""
    k = len(ranked)
    if name == "recall":
        return sum(ranked) / relevant
    if name == "precision":
        return sum(ranked) / k
    if name == "hit":
        return 1.0 if any(ranked) else 0.0
    if name == "mrr":
        return next((1 / (r + 1) for r in range(k) if ranked[r]), 0.0)
    dcg = sum(1 / math.log2(r + 2) for r in range(k) if ranked[r])
    return dcg / sum(1 / math.log2(r + 2) for r in range(min(k, relevant)))


@pytest.mark.parametrize("name", METRICS)
@given(ranked=st.lists(st.booleans(), min_size=3, max_size=12), more=st.integers(0, 5))
def test_each_metric_is_its_definition(
    name: str, ranked: list[bool], more: int
) -> None:
    relevant = max(sum(ranked) + more, 1)
    for k in range(1, len(ranked) + 1):
        found = Metric(f"{name}@{k}").of(np.array([ranked]), np.array([relevant]))
        assert found[0] == pytest.approx(plain(name, ranked[:k], relevant))


def test_a_worked_example() -> None:
    """Hits at ranks 1 and 3 of four, three relevant: Järvelin and Kekäläinen's DCG."""
    hits, relevant = np.array([[True, False, True, False]]), np.array([3])
    values = {
        name: float(Metric(f"{name}@4").of(hits, relevant)[0]) for name in METRICS
    }
    assert values == pytest.approx(
        {
            "recall": 2 / 3,
            "precision": 0.5,
            "hit": 1.0,
            "mrr": 1.0,
            "ndcg": (1 + 0.5) / (1 + 1 / math.log2(3) + 0.5),
        }
    )


@pytest.mark.parametrize("text", ["ndcg", "ndcg@0", "ndcg@-3", "auc@20", "@20", ""])
def test_a_metric_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="is not a metric"):
        Metric(text)


def test_more_ranks_than_there_are_is_refused() -> None:
    with pytest.raises(SpecError, match="needs 9 ranks"):
        Metric("ndcg@9").of(np.zeros((1, 5), np.bool_), np.array([1]))
