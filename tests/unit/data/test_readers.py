"""Every form of the same interactions reads as the same data set."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autosample.data.dataset import Dataset, load_dataset
from autosample.data.options import Format, ReadOptions
from autosample.data.readers import READERS, tell_format
from autosample.errors import DataError

ROWS = [(10, 7), (10, 3), (20, 3), (30, 5), (30, 7)]
CSV = "user_id,item_id\n" + "".join(f"{u},{i}\n" for u, i in ROWS)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(path: Path) -> Path:
    users, items = zip(*ROWS, strict=True)
    pq.write_table(pa.table({"uid": users, "iid": items, "x": [0.5] * 5}), path)
    return path


FORMS: dict[str, Callable[[Path], Path]] = {
    "csv": lambda d: write(d / "a.csv", CSV),
    "csv.gz": lambda d: write(d / "a.csv.gz", gzip.compress(CSV.encode())),
    "gzip by another name": lambda d: write(d / "a.csv", gzip.compress(CSV.encode())),
    "byte order mark": lambda d: write(d / "a.csv", b"\xef\xbb\xbf" + CSV.encode()),
    "windows lines": lambda d: write(d / "a.csv", CSV.replace("\n", "\r\n")),
    "semicolons": lambda d: write(d / "a.csv", CSV.replace(",", ";")),
    "tsv": lambda d: write(d / "a.tsv", CSV.replace(",", "\t")),
    "no header": lambda d: write(d / "a.csv", CSV.partition("\n")[2]),
    "floats of a spreadsheet": lambda d: write(
        d / "a.csv", "user,item\n" + "".join(f"{u}.0,{i}.0\n" for u, i in ROWS)
    ),
    "movielens names": lambda d: write(
        d / "ratings.csv", CSV.replace("user_id,item_id", "userId,movieId")
    ),
    "parquet": lambda d: parquet(d / "a.parquet"),
    "parquet by content": lambda d: parquet(d / "a"),
    "lightgcn": lambda d: write(d / "train.txt", "10 7 3\n20 3\n30 5 7\n40\n"),
    "recbole": lambda d: write(
        d / "a.inter",
        "user_id:token\titem_id:token\trating:float\n"
        + "".join(f"{u}\t{i}\t1.0\n" for u, i in ROWS),
    ),
}


def originals(dataset: Dataset) -> list[tuple[object, object]]:
    users, items = dataset.users.to_pylist(), dataset.items.to_pylist()
    pairs = zip(dataset.train.users_E, dataset.train.items_E, strict=True)
    return sorted((users[user], items[item]) for user, item in pairs)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_reads_as_the_same_pairs(form: str, tmp_path: Path) -> None:
    assert originals(load_dataset(FORMS[form](tmp_path))) == sorted(ROWS)


def test_every_format_has_a_reader() -> None:
    assert set(READERS) == set(Format)


def test_string_ids_stay_strings_and_leading_zeros_survive(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "user,item\n007,x\n7,y\nu,x\n")
    assert load_dataset(path).users.to_pylist() == ["007", "7", "u"]


def test_columns_are_found_by_name_or_by_position(tmp_path: Path) -> None:
    named = write(tmp_path / "a.csv", "who,what,stars\n1,2,5\n2,3,1\n1,3,4\n")
    options = ReadOptions(user="who", item="what", rating="stars", min_rating=4)
    with pytest.raises(DataError, match="1 users and 2 items"):
        load_dataset(named, options)  # of user 2 nothing is left
    bare = write(tmp_path / "b.csv", "5,1,2\n1,2,3\n4,1,3\n")
    options = ReadOptions(user="1", item="2", rating="0", min_rating=2, header=False)
    with pytest.raises(DataError, match="at least two"):
        load_dataset(bare, options)


def test_what_filters_drop_is_counted(tmp_path: Path) -> None:
    text = "user,item,rating,timestamp\n1,1,5,10\n1,1,5,11\n1,2,5,12\n2,1,5,13\n"
    text += "2,2,5,14\n2,3,1,15\n3,3,5,16\n1,4,5,17\n2,5,5,18\n"
    stats = load_dataset(
        write(tmp_path / "a.csv", text), ReadOptions(min_rating=2)
    ).stats
    assert (stats.rows, stats.below_min_rating, stats.duplicates) == (9, 1, 1)
    assert (stats.users, stats.items, stats.pairs) == (3, 5, 7)
    assert stats.timestamps
    assert stats.ordered


def test_a_k_core_leaves_nobody_with_fewer(tmp_path: Path) -> None:
    rows = [(u, i) for u in range(4) for i in range(5) if (u + i) % 4]
    rows += [(9, 0), (9, 8), (1, 7)]  # user 9 and items 7, 8 are too rare
    text = "user,item\n" + "".join(f"{u},{i}\n" for u, i in rows)
    dataset = load_dataset(write(tmp_path / "a.csv", text), ReadOptions(k_core=3))
    assert dataset.train.degrees_U.min() >= 3
    assert dataset.train.popularity_I.min() >= 3
    assert dataset.stats.outside_k_core == 3
    assert 9 not in dataset.users.to_pylist()


def test_a_test_file_shares_the_ids_of_the_training_file(tmp_path: Path) -> None:
    train = write(tmp_path / "train.txt", "1 10 11\n2 12 10\n")
    test = write(tmp_path / "test.txt", "1 12\n2 10 13\n")
    dataset = load_dataset(train, test=test)
    assert dataset.test is not None
    assert dataset.stats.test_dropped == 1  # (2, 10) was trained on
    assert dataset.items.to_pylist() == [10, 11, 12, 13]
    held = {
        (int(u), int(i))
        for u, i in zip(dataset.test.users_E, dataset.test.items_E, strict=True)
    }
    assert held == {(0, 2), (1, 3)}


LOG = "user,item,timestamp\n1,7,5\n1,8,6\n1,7,7\n2,9,1\n2,8,2\n"
LATER = "user,item,timestamp\n1,9,9\n1,7,8\n2,7,3\n2,7,4\n"


@pytest.mark.parametrize("repeats", ["drop", "keep"])
def test_a_saved_data_set_keeps_order_and_repeats(tmp_path: Path, repeats: str) -> None:
    files = write(tmp_path / "a.csv", LOG), write(tmp_path / "b.csv", LATER)
    options = ReadOptions.model_validate({"repeats": repeats})
    dataset = load_dataset(files[0], options, test=files[1])
    dataset.save(tmp_path / "saved")
    again = Dataset.load(tmp_path / "saved")
    assert again.fingerprint == dataset.fingerprint
    assert again.stats == dataset.stats
    assert again.test is not None
    assert again.test.ordered
    kept = repeats == "keep"
    names = [again.items[item].as_py() for item in again.train.items_of(0)]
    assert names == ([7, 8, 7] if kept else [7, 8])
    held = [again.items[item].as_py() for item in again.test.items_of(0)]
    assert held == ([7, 9] if kept else [9])
    stats = again.stats
    counted = stats.duplicates, stats.repeats, stats.pairs, stats.test_dropped
    assert counted == ((0, 2, 5, 0) if kept else (2, 0, 4, 1))
    assert stats.density == 4 / 6


def test_a_test_file_in_order_without_times_is_saved_in_order(tmp_path: Path) -> None:
    train = write(tmp_path / "train.txt", "1 10 11\n2 12 10\n")
    test = write(tmp_path / "test.txt", "1 13 12\n2 11\n")
    dataset = load_dataset(train, ReadOptions(ordered=True), test=test)
    dataset.save(tmp_path / "saved")
    assert Dataset.load(tmp_path / "saved").fingerprint == dataset.fingerprint


BAD: dict[str, tuple[str | bytes, str]] = {
    "a.csv": ("", "is empty"),
    "b.csv": ("user,item\n", "no rows"),
    "c.csv": (b"user,item\n1,\xff\xfe\n", "not UTF-8: byte 0xff in line 2"),
    "d.csv": ("who,what\na,b\n", "no user column among 'who', 'what'"),
    "e.csv": ("user,item\n1,2\n,3\n", "column 'user' is missing in row 2"),
    "f.csv": ("user,item\n1,nan\n2,3\n", "column 'item' is missing in row 1"),
    "g.csv": ("user,item\n1,2\n-4,3\n", "column 'user' is negative in row 2"),
    "h.csv": ("user,item\n1,2,3\n", "not readable as a table"),
    "i.csv": ("user,item\n1,2\n1,3\n", "1 users and 2 items"),
    "j.csv": ("user,item\n1,2\n1,3\n2,2\n", "user 1 has every one of the 2 items"),
    "k.csv": ("user,item,timestamp\n1,2,soon\n", "not readable as a table"),
    "l.parquet": ("PAR1 but no more", "not a readable Parquet file"),
    "m.parquet": ("not even that", "not a readable Parquet file"),
    "n.txt": ("1 2 3\n4 x\n", "line 2: every word must be an integer"),
    "o.txt": ("1 2 3\n4 -5\n", "negative"),
    "p.csv.gz": (gzip.compress(CSV.encode())[:-9], "damaged gzip"),
    "q.inter": ("user_id:token\titem_id:token\n", "no rows"),
    "r.csv": ("user,user\n1,2\n", "twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name: str, tmp_path: Path) -> None:
    content, message = BAD[name]
    with pytest.raises(DataError, match=message):
        load_dataset(write(tmp_path / name, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*nowhere\.csv"):
        load_dataset(tmp_path / "nowhere.csv")


def test_min_rating_without_ratings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs a rating column"):
        load_dataset(write(tmp_path / "a.csv", CSV), ReadOptions(min_rating=3))


def test_formats_are_told_by_content_and_name(tmp_path: Path) -> None:
    assert tell_format(FORMS["lightgcn"](tmp_path)) is Format.LIGHTGCN
    assert tell_format(FORMS["recbole"](tmp_path)) is Format.RECBOLE
    assert tell_format(FORMS["parquet by content"](tmp_path)) is Format.PARQUET
    assert tell_format(write(tmp_path / "x.txt", CSV)) is Format.CSV


def test_a_saved_data_set_comes_back_the_same(tmp_path: Path) -> None:
    dataset = load_dataset(FORMS["csv"](tmp_path))
    dataset.save(tmp_path / "kept")
    again = Dataset.load(tmp_path / "kept")
    assert again.fingerprint == dataset.fingerprint
    assert again.stats == dataset.stats
    assert again.users.equals(dataset.users)


def test_readers_work_where_torch_is_not_loaded(tmp_path: Path) -> None:

    path = FORMS["csv"](tmp_path)
    code = (
        "import sys; from autosample.data.dataset import load_dataset;"
        f"load_dataset({str(path)!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
