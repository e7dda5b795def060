"""Files that were changed where the service keeps them cost little, and say so."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from autosample.data.dataset import DIGESTS
from autosample.data.options import ReadOptions
from autosample.data.synthetic import Synthetic
from autosample.errors import DataError, SearchFailed
from autosample.jobs.datasets import SqlDatasetStore
from autosample.trials import Request, TrialResult, load_stored
from autosample.trials.checkpoints import FolderCheckpoints, sealed, unsealed
from autosample.trials.run import InProcessRunner
from tests.fakes import SPLIT, quiet, same, trial
from workers.attempt import failure_of

DATASET = Synthetic(users=40, items=30, pairs_per_user=6).build().dataset


def store_again(datasets: SqlDatasetStore) -> None:
    datasets.add("toy", "toy.csv", DATASET, ReadOptions())


def folder_of(datasets: SqlDatasetStore) -> Path:
    return Path(f"{datasets.files.root}/datasets/toy")


@pytest.mark.parametrize("name", ["train.parquet", "users.parquet", "stats.json"])
@pytest.mark.parametrize("harm", ["changed", "cut off", "deleted"])
def test_a_damaged_data_set_says_so_and_heals_by_uploading_again(
    name: str, harm: str, datasets: SqlDatasetStore
) -> None:
    path = folder_of(datasets) / name
    raw = path.read_bytes()
    if harm == "deleted":
        path.unlink()
    else:
        path.write_bytes(raw[:-9] if harm == "cut off" else raw[:-9] + b"x" * 9)
    with pytest.raises(DataError, match="upload its file again, which heals it"):
        datasets.load("toy")
    store_again(datasets)
    assert datasets.load("toy").fingerprint == DATASET.fingerprint


def test_files_that_are_gone_heal_too(datasets: SqlDatasetStore) -> None:
    datasets.files.delete("datasets/toy")
    with pytest.raises(DataError, match="are gone; upload its file again"):
        datasets.load("toy")
    store_again(datasets)
    assert datasets.load("toy").fingerprint == DATASET.fingerprint


def test_a_data_set_of_an_earlier_version_has_no_digests_and_loads(
    datasets: SqlDatasetStore,
) -> None:
    (folder_of(datasets) / DIGESTS).unlink()
    assert datasets.load("toy").fingerprint == DATASET.fingerprint
    store_again(datasets)
    assert (folder_of(datasets) / DIGESTS).exists()


def test_uploading_again_breaks_no_reader(datasets: SqlDatasetStore) -> None:
    stop = threading.Event()

    def upload() -> None:
        while not stop.is_set():
            store_again(datasets)

    thread = threading.Thread(target=upload)
    thread.start()
    try:
        for _ in range(60):
            assert datasets.load("toy").fingerprint == DATASET.fingerprint
    finally:
        stop.set()
        thread.join()


def test_nothing_is_left_beside_a_data_set(datasets: SqlDatasetStore) -> None:
    (folder_of(datasets) / "users.parquet").write_bytes(b"x")
    store_again(datasets)
    assert [path.name for path in folder_of(datasets).parent.iterdir()] == ["toy"]


def test_the_seal_finds_every_changed_byte_and_every_cut() -> None:
    raw = bytes(range(50))
    stored = sealed(raw)
    assert unsealed(stored) == raw
    assert unsealed(raw) == raw  # of an earlier version
    for at in range(len(stored)):
        changed = bytearray(stored)
        changed[at] ^= 1
        if at < len(raw) or at >= len(stored) - 32:
            with pytest.raises(ValueError, match="digest"):
                unsealed(bytes(changed))
    for end in range(len(stored) - 32, len(stored)):
        with pytest.raises(ValueError, match="its end is missing"):
            unsealed(stored[:end])


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
def test_a_truncated_checkpoint_costs_its_trial_alone(
    keep: float, tmp_path: Path
) -> None:
    checkpoints = FolderCheckpoints(tmp_path.as_uri())
    request = Request(trial(epochs=3))
    [expected] = run(checkpoints, request)
    path = tmp_path / request.trial.digest
    raw = path.read_bytes()
    path.write_bytes(raw[: int(keep * len(raw))])
    with pytest.raises(SearchFailed, match="retry the search"):
        load_stored(request.trial.digest, checkpoints)
    [again] = run(checkpoints, request)
    assert same(again, expected)
    assert path.read_bytes() != raw[: int(keep * len(raw))]


def run(checkpoints: FolderCheckpoints, request: Request) -> list[TrialResult]:
    return InProcessRunner(SPLIT, checkpoints).run([request], quiet)


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError(122, "Disk quota exceeded"),
        RuntimeError("\x1b[36mray::run()\x1b[39m [Errno 28] No space left on device"),
        RuntimeError("(sqlite3.OperationalError) database or disk is full"),
    ],
)
def test_a_full_disk_is_known_in_any_guise(error: Exception) -> None:
    try:
        try:
            raise error
        except Exception as cause:
            raise SearchFailed("a trial failed") from cause
    except SearchFailed as raised:
        for each in (error, raised):
            failure = failure_of(each)
            assert failure.reason == "disk"
            assert failure.detail.startswith("no room is left")


def test_what_an_owner_reads_is_one_sentence_without_colours_or_paths() -> None:
    ray = SearchFailed("\x1b[31mtrial dns\x1b[0m failed\n  File /srv/x.py, line 3\n")
    assert failure_of(ray).detail == "trial dns failed"
    strange = failure_of(KeyError("/srv/secret/path"))
    assert strange.reason == "internal"
    assert "/srv" not in strange.detail
    assert "KeyError" in strange.detail
