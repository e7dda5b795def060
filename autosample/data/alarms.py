"""Signs that a file was misread, or is not what it seems to be.

Each alarm looks at one kind of sign and returns a sentence, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from autosample.data.interactions import Ints
from autosample.data.options import ReadOptions
from autosample.data.readers.columns import SECONDS
from autosample.data.table import Table

FEW = 50
"""Rows below which counts say nothing."""
LARGE_SHARE = 0.2
"""Share of all rows above which one user or item stands out."""
MANY_COLD = 0.1
"""Share of the test rows above which users or items without training are an alarm."""
EXAMPLES = 3


@dataclass(frozen=True)
class Evidence:
    """What alarms look at: the rows of the files as they were read."""

    tables: Sequence[Table]
    """The training rows, and perhaps the test rows, before any filter."""
    codes: Sequence[tuple[Ints, Ints]]
    """Users and items of each table, numbered as in `users` and `items`."""
    users: pa.Array
    items: pa.Array
    options: ReadOptions

    def ids(self) -> Iterator[tuple[str, pa.Array, Ints]]:
        """Yield what ids are called, the ids, and how many training rows each has."""
        for at, (noun, ids) in enumerate((("user", self.users), ("item", self.items))):
            yield noun, ids, np.bincount(self.codes[0][at], minlength=len(ids))

    @cached_property
    def num_rows(self) -> int:
        return self.tables[0].num_rows


def single_occurrences(evidence: Evidence) -> str | None:
    """Ids that never return are times, or numbers of rows, more often than names."""
    for noun, ids, counts in evidence.ids():
        once = int((counts == 1).sum())
        if evidence.num_rows >= FEW and once > 0.95 * max(len(ids), 1):
            return (
                f"{once:,} of {len(ids):,} {noun}s occur once only: is this the column"
                f" of {noun}s?"
            )
    return None


def large_share(evidence: Evidence) -> str | None:
    """One user with a large share may stand for all who are unknown."""
    for noun, ids, counts in evidence.ids():
        share = counts.max() / max(evidence.num_rows, 1)
        # With few ids each of them has a large share.
        if evidence.num_rows >= FEW and share > max(LARGE_SHARE, 5 / len(ids)):
            name = ids[int(counts.argmax())].as_py()
            return (
                f"{noun} {name!r} has {share:.0%} of all rows: does it stand for"
                " unknown ones, or for a robot?"
            )
    return None


def similar_ids(evidence: Evidence) -> str | None:
    """Ids that differ only in how they are written are one, as a rule."""
    for noun, ids, _ in evidence.ids():
        if not pa.types.is_string(ids.type):
            continue
        plain = pc.utf8_lower(ids)
        plain = pc.replace_substring_regex(plain, r"^(-?)0+([0-9])", r"\1\2")
        plain = pc.replace_substring_regex(plain, r"^(-?[0-9]+)\.0+$", r"\1")
        codes = plain.dictionary_encode()
        same = len(ids) - len(codes.dictionary)
        if same:
            return (
                f"{same:,} {noun}s differ from another one only in case, leading zeros"
                f" or .0, such as {_pair(ids, codes.indices)}; each counts as a {noun}"
                " of its own"
            )
    return None


def _pair(ids: pa.Array, codes: pa.Array) -> str:
    """Return two ids that are written alike."""
    codes_N = codes.to_numpy(zero_copy_only=False)
    twice = np.flatnonzero(np.bincount(codes_N) > 1)[0]
    first, second = np.flatnonzero(codes_N == twice)[:2]
    return f"{ids[int(first)].as_py()!r} and {ids[int(second)].as_py()!r}"


def ids_like_times(evidence: Evidence) -> str | None:
    """A column of ids that count seconds since 1970, or are dates, holds times."""
    for noun, ids, _ in evidence.ids():
        if len(ids) >= FEW and _share_of_times(ids) > 0.9:
            return (
                f"the {noun}s look like times, such as {ids[0].as_py()!r}: is this the"
                f" column of {noun}s?"
            )
    return None


def _share_of_times(ids: pa.Array) -> float:
    if pa.types.is_string(ids.type):
        dates = pc.match_substring_regex(ids, r"^\d{4}-\d\d-\d\d([T ]|$)")
        return float(pc.mean(pc.cast(dates, pa.float64())).as_py())
    numbers = ids.to_numpy()
    scaled = np.where(numbers > SECONDS[1], numbers // 1000, numbers)
    return float(np.mean((scaled >= SECONDS[0]) & (scaled <= SECONDS[1])))


def negative_ratings(evidence: Evidence) -> str | None:
    """A rating of zero or below says that a user did not like an item."""
    ratings = evidence.tables[0].ratings
    if ratings is None or evidence.options.min_rating is not None:
        return None
    low, high = pc.min(ratings).as_py(), pc.max(ratings).as_py()
    positive = ratings.filter(pc.greater(ratings, 0))
    if low is None or low > 0 or not len(positive):
        return None
    least = pc.min(positive).as_py()
    return (
        f"ratings are from {low:g} to {high:g}, and all rows are taken as positives;"
        f" min_rating={least:g} would keep {len(positive):,} of {len(ratings):,}"
    )


def equal_times(evidence: Evidence) -> str | None:
    """Equal times give no order."""
    times = evidence.tables[0].times
    if times is None or len(times) < 2 or pc.min(times) != pc.max(times):
        return None
    return f"all timestamps are {times[0].as_py():g}, so they give no order"


def untrained_in_test(evidence: Evidence) -> str | None:
    """Users and items that only the test file has cannot have been learned."""
    if len(evidence.codes) < 2:
        return None
    parts = []
    for at, (noun, _, counts) in enumerate(evidence.ids()):
        cold = counts[evidence.codes[1][at]] == 0
        if cold.mean() > MANY_COLD:
            parts.append(f"{cold.mean():.0%} are of {noun}s")
    return (
        f"of the test rows {' and '.join(parts)} that the training file does not have:"
        " do both files write ids alike?"
        if parts
        else None
    )


ALARMS: tuple[Callable[[Evidence], str | None], ...] = (
    single_occurrences,
    large_share,
    similar_ids,
    ids_like_times,
    negative_ratings,
    equal_times,
    untrained_in_test,
)


def alarms(evidence: Evidence) -> tuple[str, ...]:
    """Return the sentences of all alarms that a data set raises."""
    return tuple(found for alarm in ALARMS if (found := alarm(evidence)) is not None)
