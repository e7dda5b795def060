"""Interactions that are in memory already: frames, and columns of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from autosample.data.options import ReadOptions
from autosample.data.readers.columns import find_columns
from autosample.data.reading import Column, Reading
from autosample.data.table import Table, make_table
from autosample.errors import DataError


def is_frame(value: Any) -> bool:
    """Tell whether a value is a table of named columns: pandas, Polars or Arrow."""
    return hasattr(value, "columns") and hasattr(value, "__getitem__")


def read_frame(frame: Any, options: ReadOptions) -> Table:
    """Read a frame of pandas, Polars or Arrow.

    Raises DataError where a column is missing or holds what cannot be read.
    """
    names = [str(name) for name in _names(frame)]
    columns = find_columns(names, options)
    cells = {n: to_arrow(_column(frame, at), names[at]) for n, at in columns.items()}
    kind = type(frame)
    reading = Reading(
        file=f"{kind.__module__.partition('.')[0]} {kind.__name__}",
        columns={n: Column(name=names[at], position=at) for n, at in columns.items()},
        rows=len(cells["user"]),
    )
    return make_table(cells, reading, options)


def read_columns(columns: dict[str, Any], options: ReadOptions) -> Table:
    """Read columns of equal length, given by what they are: user, item, and perhaps
    rating and timestamp. Raises DataError where they do not fit one another."""
    given = {noun: column for noun, column in columns.items() if column is not None}
    cells = {noun: to_arrow(column, noun) for noun, column in given.items()}
    lengths = {noun: len(column) for noun, column in cells.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{n} has {length:,}" for n, length in lengths.items())
        raise DataError(f"columns must be equally long: {shown}")
    # What is given on purpose must parse, as what options name.
    asked: dict[str, Any] = {noun: noun for noun in cells}
    reading = Reading(
        file="columns in memory",
        columns={noun: Column(name=noun, position=at) for at, noun in enumerate(cells)},
        rows=lengths["user"],
    )
    return make_table(cells, reading, options.model_copy(update=asked))


def _names(frame: Any) -> Sequence[Any]:
    return getattr(frame, "column_names", frame.columns)  # type: ignore[no-any-return]


def _column(frame: Any, at: int) -> Any:
    """Return a column by its position; names may be of any type."""
    if hasattr(frame, "iloc"):
        return frame.iloc[:, at]
    return frame[_names(frame)[at]]


def to_arrow(column: Any, name: str) -> pa.Array:
    """Return a column in memory as Arrow has it.

    Raises DataError where it mixes types, or holds one that Arrow does not know.
    """
    if hasattr(column, "to_arrow"):
        column = column.to_arrow()
    elif type(column).__module__.startswith("torch"):
        column = column.detach().cpu().numpy()
    if isinstance(column, np.ndarray):
        # Arrow takes only the byte order of the machine.
        column = column.astype(column.dtype.newbyteorder("="), copy=False)
    try:
        return pa.array(column)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        values = list(column)
        if all(isinstance(value, int | np.integer) for value in values):
            return pa.array([str(value) for value in values])  # beyond 64 bits
        types = sorted({type(value).__name__ for value in values})
        raise DataError(
            f"column {name!r} cannot be read ({error}); it holds {', '.join(types)},"
            " and all values must be of one type"
        ) from error
