"""Columns of ids: names of users and items, as integers where all of them are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autosample.errors import DataError

MISSING = (
    "", "nan", "NaN", "NAN", "null", "NULL", "Null", "None", "none", "NA", "<NA>",
    "N/A", "n/a", "#N/A", "NaT", "\\N", "-",
)  # fmt: skip
"""Words that stand for a missing value unless others are named."""
INTEGRAL = r"^-?(0|[1-9][0-9]*)(\.0+)?$"
"""Integers, and those that a spreadsheet or pandas wrote as 12.0."""


def id_column(column: Any, name: str, missing: Sequence[str]) -> pa.DictionaryArray:
    """Encode a column of ids; a missing one is null.

    Blanks around ids are dropped. Raises DataError where a type cannot be an id.
    """
    array = as_array(column, name)
    if pa.types.is_nested(array.type) or pa.types.is_boolean(array.type):
        raise DataError(_unfit(array.type, name))
    encoded = array.dictionary_encode()
    if pa.types.is_signed_integer(encoded.dictionary.type) and missing is MISSING:
        whole = encoded.dictionary.cast(pa.int64())
        return pa.DictionaryArray.from_arrays(encoded.indices, whole)
    text = _as_text(encoded.dictionary, name)
    trimmed = pc.utf8_trim_whitespace(text)
    absent = pc.is_in(trimmed, value_set=pa.array(missing, pa.string()))
    trimmed = pc.if_else(absent, None, trimmed)
    numbers = _integers(trimmed)
    names = trimmed if numbers is None else numbers
    # Two words may have become one name, and some a missing one.
    again = names.dictionary_encode()
    indices = encoded.indices
    if len(again.dictionary) < len(names):
        indices = again.indices.take(indices)
        return pa.DictionaryArray.from_arrays(indices, again.dictionary)
    return pa.DictionaryArray.from_arrays(indices, names)


def as_array(column: Any, name: str) -> pa.Array:
    """Return a column as one plain array."""
    chunked = isinstance(column, pa.ChunkedArray)
    array = column.combine_chunks() if chunked else column
    if isinstance(array, pa.ChunkedArray):
        if array.num_chunks > 1:  # more than 2 GiB of strings
            raise DataError(
                f"column {name!r} is over 2 GiB; split the file or use integer ids"
            )
        array = array.chunk(0)
    if isinstance(array, pa.ExtensionArray):
        array = _storage(array)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _storage(array: pa.ExtensionArray) -> pa.Array:
    if array.type.extension_name != "arrow.uuid":
        return array.storage
    values = [None if raw is None else _uuid(raw) for raw in array.storage.to_pylist()]
    return pa.array(values, pa.string())


def _uuid(raw: Any) -> str:
    return str(raw if isinstance(raw, uuid.UUID) else uuid.UUID(bytes=raw))


def _as_text(values: pa.Array, name: str) -> pa.Array:
    """Return ids as strings; raises DataError on types that are no names."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind):
        return _bytes_as_text(values)
    try:
        if pa.types.is_floating(kind):
            return _floats_as_text(values)
        return values.cast(pa.string())
    except pa.ArrowException as error:
        raise DataError(_unfit(kind, name)) from error


def _unfit(kind: pa.DataType, name: str) -> str:
    return (
        f"column {name!r} is of type {kind}, which cannot be an id; give integers or"
        " strings"
    )


def _bytes_as_text(values: pa.Array) -> pa.Array:
    """Return bytes as text where all are UTF-8, else in hexadecimal."""
    raw = values.to_pylist()
    try:
        text = [None if each is None else each.decode() for each in raw]
    except UnicodeDecodeError:
        text = [None if each is None else each.hex() for each in raw]
    return pa.array(text, pa.string())


def _floats_as_text(values: pa.Array) -> pa.Array:
    """Return whole numbers without their fraction; NaN is text that counts as missing.

    Not a cast of floats to strings, which would write large ones with an exponent.
    """
    finite = pc.is_finite(values)
    try:
        whole = pc.if_else(finite, values, None).cast(pa.int64())
    except pa.ArrowInvalid:
        return values.cast(pa.string())
    return whole.cast(pa.string())


def _integers(text: pa.Array) -> pa.Array | None:
    """Return names as integers of 64 bits where all of them are written as such."""
    if not pc.all(pc.match_substring_regex(text, INTEGRAL)).as_py():
        return None
    digits = pc.replace_substring_regex(text, r"\.0+$", "")
    try:
        return digits.cast(pa.int64())
    except pa.ArrowInvalid:  # beyond 64 bits
        return None
