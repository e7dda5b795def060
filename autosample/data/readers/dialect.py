"""How the rows of a text are written: what separates their cells, and quotes."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from autosample.data.options import Format, ReadOptions
from autosample.data.readers.text import Text
from autosample.errors import DataError

SEPARATORS = ("::", "\t", ";", ",", "|", " ")
"""Signs that are tried, in the order of preference among equals."""
UNQUOTED = frozenset({"::", "\t", " "})
"""Separators of formats that have no quotes: a quote is a sign like others there."""
LINES = 200
"""Lines that a guess looks at."""
HEAD = 1 << 18
"""Most bytes of a text that a guess looks at."""
STAND_IN = "\x1f"
"""ASCII's unit separator, for separators of two signs, which Arrow does not read."""
QUOTED_CELL = re.compile(r'"(?:[^"\\]|\\.|"")*"')
ESCAPED_QUOTE = re.compile(rb'\\"[^,;|\r\n"]')
"""A quote that Spark escapes; one at the end of a cell closes the cell instead."""


class Dialect(NamedTuple):
    """How rows are written."""

    separator: str
    quoted: bool = True
    """Whether cells may stand in quotes."""
    escaped: bool = False
    """Whether a backslash stands before a quote that belongs to a cell, as in Spark."""


def dialect_of(text: Text, options: ReadOptions) -> Dialect:
    """Return how the rows of a text are written. Raises DataError where no sign
    separates cells, or where a quote is opened and never closed."""
    separator = options.separator or text.separator or _given(options.format)
    if separator is None:
        separator = guess_separator(head_lines(text.raw))
    if separator is None:
        raise DataError(
            f"{text.name} has one column, or its separator is not known (one of"
            f" {' '.join(map(repr, SEPARATORS))} is); name it with `separator`"
        )
    quoted = separator not in UNQUOTED and b'"' in text.raw
    escaped = quoted and ESCAPED_QUOTE.search(text.raw) is not None
    if quoted:
        _refuse_open_quote(text, escaped)
    return Dialect(separator, quoted, escaped)


def _given(format: Format | None) -> str | None:
    return "\t" if format is Format.TSV else None


def head_lines(raw: bytes) -> list[str]:
    """Return the first lines of a text that are not blank, without their ends.

    A last one that `HEAD` cuts off is left out, where there are others.
    """
    head = raw[:HEAD]
    if len(raw) > HEAD and b"\n" in head:
        head = head[: head.rindex(b"\n")]
    lines = head.decode(errors="replace").split("\n")
    return [line.rstrip("\r") for line in lines if line.strip()][:LINES]


def guess_separator(lines: list[str]) -> str | None:
    """Return the sign that separates the cells of most lines into equally many."""
    best, best_score = None, (0.0, 0)
    bare = [QUOTED_CELL.sub("", line) for line in lines]
    for sign in SEPARATORS:
        widths = Counter(_width(line, sign) for line in bare)
        width, count = max(widths.items(), key=lambda pair: (pair[1], pair[0]))
        # Signs within cells, such as a decimal comma, divide into fewer cells.
        score = (round(count / len(bare), 1), width)
        if width > 1 and score > best_score:
            best, best_score = sign, score
    return best


def _width(line: str, sign: str) -> int:
    return len(line.split()) if sign == " " else line.count(sign) + 1


def _refuse_open_quote(text: Text, escaped: bool) -> None:
    quotes = text.raw.count(b'"')
    if escaped:
        quotes -= text.raw.count(b'\\"')
    if quotes % 2 and _opens_cell(text.raw):
        raise DataError(
            f"{text.name} opens a quote that is never closed: it has {quotes} quotes;"
            " close it, double quotes within cells, or use Parquet"
        )


def _opens_cell(raw: bytes) -> bool:
    """Tell whether any cell begins with a quote; others may stand within cells."""
    return re.search(rb'(?:^|[,;|\n])"', raw) is not None


def plain_rows(raw: bytes, dialect: Dialect) -> tuple[bytes, str]:
    """Return rows whose cells one sign separates, and that sign."""
    if dialect.separator == " ":
        lines = (b" ".join(line.split()) for line in raw.split(b"\n"))
        return b"\n".join(lines), " "
    if len(dialect.separator) > 1:
        return raw.replace(dialect.separator.encode(), STAND_IN.encode()), STAND_IN
    return raw, dialect.separator
