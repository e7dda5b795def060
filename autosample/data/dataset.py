"""Data sets: training pairs, test pairs if there are any, and the original ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import NonNegativeInt

from autosample.core.config import Config
from autosample.data.alarms import Evidence, alarms
from autosample.data.filters import k_core
from autosample.data.frames import is_frame, read_columns, read_frame
from autosample.data.interactions import Bools, Interactions, Ints
from autosample.data.options import ReadOptions
from autosample.data.readers import read
from autosample.data.reading import Reading
from autosample.data.table import Table
from autosample.errors import DataError

DIGESTS = "digests.json"
"""File of a stored data set with the SHA-256 of each other one."""
DAMAGED = "the stored data set is damaged; upload its file again, which heals it"


class DatasetStats(Config):
    """Counts of what was read, what was dropped for which reason, and what is left."""

    users: NonNegativeInt
    items: NonNegativeInt
    pairs: NonNegativeInt
    """Training pairs that are left; distinct unless `repeats` were kept."""
    test_pairs: NonNegativeInt = 0
    """Pairs of the test file that are left; distinct unless `repeats` were kept."""
    valid_pairs: NonNegativeInt = 0
    """Pairs of the validation file that are left."""
    valid_dropped: NonNegativeInt = 0
    """Pairs of the validation file that are training or test pairs as well, or whose
    user or item is not left in training."""
    rows: NonNegativeInt
    """Rows that were read, of the training file and the test file together."""
    below_min_rating: NonNegativeInt = 0
    """Rows dropped by `min_rating`."""
    duplicates: NonNegativeInt = 0
    """Rows dropped because they repeated a pair of their file."""
    repeats: NonNegativeInt = 0
    """Rows kept although they repeat a pair of their file."""
    outside_k_core: NonNegativeInt = 0
    """Training pairs dropped by `k_core`."""
    test_dropped: NonNegativeInt = 0
    """Test pairs dropped because they are outside the training file's k-core, or in
    the training file while repeats are dropped."""
    density: float
    """Distinct training pairs / (users * items)."""
    ordered: bool
    """Whether a user's pairs are in time order."""
    timestamps: bool
    """Whether pairs carry times."""
    missing: NonNegativeInt = 0
    """Rows dropped because an id was missing in them."""
    untrained_users: NonNegativeInt = 0
    """Users of the test file who are not in the training file."""
    untrained_items: NonNegativeInt = 0
    """Items of the test file that are not in the training file."""
    readings: tuple[Reading, ...] = ()
    """How each file was read, the training file first."""
    warnings: tuple[str, ...] = ()
    """Signs that a file was misread or is not what it seems to be, a sentence each."""


@dataclass(frozen=True)
class Dataset:
    """Interactions with ids from 0, and the original ids they replace."""

    train: Interactions
    """All pairs, or those of the training file if there is a test file, too."""

    test: Interactions | None
    """The pairs of the test file, if one was given; in time order if that is known."""

    users: pa.Array
    """Original id of each user: int64 or string."""

    items: pa.Array
    """Original id of each item: int64 or string."""

    stats: DatasetStats

    valid: Interactions | None = None
    """The pairs of the validation file, if one was given beside the test file."""

    @property
    def fingerprint(self) -> str:
        """A text that is equal for equal pairs in compact ids."""
        test = self.test.fingerprint if self.test else "no test file"
        valid = f"/{self.valid.fingerprint}" if self.valid else ""
        return f"{self.train.fingerprint}/{test}{valid}"

    def save(self, folder: Path) -> None:
        """Write the data set as Parquet files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, ids in (("users", self.users), ("items", self.items)):
            pq.write_table(pa.table({"id": ids}), folder / f"{name}.parquet")
        write_pairs(self.train, folder / "train.parquet")
        if self.test is not None:
            write_pairs(self.test, folder / "test.parquet")
        if self.valid is not None:
            write_pairs(self.valid, folder / "valid.parquet")
        stats = self.stats.model_dump_json(indent=1)
        (folder / "stats.json").write_text(stats, "utf-8")
        digests = {path.name: _digest(path) for path in sorted(folder.iterdir())}
        (folder / DIGESTS).write_text(json.dumps(digests, indent=1), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read what `save` wrote; raises DataError where any of it was changed."""
        check_files(folder)
        users, items = (
            pq.read_table(folder / f"{name}.parquet")["id"].combine_chunks()
            for name in ("users", "items")
        )
        stats = DatasetStats(**json.loads((folder / "stats.json").read_text("utf-8")))
        shape = (len(users), len(items))
        train = read_pairs(folder / "train.parquet", shape, ordered=stats.ordered)
        test, valid = (
            read_pairs(path, shape, ordered=False) if path.exists() else None
            for path in (folder / "test.parquet", folder / "valid.parquet")
        )
        return cls(train, test, users, items, stats, valid)


def check_files(folder: Path) -> None:
    """Raise DataError where a stored data set lacks a file, or one was changed.

    Those that an earlier version stored have no digests, and pass.
    """
    if not folder.is_dir():
        raise DataError("the files of the data set are gone; upload its file again")
    if not (folder / DIGESTS).exists():
        return
    try:
        digests = json.loads((folder / DIGESTS).read_text("utf-8"))
        bad = [name for name, each in digests.items() if _digest(folder / name) != each]
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{DAMAGED} ({error})") from error
    if bad:
        raise DataError(f"{DAMAGED} ({', '.join(bad)} was changed)")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def load_dataset(
    source: Any,
    options: ReadOptions | None = None,
    *,
    test: Any = None,
    valid: Any = None,
) -> Dataset:
    """Return the data set in a file of interactions and perhaps a test file.

    `valid` is a file of validation pairs beside the test file: searches decide by it,
    so its pairs should be like those of the test. Pairs of it that are training or test
    pairs as well are dropped.

    A file is given by its path: CSV and its kin, Parquet or a folder of it, JSON lines,
    or the text of LightGCN or RecBole, plain, gzip or in a zip. Frames of pandas,
    Polars and Arrow are read too. Raises DataError where a file or its content breaks a
    rule.
    """
    options = options or ReadOptions()
    if valid is not None and test is None:
        raise DataError("a validation file needs a test file beside it")
    sources = [each for each in (source, test, valid) if each is not None]
    return from_tables([_table(each, options) for each in sources], options)


def _table(source: Any, options: ReadOptions) -> Table:
    if isinstance(source, str | PathLike):
        return read(Path(source), options)
    if is_frame(source):
        return read_frame(source, options)
    raise DataError(
        f"interactions are read from a path or a frame, and not from a"
        f" {type(source).__name__}; autosample.from_arrays takes columns"
    )


def from_tables(tables: list[Table], options: ReadOptions) -> Dataset:
    """Return the data set of a table of pairs and perhaps tables of test pairs and of
    validation pairs, in this order."""
    counts = {"missing": sum(table.missing for table in tables)}
    counts["rows"] = sum(table.num_rows for table in tables) + counts["missing"]
    kept = [_rated(table, options.min_rating) for table in tables]
    left = sum(table.num_rows for table in kept)
    counts["below_min_rating"] = counts["rows"] - counts["missing"] - left
    users_P, users = _compact([table.users for table in kept])
    items_P, items = _compact([table.items for table in kept])
    codes = list(zip(users_P, items_P, strict=True))
    warnings = alarms(Evidence(kept, codes, users, items, options))
    shape = (len(users), len(items))
    parts = [
        _pairs(table, pair, shape, options)
        for table, pair in zip(kept, codes, strict=True)
    ]
    num_pairs = sum(part.num_pairs for part in parts)
    counts["duplicates"] = left - num_pairs
    counts["repeats"] = num_pairs - sum(part.distinct.num_pairs for part in parts)
    core = k_core(parts[0], options.k_core)
    counts["outside_k_core"] = parts[0].num_pairs - core.num_pairs
    held_out, dropped = _held_out(core, parts[1:], options)
    counts |= dropped
    readings = tuple(table.reading for table in tables)
    facts = {"readings": readings, "warnings": warnings}
    try:
        dataset = _without_gaps(core, held_out, (users, items), counts)
    except DataError as error:
        # What was misread shows itself here first.
        hint = " ".join((f"{readings[0].sentence}.", *warnings))
        raise DataError(f"{error}. {hint}") from error
    return replace(dataset, stats=dataset.stats.model_copy(update=facts))


def from_arrays(
    users: Any,
    items: Any,
    *,
    times: Any = None,
    ratings: Any = None,
    options: ReadOptions | None = None,
) -> Dataset:
    """Return the data set of columns in memory: lists, NumPy, torch, pandas, Polars or
    Arrow. Raises DataError where they are not equally long or hold no ids or numbers.
    """
    options = options or ReadOptions()
    columns = {"user": users, "item": items, "rating": ratings, "timestamp": times}
    return from_tables([read_columns(columns, options)], options)


def _rated(table: Table, min_rating: float | None) -> Table:
    if min_rating is None:
        return table
    if table.ratings is None:
        raise DataError("min_rating needs a rating column; name it with `rating`")
    return table.filter(pc.greater_equal(table.ratings, min_rating))


def _held_out(
    train: Interactions, parts: Sequence[Interactions], options: ReadOptions
) -> tuple[list[Interactions], dict[str, int]]:
    """Return the test pairs, if there are any, and the validation pairs, with counts of
    what was dropped."""
    if not parts:
        return [], {}
    read = [part.num_pairs for part in parts]
    test, *rest = (_answers(train, part, options) for part in parts)
    valid = [part.take(~_seen(test, part)) for part in rest]
    counts = _untrained(train, test) | {"test_dropped": read[0] - test.num_pairs}
    if valid:
        counts["valid_dropped"] = read[1] - valid[0].num_pairs
    return [test, *valid], counts


def _answers(
    train: Interactions, test: Interactions, options: ReadOptions
) -> Interactions:
    """Return the test pairs that count as answers."""
    answers = _inside(train, test, options.k_core)
    if options.repeats == "drop":
        answers &= ~_seen(train, test)
    return test.take(answers)


def _untrained(train: Interactions, test: Interactions) -> dict[str, int]:
    users, items = (test.degrees_U > 0, test.popularity_I > 0)
    return {
        "untrained_users": int((users & (train.degrees_U == 0)).sum()),
        "untrained_items": int((items & (train.popularity_I == 0)).sum()),
    }


def _compact(columns: list[pa.DictionaryArray]) -> tuple[list[Ints], pa.Array]:
    """Return ids numbered by first appearance in all columns, and the originals."""
    decoded = [column.dictionary_decode() for column in columns]
    if len({column.type for column in decoded}) > 1:
        decoded = [column.cast(pa.string()) for column in decoded]
    encoded = pa.chunked_array(decoded).combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    cuts = np.cumsum([len(column) for column in decoded])[:-1]
    return np.split(codes, cuts), encoded.dictionary


def _pairs(
    table: Table, codes: tuple[Ints, Ints], shape: tuple[int, int], options: ReadOptions
) -> Interactions:
    times = None if table.times is None else table.times.to_numpy(zero_copy_only=False)
    return Interactions.from_pairs(
        *codes,
        num_users=shape[0],
        num_items=shape[1],
        times_E=times,
        ordered=options.ordered,
        repeats=options.repeats == "keep",
    )


def _seen(train: Interactions, test: Interactions) -> Bools:
    return train.contains(test.users_E, test.items_E[:, None].astype(np.int64))[:, 0]


def _inside(train: Interactions, test: Interactions, k: int) -> Bools:
    if k == 0:
        return np.ones(test.num_pairs, np.bool_)
    inside: Bools = (train.degrees_U[test.users_E] > 0) & (
        train.popularity_I[test.items_E] > 0
    )
    return inside


def _without_gaps(
    train: Interactions,
    held_out: Sequence[Interactions],
    ids: tuple[pa.Array, pa.Array],
    counts: dict[str, int],
) -> Dataset:
    parts = [train, *held_out]
    users = np.flatnonzero(sum(part.degrees_U for part in parts))
    items = np.flatnonzero(sum(part.popularity_I for part in parts))
    if len(users) < 2 or len(items) < 2:
        raise DataError(
            f"{len(users)} users and {len(items)} items are left, and at least two of"
            f" each are needed ({_summary(counts)})"
        )
    complete = len(users) == train.num_users and len(items) == train.num_items
    small = parts if complete else [_renumbered(part, users, items) for part in parts]
    kept = (ids[0].take(pa.array(users)), ids[1].take(pa.array(items)))
    _refuse_full_user(small[0], kept[0])
    train, (test, valid) = small[0], (*small[1:], None, None)[:2]
    stats = DatasetStats(
        users=len(users),
        items=len(items),
        pairs=train.num_pairs,
        test_pairs=test.num_pairs if test else 0,
        valid_pairs=valid.num_pairs if valid else 0,
        density=train.distinct.num_pairs / (len(users) * len(items)),
        ordered=train.ordered,
        timestamps=train.times_E is not None,
        **counts,
    )
    return Dataset(train, test, *kept, stats, valid)


def _renumbered(part: Interactions, users: Ints, items: Ints) -> Interactions:
    new_item = np.full(part.num_items, -1, np.int64)
    new_item[items] = np.arange(len(items))
    new_user = np.full(part.num_users, -1, np.int64)
    new_user[users] = np.arange(len(users))
    return Interactions.from_pairs(
        new_user[part.users_E],
        new_item[part.items_E],
        num_users=len(users),
        num_items=len(items),
        times_E=part.times_E,
        ordered=part.ordered,
        repeats=part.repeats,
    )


def _refuse_full_user(train: Interactions, users: pa.Array) -> None:
    full = np.flatnonzero(train.distinct.degrees_U >= train.num_items)
    if len(full):
        raise DataError(
            f"user {users[int(full[0])].as_py()!r} has every one of the"
            f" {train.num_items} items, so no negative is left to draw; drop such"
            " users, or keep only rows that are positives with `min_rating`"
        )


def _summary(counts: dict[str, int]) -> str:
    parts = (f"{name.replace('_', ' ')}: {n}" for name, n in counts.items() if n)
    return ", ".join(parts) or "nothing was read"


def write_pairs(pairs: Interactions, path: Path) -> None:
    """Write pairs as Parquet, with their order, and whether pairs may repeat."""
    columns: dict[str, Any] = {
        "user": pairs.users_E.astype(np.int32),
        "item": pairs.items_E,
    }
    if pairs.times_E is not None:
        columns["time"] = pairs.times_E
    flags = {"ordered": str(pairs.ordered), "repeats": str(pairs.repeats)}
    pq.write_table(pa.table(columns, metadata=flags), path)


def read_pairs(path: Path, shape: tuple[int, int], *, ordered: bool) -> Interactions:
    """Read what `write_pairs` wrote; `ordered` holds for files without that flag."""
    table = pq.read_table(path)
    flags = table.schema.metadata or {}
    timed = "time" in table.column_names
    return Interactions.from_pairs(
        table["user"].to_numpy(),
        table["item"].to_numpy(),
        num_users=shape[0],
        num_items=shape[1],
        times_E=table["time"].to_numpy() if timed else None,
        ordered=flags.get(b"ordered", str(ordered).encode()) == b"True",
        repeats=flags.get(b"repeats") == b"True",
    )
