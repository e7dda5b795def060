"""The shared data sets, read from AUTOSAMPLE_DATA."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from autosample.data.dataset import Dataset, load_dataset

FOLDER = Path(os.environ.get("AUTOSAMPLE_DATA", "../shared/data"))

FILES: dict[str, tuple[str, str | None]] = {
    "ml-latest-small": ("ml-latest-small/ratings.csv", None),
    "lastfm": ("lastfm/train.txt", "lastfm/test.txt"),
    "amazon-cd": ("amazon-cd/train.txt", "amazon-cd/test.txt"),
    "gowalla": ("gowalla/train.txt", "gowalla/test.txt"),
    "amazon-beauty": ("amazon-beauty-seq/sequences.txt", None),
}


def paths(name: str) -> tuple[Path, Path | None]:
    """Return the files of a data set; ends the program where they are not there."""
    train, test = FILES[name]
    if not (FOLDER / train).exists():
        sys.exit(f"{FOLDER / train} is not there; set AUTOSAMPLE_DATA")
    return FOLDER / train, FOLDER / test if test else None


@cache
def dataset(name: str) -> Dataset:
    """Return a data set, read once."""
    train, test = paths(name)
    return load_dataset(train, test=test)
