"""Parquet: only the columns that are needed are read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from autosample.data.options import ReadOptions
from autosample.data.readers.base import find_columns, read_bytes
from autosample.data.readers.csv import to_table
from autosample.data.table import Table
from autosample.errors import DataError

PARQUET_MAGIC = b"PAR1"


def read_parquet(path: Path, options: ReadOptions) -> Table:
    try:
        file = pq.ParquetFile(pa.BufferReader(read_bytes(path)))
        columns = find_columns(file.schema_arrow.names, options)
        table = file.read(columns=list(columns.values()))
    except MemoryError:  # which Arrow's is, too: the file may be sound
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path.name} is not a readable Parquet file: {error}"
        ) from error
    if table.num_rows == 0:
        raise DataError(f"{path.name} has no rows")
    return to_table(_times_as_seconds(table, columns), columns)


def _times_as_seconds(table: pa.Table, columns: dict[str, str]) -> pa.Table:
    name = columns.get("timestamp")
    if name is None or not pa.types.is_timestamp(table[name].type):
        return table
    nanos = table[name].cast(pa.timestamp("ns", table[name].type.tz)).cast(pa.int64())
    at = table.schema.get_field_index(name)
    return table.set_column(at, name, pa.compute.divide(nanos.cast(pa.float64()), 1e9))
