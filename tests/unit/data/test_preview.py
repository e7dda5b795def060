"""The first rows of any file that is read, and what its columns seem to be."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autosample.core.apart import Limits
from autosample.data.apart import preview_apart
from autosample.data.options import Format
from autosample.data.preview import HEAD, Preview, preview
from autosample.errors import DataError

CSV = "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n1,1029,3.0,1260759179\n"


def look(folder: Path, name: str, raw: bytes | str) -> Preview:
    path = folder / name
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return preview(path)


def test_columns_are_guessed_by_their_usual_names(tmp_path: Path) -> None:
    told = look(tmp_path, "a.csv", CSV)
    assert told.format is Format.CSV
    assert told.header
    assert told.rows[0] == ("1", "31", "2.5", "1260759144")
    assert told.guessed == {
        "user": "userId",
        "item": "movieId",
        "rating": "rating",
        "timestamp": "timestamp",
    }


@pytest.mark.parametrize("sign", ["\t", ";", "|", ","])
def test_without_a_header_the_first_two_columns_are_taken(
    tmp_path: Path, sign: str
) -> None:
    told = look(tmp_path, "a.txt", f"7{sign}8{sign}5\n9{sign}8{sign}4\n")
    assert not told.header
    assert told.columns == ("0", "1", "2")
    assert told.guessed == {"user": "0", "item": "1"}
    assert told.rows == (("7", "8", "5"), ("9", "8", "4"))


def test_other_formats_are_shown_alike(tmp_path: Path) -> None:
    zipped = look(tmp_path, "a.csv.gz", gzip.compress(CSV.encode()))
    assert zipped.rows == look(tmp_path, "b.csv", CSV).rows
    inter = look(tmp_path, "a.inter", "user_id:token\titem_id:token\n1\t2\n")
    assert inter.format is Format.RECBOLE
    assert inter.guessed == {"user": "user_id", "item": "item_id"}
    lines = look(tmp_path, "train.txt", "0 5 6 7\n1 6\n")
    assert lines.format is Format.LIGHTGCN
    assert lines.rows == (("0", "5 6 7"), ("1", "6"))
    pq.write_table(pa.table({"uid": [3], "iid": ["x"]}), tmp_path / "a.parquet")
    table = preview(tmp_path / "a.parquet")
    assert table.rows == (("3", "x"),)
    assert table.guessed == {"user": "uid", "item": "iid"}


def test_a_row_that_is_cut_off_is_not_shown(tmp_path: Path) -> None:
    raw = b"user,item\n1,2\n" + b"3," + b"4" * HEAD
    told = look(tmp_path, "a.csv", raw[:HEAD])
    assert told.rows == (("1", "2"),)


@pytest.mark.parametrize(
    "raw", [b"", b"\n \n", b"PAR1 nothing", b"\0\1\2", b"\x1f\x8bxx"]
)
def test_what_is_no_table_is_refused_with_a_reason(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"a\.bin"):
        preview_apart(path, Limits(4 << 30, 60))
