from __future__ import annotations

from pathlib import Path

import pytest

from autosample.data.options import ReadOptions
from autosample.data.synthetic import Synthetic
from autosample.errors import InUse, UnknownDataset
from autosample.jobs.datasets import SqlDatasetStore, dataset_id
from autosample.jobs.store import SqlJobStore


def test_a_data_set_comes_back_as_it_went_in(datasets: SqlDatasetStore) -> None:
    made = Synthetic(users=40, items=30, pairs_per_user=6).build().dataset
    assert datasets.load("toy").fingerprint == made.fingerprint
    assert datasets.get("toy").stats == made.stats


def test_the_same_data_set_is_kept_once(datasets: SqlDatasetStore) -> None:
    made = Synthetic(users=40, items=30, pairs_per_user=6).build().dataset
    first = datasets.get("toy")
    assert datasets.add("toy", "again.csv", made, ReadOptions()) == first
    assert [info.id for info in datasets.list()] == ["toy"]


def test_a_data_set_in_use_stays(datasets: SqlDatasetStore, jobs: SqlJobStore) -> None:
    job = jobs.add({"dataset": "toy"})
    with pytest.raises(InUse, match="1 unfinished"):
        datasets.delete("toy")
    jobs.cancel(job.id)
    datasets.delete("toy")
    for ask in (datasets.get, datasets.load, datasets.delete):
        with pytest.raises(UnknownDataset):
            ask("toy")
    with pytest.raises(UnknownDataset):
        jobs.retry(job.id)


def test_an_id_tells_bytes_and_options_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("user,item\n1,2\n")
    two.write_text("user,item\n1,3\n")
    plain, core = ReadOptions(), ReadOptions(k_core=2)
    ids = [
        dataset_id([one], plain),
        dataset_id([two], plain),
        dataset_id([one], core),
        dataset_id([one, two], plain),
    ]
    assert len(set(ids)) == 4
    assert dataset_id([one], plain) == ids[0]
