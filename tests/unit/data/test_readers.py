"""Every form of the same interactions reads as the same data set."""

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from autosample.data.dataset import Dataset, from_arrays, load_dataset
from autosample.data.options import Format, ReadOptions
from autosample.data.readers import TEXT_READERS, open_source, text_format, text_of
from autosample.data.splits import GivenTest
from autosample.errors import DataError

ROWS = [(10, 7), (10, 3), (20, 3), (30, 5), (30, 7)]
CSV = "user_id,item_id\n" + "".join(f"{u},{i}\n" for u, i in ROWS)

NUMBERED = list(enumerate(ROWS))


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def parts(folder: Path) -> Path:
    """Two files, as Spark writes them beside a file that says it is done."""
    folder.mkdir()
    for at, rows in enumerate((ROWS[:2], ROWS[2:])):
        users, items = zip(*rows, strict=True)
        table = pa.table({"user": users, "item": items})
        pq.write_table(table, folder / f"part-{at}.parquet")
    write(folder / "_SUCCESS", "")
    return folder


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
    "blank lines first": lambda d: write(d / "a.csv", "\n" * 70_000 + CSV),
    "a line for Excel": lambda d: write(d / "a.csv", "sep=,\r\n" + CSV),
    "a comment first": lambda d: write(d / "a.csv", "# exported\n\n# today\n" + CSV),
    "a header as a comment": lambda d: write(d / "a.csv", "#" + CSV),
    "utf-16": lambda d: write(d / "a.csv", CSV.encode("utf-16")),
    "utf-32": lambda d: write(d / "a.csv", CSV.encode("utf-32")),
    "lines of old Macs": lambda d: write(d / "a.csv", CSV.replace("\n", "\r")),
    "spaces": lambda d: write(d / "a.txt", CSV.replace(",", "  ")),
    "spaces and ratings": lambda d: write(
        d / "a.txt", "".join(f"{u} {i} 4\n" for u, i in ROWS)
    ),
    "movielens separator": lambda d: write(
        d / "ratings.dat", "".join(f"{u}::{i}::5::978300760\n" for u, i in ROWS)
    ),
    "times before items": lambda d: write(
        d / "clicks.dat",
        "".join(
            f"{u},2014-04-0{n + 1}T10:51:09.277Z,{i},0\n" for n, (u, i) in NUMBERED
        ),
    ),
    "check-ins": lambda d: write(
        d / "gowalla.txt",
        "".join(
            f"{u}\t2010-10-17T01:4{n}:53Z\t30.25\t-97.7\t{i}\n"
            for n, (u, i) in NUMBERED
        ),
    ),
    "json lines": lambda d: write(
        d / "a.json",
        "".join(f'{{"reviewerID": {u}, "asin": {i}, "x": [1]}}\n' for u, i in ROWS),
    ),
    "zip": lambda d: zipped(d / "a.zip", {"x/a.csv": CSV, "__MACOSX/x/._a.csv": "?"}),
    "a folder of Parquet": lambda d: parts(d / "parts"),
    "blanks around cells": lambda d: write(d / "a.csv", CSV.replace(",", " , ")),
    "quotes": lambda d: write(
        d / "a.csv",
        "user,item,t\n" + "".join(f'"{u}","{i}","a,\n""b"\n' for u, i in ROWS),
    ),
    "quotes that Spark escapes": lambda d: write(
        d / "a.csv",
        "user,item,t\n" + "".join(f'{u},{i},"say \\"hi\\", ok"\n' for u, i in ROWS),
    ),
    "quotes in a TSV": lambda d: write(
        d / "a.tsv", "user\titem\tt\n" + "".join(f'{u}\t{i}\t"open\n' for u, i in ROWS)
    ),
    "rows end with a separator": lambda d: write(
        d / "a.csv", CSV.replace("\n", ",\n").replace("item_id,", "item_id")
    ),
    "names that nobody needs": lambda d: write(
        d / "a.csv",
        "user,item,,,g,g\n" + "".join(f"{u},{i},1,2,3,4\n" for u, i in ROWS),
    ),
    "ratings and times that are neither": lambda d: write(
        d / "a.csv",
        "user;item;rating;time\n" + "".join(f"{u};{i};3,5;12:30\n" for u, i in ROWS),
    ),
    "recbole by commas": lambda d: write(
        d / "a.inter", CSV.replace("_id", "_id:token")
    ),
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
    assert {*TEXT_READERS, Format.PARQUET} == set(Format)


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


def test_a_validation_file_beside_the_test_file_is_what_decides(tmp_path: Path) -> None:
    train = write(tmp_path / "train.txt", "1 10 11\n2 12 10\n3 13 11\n")
    test = write(tmp_path / "test.txt", "1 13 12\n2 11\n")
    valid = write(tmp_path / "valid.txt", "1 12\n2 13\n3 10 13\n")
    dataset = load_dataset(train, test=test, valid=valid)
    # "1 12" is a test pair and "3 13" a training pair.
    assert (dataset.stats.valid_pairs, dataset.stats.valid_dropped) == (2, 2)
    split = GivenTest().apply(dataset, seed=0)
    assert split.valid is dataset.valid
    assert split.train.num_pairs == dataset.stats.pairs == 6
    dataset.save(tmp_path / "saved")
    again = Dataset.load(tmp_path / "saved")
    assert again.fingerprint == dataset.fingerprint
    assert again.fingerprint != load_dataset(train, test=test).fingerprint
    with pytest.raises(DataError, match="needs a test file beside it"):
        load_dataset(train, valid=valid)


BAD: dict[str, tuple[str | bytes, str]] = {
    "a.csv": ("", "is empty"),
    "b.csv": ("user,item\n", "no rows"),
    "c.csv": (b"user,item\n1,\xff\xfe\n", "not UTF-8: byte 0xff in line 2"),
    "d.csv": ("who,what\na,b\n", "no user column among 'who', 'what'"),
    "e.csv": ("user,item\n1,2\n,3\n", "column 'user' is missing in row 2"),
    "f.csv": ("user,item\n1,nan\n2,3\n", "column 'item' is missing in row 1"),
    "h.csv": ("user,item\n1,2,3\n", "not readable as a table"),
    "i.csv": ("user,item\n1,2\n1,3\n", "1 users and 2 items"),
    "j.csv": ("user,item\n1,2\n1,3\n2,2\n", "user 1 has every one of the 2 items"),
    "l.parquet": ("PAR1 but no more", "not a readable Parquet file"),
    "m.parquet": ("not even that", "not a readable Parquet file"),
    "n.txt": ("1 2 3\n4 x\n", "line 2: every word must be an integer"),
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
    def tell_format(path: Path) -> Format:
        return text_format(text_of(open_source(path)))

    assert tell_format(FORMS["lightgcn"](tmp_path)) is Format.LIGHTGCN
    assert tell_format(FORMS["recbole"](tmp_path)) is Format.RECBOLE
    assert tell_format(write(tmp_path / "x.txt", CSV)) is Format.CSV
    assert tell_format(write(tmp_path / "x", '{"user": 1}')) is Format.JSONL


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


def test_quoted_newlines_may_lie_beyond_any_block(tmp_path: Path) -> None:
    rows = (f'{n % 300},{n % 97},"fine {"x" * 60}\n\nagain"\n' for n in range(20_000))
    path = write(tmp_path / "a.csv", "user,item,review\n" + "".join(rows))
    stats = load_dataset(path).stats
    assert stats.rows == 20_000
    assert "40,000 lines lie within quoted cells" in stats.readings[0].sentence


def test_it_says_what_it_took_a_file_to_be(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "t;user;stars;item\n1;2;x;3\n2;3;x;4\n")
    [reading] = load_dataset(path).stats.readings
    assert reading.sentence == (
        "a.csv: csv separated by ';', with a header; user is column 1 (user); item is"
        " column 3 (item); 2 rows; rating is not used: column 'stars' must hold a"
        " number in each row; row 1 has 'x'"
    )


WORDS = ["", "NaN", "NULL", "None", "NA", "<NA>", "\\N", "N/A", "#N/A", "NaT", "-", " "]


@pytest.mark.parametrize("word", WORDS)
def test_words_for_a_missing_id_are_no_user(word: str, tmp_path: Path) -> None:
    text = f"user,item\nu,1\n{word},2\n{word},3\nv,2\nw,3\n"
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(DataError, match=r"missing in row 2 .* missing in 2 rows"):
        load_dataset(path)
    dataset = load_dataset(path, ReadOptions(drop_missing=True))
    assert dataset.users.to_pylist() == ["u", "v", "w"]
    assert dataset.stats.missing == 2
    assert dataset.stats.rows == 5


def test_a_file_may_name_its_own_words_for_a_missing_id(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "user,item\n0,1\nNA,2\n0,3\nv,4\nv,1\n")
    options = ReadOptions(missing=("0",), drop_missing=True)
    assert load_dataset(path, options).users.to_pylist() == ["NA", "v"]


IDS: dict[str, tuple[object, list[object]]] = {
    "negative": (pa.array([-1, -1, -(2**63)]), [-1, -(2**63)]),
    "unsigned": (pa.array([2**64 - 1, 1, 1], pa.uint64()), [str(2**64 - 1), "1"]),
    "small unsigned": (pa.array([7, 1, 1], pa.uint64()), [7, 1]),
    "beyond 64 bits": ([2**70, 2, 2], [str(2**70), "2"]),
    "floats": (np.array([3.0, 4.0, 4.0]), [3, 4]),
    "big endian": (np.array([3, 4, 4], ">i8"), [3, 4]),
    "dictionary": (pa.array(["x", "y", "y"]).dictionary_encode(), ["x", "y"]),
    "bytes": (pa.array([b"x", b"y", b"y"]), ["x", "y"]),
    "digests": (pa.array([b"\xff\x00", b"\xfe\x00"] * 2)[:3], ["ff00", "fe00"]),
    "uuid": (
        pa.array([UUID(int=1).bytes, UUID(int=2).bytes, UUID(int=2).bytes], pa.uuid()),
        [str(UUID(int=1)), str(UUID(int=2))],
    ),
    "torch": (torch.tensor([3, 4, 4]), [3, 4]),
    "written alike": (
        ["9007199254740993.0", "9007199254740992.0", "2"],
        [9007199254740993, 9007199254740992, 2],
    ),
    "blanks": ([" 10", "10", "11 "], [10, 11]),
}


@pytest.mark.parametrize("kind", IDS)
def test_an_id_is_a_name_of_any_type(kind: str) -> None:
    ids, names = IDS[kind]
    assert from_arrays(ids, [1, 2, 3]).users.to_pylist() == names


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([[1], [1], [2]]), "list<"),
        (pa.array([{"id": 1}] * 3), "struct<"),
        ([True, False, True], "bool"),
        ([1, "a", 2], "int, str"),
        ([object()] * 3, "object"),
    ],
)
def test_what_is_no_name_is_refused_with_its_column_and_type(
    column: object, kind: str
) -> None:
    with pytest.raises(DataError, match=f"'user'.*{kind}"):
        from_arrays(column, [1, 2, 3])


DAY = 86_400.0
TIMES: dict[str, tuple[object, float]] = {
    "seconds": (pa.array([DAY, 0, 0], pa.int64()), DAY),
    "milliseconds": (pa.array([0, 0, 0], pa.timestamp("ms")).cast("int64"), 0.0),
    **{
        f"in {unit} {zone or ''}": (
            pa.array([86_400 * scale, 0, 0], pa.timestamp(unit, zone)),
            DAY,
        )
        for unit, scale in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9))
        for zone in (None, "UTC", "Europe/Berlin")
    },
    "dates": (pa.array([1, 0, 0], pa.date32()), DAY),
    "dates of 64 bits": (pa.array([86_400_000, 0, 0], pa.date64()), DAY),
    "ISO dates": (["1970-01-02", "1970-01-01", "1970-01-01"], DAY),
    "ISO 8601": (
        ["1970-01-02T00:00:00.5", "1970-01-01 00:00", "1970-01-01"],
        DAY + 0.5,
    ),
    "ISO 8601 with zones": (["1970-01-02T02:00:00+02:00"] * 3, DAY),
    "datetimes": ([datetime(1970, 1, 2, tzinfo=UTC)] * 3, DAY),
    "NumPy": (np.array(["1970-01-02"] * 3, "datetime64[s]"), DAY),
    "decimals": ([Decimal("86400.25")] * 3, DAY + 0.25),
}


@pytest.mark.parametrize("kind", TIMES)
def test_times_of_every_type_are_seconds(kind: str) -> None:
    times, first = TIMES[kind]
    dataset = from_arrays([1, 2, 2], [1, 2, 3], times=times)
    assert dataset.train.times_E is not None
    assert dataset.train.times_E[0] == first


def test_a_time_that_is_asked_for_must_be_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "user,item,when\n1,2,5\n2,3,soon\n3,2,6\n")
    with pytest.raises(DataError, match=r"'when' must hold .* row 2 has 'soon'"):
        load_dataset(path, ReadOptions(timestamp="when"))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_frames_are_read_as_files_are(make: Callable[[object], object]) -> None:
    users, items = zip(*ROWS, strict=True)
    frame = make({"x": [0.5] * 5, "user_id": users, "item_id": items})
    assert originals(load_dataset(frame)) == sorted(ROWS)
    with pytest.raises(DataError, match="no user column among 'y'"):
        load_dataset(make({"y": [1]}))


def test_columns_must_be_equally_long() -> None:
    with pytest.raises(DataError, match="user has 3, item has 3, rating has 2"):
        from_arrays([1, 2, 3], [1, 2, 3], ratings=[1, 2])


def test_a_quote_that_is_never_closed_is_named(tmp_path: Path) -> None:
    text = 'user,item,t\n1,2,"open\n2,3,x\n3,2,y\n'
    with pytest.raises(DataError, match="opens a quote that is never closed"):
        load_dataset(write(tmp_path / "a.csv", text))


def test_a_row_of_another_length_is_named_with_its_line(tmp_path: Path) -> None:
    text = "user,item\n1,2\n2,3\n3,2,9\n"
    with pytest.raises(DataError, match="line 4 has 3 cells and not 2"):
        load_dataset(write(tmp_path / "a.csv", text))


@pytest.mark.parametrize("files", [{}, {"a.csv": CSV, "b.csv": CSV}])
def test_a_zip_of_several_files_is_refused_by_their_names(
    files: dict[str, str], tmp_path: Path
) -> None:
    names = r"\(a\.csv, b\.csv\)" if files else "0 files"
    with pytest.raises(DataError, match=names):
        load_dataset(zipped(tmp_path / "a.zip", files))


@pytest.mark.parametrize(
    "magic", [b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"ORC"]
)
def test_formats_that_are_not_read_are_named(magic: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="which is not read"):
        load_dataset(write(tmp_path / "a.csv", magic + b"rest"))


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    code = (
        "from autosample import load_dataset;"
        "print(load_dataset('/dev/stdin').stats.pairs)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, input=CSV, capture_output=True, text=True, check=True
    )
    assert done.stdout == "5\n"


def test_users_that_were_never_trained_on_are_counted(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "user,item\n001,1\n001,2\n002,3\n002,2\n")
    test = write(tmp_path / "b.csv", "user,item\n1,1\n2,4\n")
    stats = load_dataset(train, test=test).stats
    assert (stats.untrained_users, stats.untrained_items) == (2, 1)
    told = " ".join(stats.warnings)
    assert "100% are of users and 50% are of items" in told
    assert "2 users differ from another one only in case, leading zeros" in told
