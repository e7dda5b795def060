"""The text form of LightGCN's data sets (He et al., 2020, arXiv:2002.02126).

One line per user: its id, then the ids of its items, separated by spaces. A line may
hold a user without items. With `ordered` the items of a line are in time order.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from autosample.data.options import Format, ReadOptions
from autosample.data.readers.columns import are_times
from autosample.data.readers.text import Text
from autosample.data.reading import Reading
from autosample.data.table import Table, make_table
from autosample.errors import DataError

MOST_COLUMNS = 6
"""Most cells per row for which rows of equal length may be a table."""


def is_lightgcn(lines: list[str]) -> bool:
    """Tell whether lines hold a user and its items each, and not one rating each.

    In a table separated by spaces all rows have the same few cells, and users return
    in other rows, or the last cell is a time.
    """
    rows = [line.split() for line in lines]
    if not all(_is_integer(word) for word in rows[0]):
        return False
    widths = {len(row) for row in rows}
    if len(widths) > 1 or widths == {1} or max(widths) > MOST_COLUMNS:
        return True
    users = [row[0] for row in rows]
    timed = max(widths) > 2 and are_times([row[-1] for row in rows])
    return len(set(users)) == len(users) and not timed


def _is_integer(word: str) -> bool:
    return word.removeprefix("-").isdecimal()


def read_lightgcn(text: Text, options: ReadOptions) -> Table:
    if options.min_rating is not None:
        raise DataError("min_rating needs ratings, and LightGCN text has none")
    users, items, counts = [], [], []
    for number, line in enumerate(text.raw.splitlines(), start=1):
        ids = _ids(line, number, text.name)
        if len(ids):
            users.append(ids[0])
            items.append(ids[1:])
            counts.append(len(ids) - 1)
    items_R = np.concatenate(items)
    if not len(items_R):
        raise DataError(f"{text.name} has no interactions")
    cells = {
        "user": pa.array(np.repeat(np.array(users), counts)),
        "item": pa.array(items_R),
    }
    note = "each line is a user and its items"
    reading = Reading(
        file=text.name,
        format=Format.LIGHTGCN,
        rows=len(items_R),
        notes=(*text.notes, note),
    )
    return make_table(cells, reading, options)


def _ids(
    line: bytes, number: int, name: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    try:
        return np.array(line.split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{name}, line {number}: every word must be an integer id ({error})"
        ) from error
