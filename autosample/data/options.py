"""How a file of interactions is to be read."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, NonNegativeInt

from autosample.core.config import Config


class Format(StrEnum):
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    LIGHTGCN = "lightgcn"
    RECBOLE = "recbole"
    JSONL = "jsonl"


def _is_default(value: object) -> bool:
    """Tell whether an option that came later has its default, which the JSON leaves
    out: so it does not change the ids of stored data sets."""
    return value in (None, False, "drop")


class ReadOptions(Config):
    """Column mapping and filters; every default suits a file with usual names."""

    format: Format | None = None
    """Format of the file. None: recognised by its content and its name."""

    user: str | None = Field(None, min_length=1)
    """Column of user ids: a name, or a position from 0 in a file without header."""

    item: str | None = Field(None, min_length=1)
    """Column of item ids: a name, or a position from 0 in a file without header."""

    rating: str | None = Field(None, min_length=1)
    """Column of ratings: a name, or a position from 0 in a file without header. Only
    `min_rating` uses it."""

    timestamp: str | None = Field(None, min_length=1)
    """Column of times, as numbers or as dates: a name, or a position from 0 in a file
    without header."""

    header: bool | None = None
    """Whether the first row names the columns. None: recognised by its content."""

    separator: str | None = Field(
        None, min_length=1, max_length=2, exclude_if=_is_default
    )
    """What stands between the cells of a row, such as `,` or `::`. None: recognised by
    the content."""

    missing: tuple[str, ...] | None = Field(None, exclude_if=_is_default)
    """Words that stand for a missing id, beside the empty one. None: the usual ones,
    such as NA and null."""

    drop_missing: bool = Field(default=False, exclude_if=_is_default)
    """Whether rows in which an id is missing are dropped. False: they are refused."""

    ordered: bool = False
    """Whether the rows, or the items of a line, are in time order."""

    min_rating: float | None = None
    """Rows rated below this are dropped; None keeps every row as an interaction."""

    repeats: Literal["drop", "keep"] = Field("drop", exclude_if=_is_default)
    """What happens to rows that repeat a pair of user and item: drop all but the first,
    or keep them, for models that read a user's history. A held-out pair that was also
    trained on can only be found by a ranking that does not mask the history."""

    k_core: NonNegativeInt = 0
    """Drop users and items with fewer pairs, repeatedly until none is left; 0: drop
    none."""
