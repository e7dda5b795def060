"""The data sets of the benchmarks: files in AUTOSAMPLE_DATA, and data made to order."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from autosample.data.dataset import Dataset, load_dataset
from autosample.data.options import ReadOptions
from autosample.data.splits import GivenTest, RandomSplit, SplitSpec
from autosample.data.synthetic import Synthetic, Walks

FOLDER = Path(os.environ.get("AUTOSAMPLE_DATA", "../shared/data"))

FILES: dict[str, tuple[str, str | None]] = {
    "ml-latest-small": ("ml-latest-small/ratings.csv", None),
    "lastfm": ("lastfm/train.txt", "lastfm/test.txt"),
    "amazon-cd": ("amazon-cd/train.txt", "amazon-cd/test.txt"),
    "gowalla": ("gowalla/train.txt", "gowalla/test.txt"),
    "gowalla-irb": ("gowalla-irb/train.txt", "gowalla-irb/test.txt"),
    "amazon-beauty": ("amazon-beauty-seq/sequences.txt", None),
    "amazon-health": ("amazon-health/train.txt", "amazon-health/test.txt"),
    "amazon-sports": ("amazon-sports-seq/sequences.txt", None),
    "amazon-beauty-large": ("amazon-beauty-large/sequences.txt", None),
    "amazon-beauty-time": ("amazon-beauty-time/interactions.csv", None),
    "food": ("food/train.txt", "food/test.txt"),
    "retailrocket-buyers": ("retailrocket-buyers/events.csv", None),
}

MADE: dict[str, Synthetic] = {
    "made-demo": Synthetic(
        users=2000, items=6000, pairs_per_user=30, clusters=30, loyalty=6.0, skew=1.0
    ),
    # Popularity alone tells what users like.
    "made-popular": Synthetic(
        users=3000, items=2000, pairs_per_user=20, clusters=1, skew=1.2
    ),
    # Taste alone does: all items of a cluster are equally popular.
    "made-flat": Synthetic(
        users=3000, items=4000, pairs_per_user=25, clusters=60, loyalty=6.0, skew=0.0
    ),
    # A third of what users like is never observed.
    "made-hidden": Synthetic(
        users=3000,
        items=3000,
        pairs_per_user=25,
        clusters=40,
        loyalty=5.0,
        false_negatives=0.33,
    ),
}


WALKS: dict[str, Walks] = {
    "made-walks": Walks(users=1500, items=600, steps_per_user=12, jumps=0.4)
}


def paths(name: str) -> tuple[Path, Path | None]:
    """Return the files of a data set; ends the program where they are not there."""
    train, test = FILES[name]
    if not (FOLDER / train).exists():
        sys.exit(f"{FOLDER / train} is not there; set AUTOSAMPLE_DATA")
    return FOLDER / train, FOLDER / test if test else None


def pairs_rule(name: str) -> SplitSpec:
    """Return the rule by which benchmarks of plain pairs split a data set: by its test
    file, else at random, whatever the order of its pairs."""
    given = name in FILES and FILES[name][1] is not None
    return GivenTest() if given else RandomSplit()


@cache
def sequences(name: str) -> Dataset:
    """Return a data set of sequences, in time order, read or made once."""
    if name in WALKS:
        return WALKS[name].build()
    file, _ = paths(name)
    return load_dataset(file, options=ReadOptions(ordered=file.suffix == ".txt"))


@cache
def dataset(name: str) -> Dataset:
    """Return a data set, read or made once."""
    if name in MADE:
        return MADE[name].build().dataset
    train, test = paths(name)
    return load_dataset(train, test=test)
