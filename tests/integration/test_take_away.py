"""A result in one's own code: recommendations, neighbours, negatives, charts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import autosample
from autosample.bundle.write import write
from autosample.data.synthetic import Synthetic
from autosample.errors import BundleError, NotFound
from autosample.library import Result

DATA = Synthetic(users=100, items=70, pairs_per_user=10).build().dataset


@pytest.fixture(scope="module")
def result() -> Result:
    return autosample.search(
        DATA,
        candidates=[{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
        training={"epochs": 4},
    )


@pytest.fixture(scope="module")
def model(
    result: Result, tmp_path_factory: pytest.TempPathFactory
) -> autosample.Recommender:
    return result.save(tmp_path_factory.mktemp("taken") / "bundle")


def test_similar_items_are_those_of_the_smallest_angle(
    model: autosample.Recommender,
) -> None:
    item = model.items[3].as_py()
    found = model.similar_items(item, k=5)
    rows = model.item_embeddings / np.linalg.norm(
        model.item_embeddings, axis=1, keepdims=True
    )
    expected = np.argsort(-(rows @ rows[3]))
    expected = expected[expected != 3][:5]
    assert [each.item for each in found] == [
        model.items[int(i)].as_py() for i in expected
    ]
    assert all(-1 <= each.score <= 1.0001 for each in found)
    assert len(model.similar_items(item, k=10_000)) == len(model.items) - 1
    with pytest.raises(NotFound, match="item 'nobody'"):
        model.similar_items("nobody")


def test_the_chosen_sampler_draws_for_another_loop(
    model: autosample.Recommender, result: Result
) -> None:
    draw = model.negatives(seed=3)
    draw.start(
        torch.from_numpy(model.user_embeddings), torch.from_numpy(model.item_embeddings)
    )
    assert model.seen is not None
    users = torch.from_numpy(model.seen.users_E[:50].astype(np.int64))
    items = torch.from_numpy(model.seen.items_E[:50].astype(np.int64))
    drawn = draw(users, items).items
    for user, row in zip(users.tolist(), drawn.tolist(), strict=True):
        assert not set(row) & set(model.seen.items_of(user).tolist())
    assert draw.sampler == result.sampler


def test_without_the_pairs_there_is_nothing_to_draw_for(
    result: Result, tmp_path: Path
) -> None:
    write(result.outcome, tmp_path / "b", seen=False)
    with pytest.raises(BundleError, match="without its training pairs"):
        autosample.load(tmp_path / "b").negatives()


def test_a_notebook_shows_a_table_and_charts(result: Result) -> None:
    shown = result._repr_html_()
    assert result.report.verdict.text in shown
    assert "dns(pool=4)" in shown
    charts = result.charts()
    assert {"curves", "candidates", "cost"} <= charts.keys()
    for figure in charts.values():
        assert figure.to_dict()["data"]
