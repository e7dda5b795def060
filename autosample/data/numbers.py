"""Columns of ratings and of times, as floating-point numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autosample.data.ids import as_array
from autosample.errors import DataError

MICROSECONDS = 1e6
DAY = 86_400.0


def rating_column(column: Any, name: str) -> pa.Array:
    """Return ratings as float64; raises DataError where one is not a finite number."""
    return _checked(as_array(column, name), name, _number, "a number")


def time_column(column: Any, name: str) -> pa.Array:
    """Return times as float64: numbers as they are, dates in seconds since 1970.

    Dates may have any unit and any zone, or be text as ISO 8601 has it. Raises
    DataError where one is neither.
    """
    return _checked(
        as_array(column, name), name, _seconds, "a number or an ISO 8601 date"
    )


def _checked(
    array: pa.Array, name: str, convert: Callable[[pa.Array], pa.Array], what: str
) -> pa.Array:
    try:
        numbers = convert(array)
    except (pa.ArrowException, OverflowError) as error:
        where = _first_bad(array, convert)
        raise DataError(
            f"column {name!r} must hold {what} in each row; {where}"
        ) from error
    bad = pc.invert(pc.fill_null(pc.is_finite(numbers), False))
    if pc.any(bad).as_py():
        row = pc.index(bad, True).as_py()
        shown = repr(str(array[row].as_py())[:40])
        raise DataError(
            f"column {name!r} must hold {what} in each row; row {row + 1} has {shown}"
        )
    return numbers


def _first_bad(array: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> str:
    """Name the first value that cannot be converted; columns may mix kinds of dates."""
    low, high = 0, len(array)  # all of the first `low` convert, not all of `high`
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(array[:middle])
            low = middle
        except (pa.ArrowException, OverflowError):
            high = middle
    return f"row {high} has {str(array[high - 1].as_py())[:40]!r}"


def _number(array: pa.Array) -> pa.Array:
    return array.cast(pa.float64())


def _seconds(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_timestamp(kind):
        return _since_1970(array)
    if pa.types.is_date(kind):
        return pc.multiply(
            array.cast(pa.date32()).cast(pa.int32()).cast(pa.float64()), DAY
        )
    if not _is_text(kind):
        return array.cast(pa.float64())
    try:
        return array.cast(pa.float64())
    except pa.ArrowInvalid:
        return _since_1970(_dates(array))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _dates(array: pa.Array) -> pa.Array:
    """Parse ISO 8601; all have a zone, or none has."""
    try:
        return array.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return array.cast(pa.timestamp("us", "UTC"))


def _since_1970(array: pa.Array) -> pa.Array:
    units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
    return pc.divide(
        array.cast(pa.int64()).cast(pa.float64(), safe=False), units[array.type.unit]
    )
