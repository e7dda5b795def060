"""Which data sets may be tuned on, and which only judge: read from `cells.toml`."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("cells.toml")


class Role(StrEnum):
    DESIGN = "design"
    """Anything may be chosen on it."""
    JUDGING = "judging"
    """Nothing is chosen on it; it is run once per release of the defaults."""


class Source(NamedTuple):
    """One source of data, in one form or several."""

    name: str
    role: Role
    datasets: tuple[str, ...]


@cache
def sources() -> tuple[Source, ...]:
    """Return all sources; raises ValueError where a data set is listed twice."""
    read = tomllib.loads(FILE.read_text())
    found = tuple(
        Source(name, Role(entry["role"]), tuple(entry["datasets"]))
        for name, entry in read.items()
    )
    names = [dataset for source in found for dataset in source.datasets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{FILE.name} lists {', '.join(twice)} more than once")
    return found


def role_of(dataset: str) -> Role:
    """Return the role of a data set; raises KeyError if it has none."""
    for source in sources():
        if dataset in source.datasets:
            return source.role
    raise KeyError(f"{dataset} is not in {FILE.name}; give it a role there")


def datasets_of(role: Role) -> list[str]:
    """Return the data sets of a role, in the order of the file."""
    return [name for each in sources() if each.role is role for name in each.datasets]
