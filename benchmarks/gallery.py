"""Real results in the documentation: what every candidate reached, from the truth.

Reads `benchmarks/results/truth.jsonl` and writes the gallery of `docs/search.md`.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[1]
TRUTH = ROOT / "benchmarks" / "results" / "truth.jsonl"
PAGE = ROOT / "docs" / "search.md"
MARK = "<!-- gallery -->\n"
SEEDS = 3


def gallery(truth: Path = TRUTH) -> str:
    """Return a table, a row for each data set and model that is trained to the end."""
    found: dict[str, dict[str, list[float]]] = {}
    for line in truth.read_text().splitlines():
        row = json.loads(line)
        if row["error"] is None:
            by_label = found.setdefault(row["cell"], {})
            by_label.setdefault(row["label"], []).append(row["test"])
    lines = [
        "| data set / model | best | second | third | uniform | worst |",
        "|---|---|---|---|---|---|",
    ]
    for cell, tests in found.items():
        if all(len(values) >= SEEDS for values in tests.values()):
            lines.append(_row(cell, tests))
    return "\n".join(lines) + "\n"


def _row(cell: str, tests: dict[str, list[float]]) -> str:
    order = sorted(tests, key=lambda label: -mean(tests[label]))
    told = [*order[:3], "uniform", order[-1]]
    cells = [f"{label} {mean(tests[label]):.4f}" for label in told]
    cells[3] = f"{mean(tests['uniform']):.4f}"
    return f"| {' | '.join([cell, *cells])} |"


def written(page: str) -> str:
    """Return a page with the gallery at its end."""
    return page[: page.index(MARK) + len(MARK)] + "\n" + gallery()


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
