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


def _drops(repeats: str) -> bool:
    """Left out of the JSON, the default does not change the ids of stored data sets."""
    return repeats == "drop"


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
    """Column of times in seconds: a name, or a position from 0 in a file without
    header."""

    header: bool | None = None
    """Whether the first row names the columns. None: recognised by its content."""

    ordered: bool = False
    """Whether the rows, or the items of a line, are in time order."""

    min_rating: float | None = None
    """Rows rated below this are dropped; None keeps every row as an interaction."""

    repeats: Literal["drop", "keep"] = Field("drop", exclude_if=_drops)
    """What happens to rows that repeat a pair of user and item: drop all but the first,
    or keep them, for models that read a user's history. A held-out pair that was also
    trained on can only be found by a ranking that does not mask the history."""

    k_core: NonNegativeInt = 0
    """Drop users and items with fewer pairs, repeatedly until none is left; 0: drop
    none."""
