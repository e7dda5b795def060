"""AutoSample finds the negative sampler that fits a recommender and its data."""

from __future__ import annotations

import os

# Torch's threads would wait for work by spinning, on cores that kernels need. Read
# when torch is first imported, so it stands first.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autosample.bundle.negatives import Negatives
    from autosample.bundle.recommender import Recommender, load
    from autosample.client import Client
    from autosample.data.dataset import Dataset, from_arrays, load_dataset
    from autosample.data.options import ReadOptions
    from autosample.library import Result, search
    from autosample.samplers import parse_sampler
    from autosample.spec import SearchSpec
    from autosample.views.trackers import tracker

_HOME = {
    "Client": "autosample.client",
    "Dataset": "autosample.data.dataset",
    "Negatives": "autosample.bundle.negatives",
    "ReadOptions": "autosample.data.options",
    "Recommender": "autosample.bundle.recommender",
    "Result": "autosample.library",
    "SearchSpec": "autosample.spec",
    "from_arrays": "autosample.data.dataset",
    "load": "autosample.bundle.recommender",
    "load_dataset": "autosample.data.dataset",
    "parse_sampler": "autosample.samplers",
    "search": "autosample.library",
    "tracker": "autosample.views.trackers",
}

__all__ = [
    "Client",
    "Dataset",
    "Negatives",
    "ReadOptions",
    "Recommender",
    "Result",
    "SearchSpec",
    "from_arrays",
    "load",
    "load_dataset",
    "parse_sampler",
    "search",
    "tracker",
]


def __getattr__(name: str) -> Any:
    """Import on first use: torch takes seconds, and reading a file does not need it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
