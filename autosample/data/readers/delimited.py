"""CSV and its kin: rows of cells, with or without a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

import pyarrow as pa
import pyarrow.csv as pv

from autosample.data.options import Format, ReadOptions
from autosample.data.readers.columns import USUAL_NAMES, find_columns, guess_positions
from autosample.data.readers.dialect import (
    HEAD,
    Dialect,
    dialect_of,
    head_lines,
    plain_rows,
)
from autosample.data.readers.text import Text
from autosample.data.reading import Column, Reading
from autosample.data.table import Table, make_table
from autosample.errors import DataError

ROWS = 200
"""Rows that a guess of the columns looks at."""


@dataclass(frozen=True)
class Layout:
    """What the rows of a text look like."""

    dialect: Dialect
    header: bool
    names: tuple[str, ...]
    """Names of the columns, or their positions where there is no header."""
    rows: tuple[tuple[str, ...], ...]
    """The first rows, without the header."""
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return len(self.names)


def read_delimited(text: Text, options: ReadOptions) -> Table:
    """Read rows of cells. Raises DataError with what was wrong and where."""
    return parse(text, layout_of(text, options), options)


def layout_of(text: Text, options: ReadOptions) -> Layout:
    """Return what the rows look like. Raises DataError where it cannot be told."""
    dialect = dialect_of(text, options)
    rows = first_rows(text, dialect)
    header = is_header(rows[0], options) if options.header is None else options.header
    names = [_unwrapped(name.strip()) for name in rows[0]]
    layout = Layout(
        dialect,
        header,
        tuple(names if header else (str(at) for at in range(len(rows[0])))),
        tuple(tuple(row) for row in (rows[1:] if header else rows)),
    )
    return _without_empty_end(layout)


def first_rows(text: Text, dialect: Dialect) -> list[list[str]]:
    """Return the cells of the first rows; rows may differ in length."""
    lines = head_lines(text.raw)
    sign = dialect.separator
    if not dialect.quoted:
        split = None if sign == " " else sign
        return [line.split(split) for line in lines[: ROWS + 1]]
    # Python's limit on the length of a cell is one for all of the process.
    csv.field_size_limit(max(csv.field_size_limit(), HEAD))
    escape = "\\" if dialect.escaped else None
    head = io.StringIO("\n".join(lines))
    rows = csv.reader(head, delimiter=sign, escapechar=escape)
    return [row for row in islice(rows, ROWS + 1) if row]


def _without_empty_end(layout: Layout) -> Layout:
    """Add a column without a name where all rows end with a separator."""
    longer = [row for row in layout.rows if len(row) != layout.width]
    ends = layout.header and longer and len(longer) == len(layout.rows)
    if ends and all(len(r) == layout.width + 1 and not r[-1].strip() for r in longer):
        note = "rows end with a separator"
        return replace(layout, names=(*layout.names, ""), notes=(note,))
    return layout


def is_header(cells: Sequence[str], options: ReadOptions) -> bool:
    """Tell whether a first row names columns."""
    asked = {options.user, options.item, options.rating, options.timestamp} - {None}
    usual = {name for names in USUAL_NAMES.values() for name in names}
    plain = {_unwrapped(cell.strip()) for cell in cells}
    named = {cell.lower() for cell in plain} & usual or asked & plain
    numbers = any(_is_number(cell) for cell in cells)
    by_position = bool(asked) and all(name and name.isdigit() for name in asked)
    return not numbers if by_position else bool(named) or not numbers


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _unwrapped(cell: str) -> str:
    """Return a name without the quotes around it, in formats without quotes."""
    wrapped = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1] if wrapped else cell


def parse(text: Text, layout: Layout, options: ReadOptions) -> Table:
    """Read the columns of a text whose layout is known."""
    if not layout.rows:
        raise DataError(f"{text.name} has a header but no rows")
    if not layout.header and options.user is None and options.item is None:
        user, item = guess_positions(layout.rows)
        options = options.model_copy(update={"user": user, "item": item})
    columns = find_columns(layout.names, options)
    table = _parse(text, layout, columns)
    reading = Reading(
        file=text.name,
        format=Format.TSV if layout.dialect.separator == "\t" else Format.CSV,
        separator=layout.dialect.separator,
        header=layout.header,
        columns={
            noun: Column(name=layout.names[at], position=at)
            for noun, at in columns.items()
        },
        rows=table.num_rows,
        notes=(*text.notes, *layout.notes, *_newlines(text, layout, table.num_rows)),
    )
    cells = {noun: table[str(at)] for noun, at in columns.items()}
    return make_table(cells, reading, options)


def _parse(text: Text, layout: Layout, columns: dict[str, int]) -> pa.Table:
    """Read the columns that are needed, as text, each under its position."""
    raw, sign = plain_rows(text.raw, layout.dialect)
    wanted = [str(at) for at in sorted(columns.values())]
    quoted, escaped = layout.dialect.quoted, layout.dialect.escaped
    bad: list[pv.InvalidRow] = []

    def remember(row: pv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    try:
        return pv.read_csv(
            pa.BufferReader(raw),
            read_options=pv.ReadOptions(
                column_names=[str(at) for at in range(layout.width)],
                skip_rows_after_names=1 if layout.header else 0,
                block_size=_block_size(raw),
            ),
            parse_options=pv.ParseOptions(
                delimiter=sign,
                quote_char='"' if quoted else False,
                escape_char="\\" if escaped else False,
                newlines_in_values=quoted,
                invalid_row_handler=remember,
            ),
            convert_options=pv.ConvertOptions(
                column_types={name: pa.string() for name in wanted},
                include_columns=wanted,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(_unreadable(text, layout, bad, error)) from error


def _block_size(raw: bytes) -> int:
    """Return a size of blocks that holds the longest line of the first ones."""
    longest = max((len(line) for line in head_lines(raw)), default=0)
    return max(1 << 20, 4 * longest)


def _unreadable(
    text: Text, layout: Layout, bad: list[pv.InvalidRow], error: pa.ArrowInvalid
) -> str:
    if not bad:
        return f"{text.name} is not readable as a table: {error}"
    row = bad[0]
    line = next(
        (
            n
            for n, each in zip(count(1), text.raw.split(b"\n"))
            if _same(each, row.text)
        ),
        None,
    )
    where = f"line {line}" if line is not None else "a row"
    return (
        f"{text.name} is not readable as a table: {where} has"
        f" {row.actual_columns} cells and not {row.expected_columns}"
        f" ({row.text[:80]!r}); the separator was taken to be"
        f" {layout.dialect.separator!r}, and `separator` names another"
    )


def _same(line: bytes, text: str) -> bool:
    return line.rstrip(b"\r").decode(errors="replace") == text.rstrip("\r\n")


def _newlines(text: Text, layout: Layout, rows: int) -> tuple[str, ...]:
    """Say how many lines stand within cells: many may mean that a quote is not meant as
    one."""
    if not layout.dialect.quoted:
        return ()
    # Blank lines between rows are few, and counting them would cost as much as reading.
    lines = text.raw.count(b"\n") + (not text.raw.endswith(b"\n"))
    within = lines - rows - layout.header
    return (f"{within:,} lines lie within quoted cells or are blank",) if within else ()
