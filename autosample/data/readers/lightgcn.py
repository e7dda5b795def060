"""The text form of LightGCN's data sets (He et al., 2020, arXiv:2002.02126).

One line per user: its id, then the ids of its items, separated by spaces. A line may
hold a user without items. With `ordered` the items of a line are in time order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from autosample.data.options import ReadOptions
from autosample.data.readers.base import check_utf8, read_bytes
from autosample.data.table import Table, id_column
from autosample.errors import DataError


def read_lightgcn(path: Path, options: ReadOptions) -> Table:
    if options.min_rating is not None:
        raise DataError("min_rating needs ratings, and LightGCN text has none")
    raw = read_bytes(path)
    check_utf8(raw, path.name)
    users, items, counts = [], [], []
    for number, line in enumerate(raw.splitlines(), start=1):
        ids = _ids(line, number, path.name)
        if len(ids):
            users.append(ids[0])
            items.append(ids[1:])
            counts.append(len(ids) - 1)
    items_R = np.concatenate(items)
    if not len(items_R):
        raise DataError(f"{path.name} has no interactions")
    return Table(
        id_column(pa.array(np.repeat(np.array(users), counts)), "user"),
        id_column(pa.array(items_R), "item"),
    )


def _ids(
    line: bytes, number: int, name: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    try:
        return np.array(line.split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{name}, line {number}: every word must be an integer id ({error})"
        ) from error
