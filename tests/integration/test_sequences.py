"""A search for a model that reads histories, from a file to recommendations."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autosample
from autosample.data.dataset import Dataset, from_arrays
from autosample.data.options import ReadOptions
from autosample.errors import AutoSampleError, DataError, NotFound, SpecError

USERS, ITEMS, LENGTH = 120, 24, 9


def circle(*, ordered: bool = True) -> Dataset:
    """Users who walk around a circle of items from places of their own."""
    users = np.repeat(np.arange(USERS), LENGTH)
    items = (users * 5 + np.tile(np.arange(LENGTH), USERS)) % ITEMS
    return from_arrays(users, items, options=ReadOptions(ordered=ordered))


SMALL: dict[str, Any] = {
    "model": {"kind": "sasrec", "width": 16, "layers": 1, "dropout": 0.1},
    "candidates": [
        {"kind": "uniform"},
        {
            "sampler": {"kind": "uniform", "negatives": 16, "shared": True},
            "loss": {"kind": "sampled_softmax"},
        },
        {"sampler": {"kind": "uniform"}, "loss": {"kind": "full_softmax"}},
    ],
    "metric": "ndcg@5",
    "report_metrics": ["recall@5"],
    "training": {"epochs": 40, "batch_size": 64, "learning_rate": 0.01},
}


@pytest.fixture(scope="module")
def found() -> autosample.Result:
    return autosample.search(circle(), **SMALL)


def test_the_default_split_holds_each_users_last_item_out(
    found: autosample.Result,
) -> None:
    assert found.report.split.kind == "leave_last_out"
    assert found.report.split.test == found.report.split.valid == USERS


def test_it_learns_the_walk_and_says_what_it_gained(found: autosample.Result) -> None:
    assert found.report.test["ndcg@5"] > 0.8
    assert found.report.verdict.text


def test_a_bundle_recommends_to_users_and_to_strangers_by_their_history(
    found: autosample.Result, tmp_path: Path
) -> None:
    loaded = found.save(tmp_path / "bundle")
    data = circle()
    for row in (0, 17, 101):
        history = [data.items[int(i)].as_py() for i in data.train.items_of(row)]
        by_user = loaded.recommend(data.users[row].as_py(), 5)
        by_history = loaded.recommend(history=history, k=5)
        assert [each.item for each in by_user] == [each.item for each in by_history]
        for ours, theirs in zip(by_user, by_history, strict=True):
            assert ours.score == pytest.approx(theirs.score, abs=1e-4)
    # A stranger who has walked three steps goes on to the next one.
    assert loaded.recommend(history=[3, 4, 5], k=1)[0].item == 6


def test_unknown_items_of_a_history_are_skipped_and_counted(
    found: autosample.Result, tmp_path: Path
) -> None:
    loaded = found.save(tmp_path / "bundle")
    with pytest.warns(UserWarning, match="1 of 4 items of the history"):
        some = loaded.recommend(history=[3, 4, 999, 5], k=1)
    assert some[0].item == loaded.recommend(history=[3, 4, 5], k=1)[0].item
    with pytest.raises(NotFound, match="none of the 2 items of the history"):
        loaded.recommend(history=[998, 999])
    with pytest.raises(SpecError, match="a list of ids in time order, not '345'"):
        loaded.recommend(history="345")
    with pytest.raises(SpecError, match="a user or a history, not both"):
        loaded.recommend(3, history=[3])


def test_a_model_of_users_alone_reads_no_history(tmp_path: Path) -> None:
    loaded = autosample.search(
        circle(),
        candidates=[{"kind": "uniform"}],
        training={"epochs": 2},
        metric="ndcg@5",
    ).save(tmp_path / "bundle")
    with pytest.raises(SpecError, match="reads no histories"):
        loaded.recommend(history=[1, 2])


@pytest.mark.parametrize("strategy", ["race", "exhaustive", "mixture"])
@pytest.mark.parametrize("model", ["sasrec", "gru4rec"])
def test_every_strategy_searches_for_models_that_read_histories(
    strategy: str, model: str
) -> None:
    """Candidates that score alike, so that one model can be trained by all of them."""
    found = autosample.search(
        circle(),
        model={"kind": model, "width": 16},
        loss={"kind": "sampled_softmax"},
        candidates=[
            {"kind": "uniform", "negatives": 16, "shared": True},
            {"kind": "dns", "pool": 8},
        ],
        strategy={"kind": strategy},
        metric="ndcg@5",
        training={"epochs": 6, "batch_size": 64, "learning_rate": 0.01},
    )
    assert found.report.test["ndcg@5"] > 0.5


@pytest.mark.parametrize(
    "optimizer",
    [
        {"kind": "adagrad"},
        {"kind": "sgd"},
        {"kind": "sgd", "momentum": 0.9},
        {"kind": "adam"},
        {"kind": "adam", "weight_decay": 0.001},
        {"kind": "adamw"},
    ],
    ids=lambda each: "-".join(map(str, each.values())),
)
def test_every_optimiser_trains_vectors_and_matrices_beside_tables(
    optimizer: dict[str, Any],
) -> None:
    slow = optimizer["kind"] in ("sgd", "adagrad")
    found = autosample.search(
        circle(),
        model={"kind": "sasrec", "width": 16, "layers": 1},
        loss={"kind": "sampled_softmax"},
        candidates=[{"kind": "uniform", "negatives": 16, "shared": True}],
        strategy={"kind": "exhaustive"},
        seeds=[0],
        metric="ndcg@5",
        training={
            "epochs": 12,
            "batch_size": 64,
            "optimizer": optimizer,
            "learning_rate": 0.1 if slow else 0.01,
            "clip": 1.0,
        },
        refit=0,
    )
    assert found.report.test["ndcg@5"] > 0.3


REFUSED: list[tuple[Dataset, dict[str, Any], str]] = [
    (circle(ordered=False), {}, "does not have: map a `timestamp` column"),
    (circle(), {"model": {"kind": "sasrec", "length": 0}}, "length"),
    (circle(), {"model": {"kind": "sasrec", "heads": 3}}, "3 heads do not divide"),
    (
        from_arrays([0, 1, 2, 3], [0, 1, 2, 0], options=ReadOptions(ordered=True)),
        {},
        "leaves no validation pairs",
    ),
    (
        circle(),
        {
            "loss": {"kind": "full_softmax"},
            "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 8}],
        },
        "differ in the sampler alone, and loss full_softmax uses none",
    ),
    (circle(), {"candidates": [{"kind": "adasir"}]}, "reads a user's history"),
]


@pytest.mark.parametrize(("data", "fields", "message"), REFUSED)
def test_what_cannot_be_trained_is_refused_with_a_sentence(
    data: Dataset, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(AutoSampleError, match=message):
        autosample.search(data, **(SMALL | fields))
    assert issubclass(DataError, AutoSampleError)
