"""The library's front door: a file or a data set, and a report that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import autosample
from autosample.data.synthetic import Synthetic

SMALL: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}],
    "training": {"epochs": 1},
}


def test_a_report_names_the_file_that_was_searched(tmp_path: Path) -> None:
    data = Synthetic(users=30, items=20, pairs_per_user=8).build().dataset
    assert autosample.search(data, **SMALL).report.spec.dataset == "in memory"
    path = tmp_path / "mine.csv"
    pairs = [f"u{n % 30},i{n * 7 % 20}\n" for n in range(300)]
    path.write_text("user,item\n" + "".join(pairs))
    assert autosample.search(path, **SMALL).report.spec.dataset == "mine.csv"
