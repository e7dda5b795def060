"""CSV and TSV, with or without a header, plain or gzip."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv

from autosample.data.options import Format, ReadOptions
from autosample.data.readers.base import (
    USUAL_NAMES,
    check_utf8,
    find_columns,
    read_bytes,
)
from autosample.data.table import Table, id_column, number_column
from autosample.errors import DataError


def read_csv(path: Path, options: ReadOptions) -> Table:
    raw = read_bytes(path)
    check_utf8(raw, path.name)
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    return parse_csv(raw, path.name, options)


def parse_csv(raw: bytes, name: str, options: ReadOptions) -> Table:
    first = next(line for line in raw.split(b"\n", 20) if line.strip()).decode()
    delimiter = delimiter_of(first, options.format)
    cells = next(csv.reader([first.rstrip("\r")], delimiter=delimiter))
    header = options.header if options.header is not None else is_header(cells, options)
    names = cells if header else [str(n) for n in range(len(cells))]
    if len(set(names)) < len(names):
        raise DataError(f"{name} names a column twice: {', '.join(map(repr, names))}")
    if not header and options.user is None and options.item is None:
        options = options.model_copy(update={"user": "0", "item": "1"})
    columns = find_columns(names, options)
    table = _parse(raw, name, (delimiter, names, header), columns)
    if table.num_rows == 0:
        raise DataError(f"{name} has a header but no rows")
    return to_table(table, columns)


def to_table(table: pa.Table, columns: dict[str, str]) -> Table:
    """Pick and check the columns of an Arrow table."""
    rating, time = columns.get("rating"), columns.get("timestamp")
    return Table(
        id_column(table[columns["user"]], columns["user"]),
        id_column(table[columns["item"]], columns["item"]),
        None if rating is None else number_column(table[rating], rating),
        None if time is None else number_column(table[time], time),
    )


def delimiter_of(line: str, format: Format | None) -> str:
    """Return what separates the cells of a line."""
    if format is Format.TSV:
        return "\t"
    counts = {sign: line.count(sign) for sign in ",\t;|"}
    return max(counts, key=counts.__getitem__)


def is_header(cells: list[str], options: ReadOptions) -> bool:
    """Tell whether a first row names columns."""
    asked = {options.user, options.item, options.rating, options.timestamp} - {None}
    usual = {name for names in USUAL_NAMES.values() for name in names}
    named = {cell.strip().lower() for cell in cells} & usual or asked & set(cells)
    by_position = bool(asked) and all(name and name.isdigit() for name in asked)
    if by_position:
        return not any(_number(cell) for cell in cells)
    return bool(named) or not any(_number(cell) for cell in cells)


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parse(
    raw: bytes, name: str, shape: tuple[str, list[str], bool], columns: dict[str, str]
) -> pa.Table:
    delimiter, names, header = shape
    types = {columns[noun]: pa.string() for noun in ("user", "item")}
    types |= {columns[n]: pa.float64() for n in ("rating", "timestamp") if n in columns}
    try:
        return pv.read_csv(
            pa.BufferReader(raw),
            read_options=pv.ReadOptions(
                column_names=names, skip_rows=1 if header else 0
            ),
            parse_options=pv.ParseOptions(delimiter=delimiter),
            convert_options=pv.ConvertOptions(
                column_types=types,
                include_columns=list(columns.values()),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"{name} is not readable as a table: {error}") from error
