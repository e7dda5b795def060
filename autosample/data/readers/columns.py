"""Which columns of a file are the user, the item, the rating and the time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from autosample.data.options import ReadOptions
from autosample.errors import DataError

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "user": (
        "user", "user_id", "userid", "uid", "reviewerid", "reviewer_id",
        "customer_id", "customerid", "visitorid", "visitor_id", "personid",
    ),
    "item": (
        "item", "item_id", "itemid", "iid", "movieid", "movie_id", "asin",
        "parent_asin", "product_id", "productid", "book_id", "bookid",
        "business_id", "contentid", "article_id", "track_id", "artistid",
    ),
    "rating": ("rating", "score", "stars", "overall", "label"),
    "timestamp": (
        "timestamp", "time", "ts", "unixtime", "unixreviewtime", "datetime", "date",
    ),
}  # fmt: skip
"""Names by which columns are recognised, in lower case, the most usual first."""

DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$")
FRACTION = re.compile(r"-?\d*\.\d*[1-9]\d*$")
SECONDS = (600_000_000, 2_200_000_000)
"""Seconds since 1970 from 1989 to 2039."""


def find_columns(names: Sequence[str], options: ReadOptions) -> dict[str, int]:
    """Return the positions of user and item, and perhaps of rating and timestamp.

    Raises DataError where user or item, or a column that was asked for, is missing or
    is named twice.
    """
    found: dict[str, int] = {}
    for noun, usual in USUAL_NAMES.items():
        asked = getattr(options, noun)
        name = asked if asked in names else None if asked else usual_name(names, usual)
        if name is not None:
            if names.count(name) > 1:
                raise DataError(f"the file names the column {name!r} twice")
            found[noun] = names.index(name)
        elif asked is not None or noun in ("user", "item"):
            raise DataError(_missing(noun, asked, names))
    if options.min_rating is not None and "rating" not in found:
        raise DataError("min_rating needs a rating column; name it with `rating`")
    if found["user"] == found["item"]:
        name = names[found["user"]]
        raise DataError(f"user and item are the same column {name!r}")
    return found


def guess_positions(rows: Sequence[Sequence[str]]) -> tuple[str, str]:
    """Return the positions of user and item in rows whose columns have no names.

    They are the first two columns that hold neither times nor fractions, which places
    and prices are; the first two where fewer are left.
    """
    columns = list(zip(*rows, strict=False))
    ids = [at for at, cells in enumerate(columns) if _may_be_ids(cells)]
    user, item = ids[:2] if len(ids) > 1 else (0, 1)
    return str(user), str(item)


def _may_be_ids(cells: Sequence[str]) -> bool:
    full = [cell.strip() for cell in cells if cell.strip()]
    fractions = sum(FRACTION.match(cell) is not None for cell in full)
    return bool(full) and not are_times(full) and fractions <= len(full) / 2


def are_times(cells: Sequence[str]) -> bool:
    """Tell whether most cells are dates, or numbers that count seconds since 1970."""
    times = sum(_is_time(cell) for cell in cells)
    return times > 0.9 * len(cells)


def _is_time(cell: str) -> bool:
    if DATE.match(cell):
        return True
    digits = cell.removesuffix(".0")
    if not digits.isdecimal() or len(digits) > len(str(SECONDS[1])) + 3:
        return False
    number = int(digits)
    scale = 1000 if number > SECONDS[1] else 1
    return SECONDS[0] <= number / scale <= SECONDS[1]


def usual_name(names: Iterable[str], usual: Sequence[str]) -> str | None:
    """Return the column that has the most usual of the usual names."""
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.strip().lower(), name)
    return next((by_lower[name] for name in usual if name in by_lower), None)


def _missing(noun: str, asked: str | None, names: Sequence[str]) -> str:
    shown = [repr(name[:60]) for name in names[:20]]
    columns = ", ".join(shown) + (", ..." if names[20:] else "")
    if asked:
        return f"no column {asked!r} for {noun}; the file has {columns}"
    return f"no {noun} column among {columns}; name it with `{noun}`"
