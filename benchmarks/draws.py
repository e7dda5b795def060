"""Negatives shared by a batch beside negatives drawn for each pair: quality and time.

    python -m benchmarks.draws [--out results.jsonl]

Both are trained from scratch under the softmax loss with row-sparse Adam, stopped early
on validation pairs, on one thread. Rows that the file has are left out. Validation
NDCG@20 is compared, so the test split stays closed. All data sets are design cells.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.spec import SearchSpec
from autosample.trials import Request
from autosample.trials.run import InProcessRunner
from benchmarks.cells import role_of
from benchmarks.data import dataset, pairs_rule

DATASETS = ("lastfm", "ml-latest-small")
NEGATIVES = (16, 64, 256)
SEEDS = (0, 1)


def _spec(name: str, negatives: int, shared: bool, seed: int) -> SearchSpec:
    sampler = {"kind": "uniform", "shared": shared, "negatives": negatives}
    return SearchSpec.model_validate(
        {
            "dataset": name,
            "split": pairs_rule(name),
            "loss": {"kind": "sl", "temperature": 0.2},
            "candidates": [sampler],
            "training": {
                "seed": seed,
                "learning_rate": 0.03,
                "l2": 0.0,
                "optimizer": {"kind": "adam"},
            },
        }
    )


def measure(name: str, negatives: int, shared: bool, seed: int) -> dict[str, Any]:
    """Train once and return the best validation metric and the time."""
    spec = _spec(name, negatives, shared, seed)
    split = prepare(spec, dataset(name))
    request = Request(recipe.trial(spec, "row", spec.samplers))
    began = time.perf_counter()
    (result,) = InProcessRunner(split).run([request], lambda *_: None)
    seconds = time.perf_counter() - began
    return {
        "dataset": name,
        "role": role_of(name),
        "negatives": negatives,
        "drawn": "batch" if shared else "pair",
        "seed": seed,
        "ndcg@20": round(result.best, 4),
        "epochs": result.total_epochs,
        "seconds": round(seconds, 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = (
        given.out.read_text().splitlines() if given.out and given.out.exists() else []
    )
    rows = [json.loads(line) for line in lines]
    keys = ("dataset", "negatives", "drawn", "seed")
    done = {tuple(row[key] for key in keys) for row in rows}
    for negatives, name, seed, shared in product(
        NEGATIVES, DATASETS, SEEDS, (True, False)
    ):
        if (name, negatives, "batch" if shared else "pair", seed) in done:
            continue
        row = measure(name, negatives, shared, seed)
        print(json.dumps(row), flush=True)
        if given.out:
            with given.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
