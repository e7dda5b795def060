"""What a reader returns: the columns of a file, with its own ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autosample.data.ids import MISSING, id_column
from autosample.data.numbers import rating_column, time_column
from autosample.data.options import ReadOptions
from autosample.data.reading import Reading
from autosample.errors import DataError


@dataclass(frozen=True)
class Table:
    """R rows of a file: ids as dictionary-encoded columns, perhaps rating and time."""

    users: pa.DictionaryArray
    items: pa.DictionaryArray
    reading: Reading
    ratings: pa.Array | None = None
    times: pa.Array | None = None
    missing: int = 0
    """Rows dropped because an id was missing."""

    @property
    def num_rows(self) -> int:
        return len(self.users)

    def filter(self, keep: Any) -> Table:
        """Return the rows for which a boolean column is true."""
        return Table(
            self.users.filter(keep),
            self.items.filter(keep),
            self.reading,
            None if self.ratings is None else self.ratings.filter(keep),
            None if self.times is None else self.times.filter(keep),
            self.missing,
        )


def make_table(
    cells: Mapping[str, Any], reading: Reading, options: ReadOptions
) -> Table:
    """Check the columns of a file, given by what they are.

    A rating or time that nobody asked for and that does not parse is left unused.
    Raises DataError on a missing id, naming the row, unless such rows are dropped.
    """
    names = {n: c.name for n, c in reading.columns.items()}
    words = MISSING if options.missing is None else ("", *options.missing)
    ids = {
        noun: id_column(cells[noun], names.get(noun, noun), words)
        for noun in ("user", "item")
    }
    absent = pc.or_(ids["user"].is_null(), ids["item"].is_null())
    missing = pc.sum(absent).as_py() or 0
    if missing and not options.drop_missing:
        _refuse_missing(cells, ids, names, missing)
    keep = pc.invert(absent) if missing else None
    if keep is not None:
        cells = {noun: column.filter(keep) for noun, column in cells.items()}
        ids = {noun: _filled(column.filter(keep)) for noun, column in ids.items()}
    unused: list[str] = []
    numbers = {
        noun: _numbers(noun, cells, names, options, unused)
        for noun in ("rating", "timestamp")
    }
    columns = {
        noun: column
        for noun, column in reading.columns.items()
        if noun in ids or numbers.get(noun) is not None
    }
    notes = (*reading.notes, *unused)
    return Table(
        ids["user"],
        ids["item"],
        reading.model_copy(update={"columns": columns, "notes": notes}),
        numbers["rating"],
        numbers["timestamp"],
        missing,
    )


def _filled(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return ids of which none is missing, without the null in their dictionary."""
    return column.dictionary_decode().dictionary_encode()


def _numbers(
    noun: str,
    cells: Mapping[str, Any],
    names: Mapping[str, str],
    options: ReadOptions,
    unused: list[str],
) -> pa.Array | None:
    """Return a column of numbers; None where there is none, or none that is asked for
    and it does not parse."""
    if noun not in cells:
        return None
    convert = rating_column if noun == "rating" else time_column
    needed = getattr(options, noun) is not None or (
        noun == "rating" and options.min_rating is not None
    )
    try:
        return convert(cells[noun], names.get(noun, noun))
    except DataError as error:
        if needed:
            raise
        unused.append(f"{noun} is not used: {error}")
        return None


def _refuse_missing(
    cells: Mapping[str, Any],
    ids: Mapping[str, pa.DictionaryArray],
    names: Mapping[str, str],
    missing: int,
) -> None:
    for noun, column in ids.items():
        absent = column.is_null()
        if pc.any(absent).as_py():
            row = pc.index(absent, True).as_py()
            value = str(cells[noun][row].as_py() or "")
            raise DataError(
                f"column {names.get(noun, noun)!r} is missing in row {row + 1}"
                f" ({value!r}), and ids are missing in {missing:,} rows; drop such rows"
                " with `drop_missing`, or name the words that mean a missing id with"
                " `missing`"
            )
