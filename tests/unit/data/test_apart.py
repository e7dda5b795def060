"""Uploads are read in a process of their own, which may run into its limits."""

from __future__ import annotations

import gzip
import random
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autosample.core.apart import Limits
from autosample.data.apart import read_apart
from autosample.data.dataset import Dataset, load_dataset
from autosample.data.options import ReadOptions
from autosample.errors import DataError
from benchmarks.fuzz import CSV, mutated, sound_files

pytestmark = pytest.mark.slow

ENOUGH = 2 << 30


def read(path: Path, *, memory: int = ENOUGH, seconds: float = 60.0) -> Dataset:
    folder = path.parent / "read"
    return read_apart([path], ReadOptions(), folder, Limits(memory, seconds))


def test_what_is_read_apart_is_what_is_read_here(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    ours, theirs = read(path), load_dataset(path)
    assert ours.stats == theirs.stats
    assert ours.train.fingerprint == theirs.train.fingerprint
    assert ours.users == theirs.users


def test_a_rule_that_is_broken_is_told_as_it_is_here(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("who,knows\n1,2\n")
    with pytest.raises(DataError) as here:
        load_dataset(path)
    with pytest.raises(DataError) as apart:
        read(path)
    assert str(apart.value) == str(here.value)


def test_a_small_parquet_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    ones = pa.array([1]).take(pa.array([0] * 1000))
    column = pa.DictionaryArray.from_arrays(
        pa.array([0] * 80_000_000, pa.int32()), ones[:1]
    )
    pq.write_table(pa.table({"user": column, "item": column}), path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="needs more than 700 MiB"):
        read(path, memory=700 << 20)


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as bomb:
        bomb.write(b"user,item\n")
        for _ in range(600):
            bomb.write(b"1,2\n" * (1 << 18))
    assert path.stat().st_size < 4 << 20
    with pytest.raises(DataError, match=r"needs more than|took more than"):
        read(path, memory=800 << 20, seconds=20)


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    with pytest.raises(DataError, match=r"took more than 0\.01 s"):
        read(path, seconds=0.01)


@pytest.mark.parametrize("name", sound_files())
def test_damaged_files_are_refused_or_read_and_nothing_else(
    name: str, tmp_path: Path
) -> None:
    """A few here; `make fuzz` reads thousands."""
    for seed in range(4):
        path = tmp_path / name
        path.write_bytes(mutated(sound_files()[name], random.Random(f"{name}/{seed}")))
        with suppress(DataError):
            assert read(path).stats.pairs > 0
