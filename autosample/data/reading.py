"""What a reader took a file to be, so that a wrong guess can be seen."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt

from autosample.core.config import Config
from autosample.data.options import Format

SHOWN = {"\t": "tabs", " ": "spaces"}


class Column(Config):
    """A column that was read."""

    name: str
    """Its name in the file, or its position where the file names no columns."""
    position: NonNegativeInt
    """Its position, from 0."""


class Reading(Config):
    """How one file was read: what its format and its columns were taken to be."""

    file: str
    """Name of the file, or the kind of a table in memory."""
    format: Format | None = None
    """Format that was read; None for a table in memory."""
    separator: str | None = None
    """What stood between the cells of a row, in formats that have such a thing."""
    header: bool | None = None
    """Whether the first row named the columns, in formats where it may."""
    columns: dict[str, Column] = Field(default_factory=dict)
    """The columns that were read, by what they were read as: user, item, rating or
    timestamp."""
    rows: NonNegativeInt = 0
    """Rows of the file, without its header."""
    notes: tuple[str, ...] = ()
    """What was skipped, changed or left unused on the way, one sentence each."""

    @property
    def sentence(self) -> str:
        """The record as one line."""
        kind = str(self.format or "in memory")
        if self.separator is not None:
            sign = SHOWN.get(self.separator, repr(self.separator))
            kind += f" separated by {sign}"
        if self.header is not None:
            kind += ", with a header" if self.header else ", without a header"
        columns = [
            f"{noun} is column {column.position}"
            + (f" ({column.name})" if column.name != str(column.position) else "")
            for noun, column in self.columns.items()
        ]
        parts = [
            kind,
            *columns,
            f"{self.rows:,} row{'s' * (self.rows != 1)}",
            *self.notes,
        ]
        return f"{self.file}: {'; '.join(parts)}"
