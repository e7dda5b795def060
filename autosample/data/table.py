"""What a reader returns: the columns of a file, with its own ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autosample.errors import DataError

MISSING = ("", "nan", "NaN", "NAN", "null", "NULL", "None")


@dataclass(frozen=True)
class Table:
    """R rows of a file: ids as dictionary-encoded columns, perhaps rating and time."""

    users: pa.DictionaryArray
    items: pa.DictionaryArray
    ratings: pa.Array | None = None
    times: pa.Array | None = None

    @property
    def num_rows(self) -> int:
        return len(self.users)


def id_column(column: Any, name: str) -> pa.DictionaryArray:
    """Encode a column of ids, as integers where all of them are, else as strings.

    Raises DataError on a missing or negative id, naming the row (from 1).
    """
    encoded = _as_one(column).dictionary_encode()
    if encoded.indices.null_count:
        _refuse(encoded.indices.is_null(), name, "is missing")
    values = encoded.dictionary
    text = values.cast(pa.string()) if not pa.types.is_string(values.type) else values
    missing = pc.is_in(text, value_set=pa.array(MISSING))
    if pc.any(missing).as_py():
        _refuse(missing.take(encoded.indices), name, "is missing")
    numbers = _integers(values, text)
    if numbers is None:
        return pa.DictionaryArray.from_arrays(encoded.indices, text)
    if len(numbers) and pc.min(numbers).as_py() < 0:
        negative = pc.less(numbers, 0)
        _refuse(negative.take(encoded.indices), name, "is negative")
    return pa.DictionaryArray.from_arrays(encoded.indices, numbers)


def number_column(column: Any, name: str) -> pa.Array:
    """Return a column as float64; raises DataError where it is not numbers."""
    try:
        numbers = _as_one(column).cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise DataError(f"column {name!r} must hold numbers: {error}") from error
    bad = pc.invert(pc.fill_null(pc.is_finite(numbers), False))
    if pc.any(bad).as_py():
        _refuse(bad, name, "is not a finite number")
    return numbers


def _as_one(column: Any) -> pa.Array:
    chunked = isinstance(column, pa.ChunkedArray)
    array = column.combine_chunks() if chunked else column
    if isinstance(array, pa.ChunkedArray):  # more than 2 GiB of strings
        raise DataError("a column is over 2 GiB; split the file or use integer ids")
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _integers(values: pa.Array, text: pa.Array) -> pa.Array | None:
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    try:
        if pa.types.is_floating(values.type):
            return values.cast(pa.int64())  # safe: fails unless integral
        numbers = text.cast(pa.int64())
    except pa.ArrowInvalid:
        return _integral_floats(text)
    same = pc.equal(numbers.cast(pa.string()), text)  # "007" stays a string
    return numbers if pc.all(same).as_py() is not False else None


def _integral_floats(text: pa.Array) -> pa.Array | None:
    """Ids that a spreadsheet wrote as 12.0 are integers."""
    if not pc.all(pc.match_substring_regex(text, r"^-?(0|[1-9][0-9]*)\.0+$")).as_py():
        return None
    return text.cast(pa.float64()).cast(pa.int64())


def _refuse(bad: pa.Array, name: str, what: str) -> None:
    row = pc.index(bad, True).as_py() + 1
    raise DataError(f"column {name!r} {what} in row {row}; clean or drop such rows")
