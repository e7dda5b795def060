"""Recipes on the design cells: what their rates should be, and what they gain.

    python -m benchmarks.recipes train [--cells lastfm/mf,...] [--workers 1]
    python -m benchmarks.recipes show
    python -m benchmarks.recipes compare [--cells ...] [--seeds 0,1]

Each recipe is trained from scratch to early stopping. A row is appended when a training
ends, and what is in the file is not trained again. Rates and temperatures are chosen by
the validation metric, on design sources only; `show` lists them beside the best sampler
under BPR of the truth file. `compare` trains the best of both under each seed and
compares them on the test split, by user in pairs.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autosample.core.seeds import numpy_generator
from autosample.evaluation.metrics import Metric, Values
from autosample.evaluation.replicates import compare_replicates, seed_noise
from autosample.experiment.prepare import open_test_split
from autosample.experiment.strategies import recipe as trials
from autosample.trials.recipe import Candidate, Recipe
from autosample.trials.run import InProcessRunner
from benchmarks.cells import Role, role_of
from benchmarks.truth import (
    CELLS,
    READ,
    TRUTH,
    Cell,
    append,
    rows,
    spec_of,
    split_of,
    test_metric,
)

OUT = Path("benchmarks/results/recipes.jsonl")
PAIRED = Path("benchmarks/results/recipes-paired.jsonl")
SHARED = {"kind": "uniform", "shared": True}
DEFAULT_CELLS = ("lastfm/mf", "ml-latest-small/mf", "amazon-beauty/mf", "amazon-cd/mf")


def grid() -> Iterator[dict[str, Any]]:
    """Yield the recipes that are tried, the more telling ones first."""
    for rate in (0.03, 0.01, 0.1):
        yield _soft({"kind": "sl", "temperature": 0.2}, "adam", rate)
    for temperature in (0.1, 0.15, 0.3):
        yield _soft({"kind": "sl", "temperature": temperature}, "adam", 0.01)
    yield _soft({"kind": "psl", "temperature": 0.1}, "adam", 0.01)
    yield _soft({"kind": "sl", "temperature": 0.2}, "adagrad", 0.1)
    for rate in (0.003, 0.01):
        yield _of({"kind": "bpr"}, {"kind": "uniform"}, "adam", rate, 1e-3)
    yield _soft({"kind": "bsl", "temperature": 0.2, "power": 1.1}, "adam", 0.01)
    for every in (5, 20):
        at_20 = {"kind": "sl_at_k", "temperature": 0.2, "renewed_every": every}
        yield _soft(at_20, "adam", 0.01)
    mixed = {"kind": "mixed", "negatives": 500}
    yield _of({"kind": "sl", "temperature": 0.2}, mixed, "adam", 0.01)
    few = SHARED | {"negatives": 256}
    yield _of({"kind": "sl", "temperature": 0.2}, few, "adam", 0.01)
    yield _of(
        {"kind": "sl", "temperature": 0.2}, SHARED | {"negatives": 64}, "adam", 0.01
    )
    ccl = {"kind": "ccl", "margin": 0.4, "negative_weight": 150}
    yield _soft(ccl, "adam", 0.01)
    popular = {"kind": "in_batch", "negatives": 500}
    corrected = {"kind": "sampled_softmax", "temperature": 0.2, "log_q": True}
    yield _of({"kind": "infonce", "temperature": 0.2}, popular, "adam", 0.01)
    yield _of(corrected, popular, "adam", 0.01)


def _soft(loss: dict[str, Any], optimizer: str, rate: float) -> dict[str, Any]:
    return _of(loss, SHARED | {"negatives": 1000}, optimizer, rate)


def _of(
    loss: dict[str, Any],
    sampler: dict[str, Any],
    optimizer: str,
    rate: float,
    l2: float = 0.0,
) -> dict[str, Any]:
    return {
        "sampler": sampler,
        "loss": loss,
        "optimizer": {"kind": optimizer},
        "learning_rate": rate,
        "l2": l2,
    }


def train(cell: Cell, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train one recipe from scratch to early stopping."""
    torch.set_num_threads(1)
    split, own = split_of(cell), Recipe.model_validate(settings)
    request = trials.ordinary(spec_of(cell, candidates=[own]), own, seed)
    [result] = InProcessRunner(split).run([request], lambda *_: None)
    return {
        "cell": cell.name,
        "recipe": own.model_dump(mode="json"),
        "label": own.label,
        "seed": seed,
        "valid": result.best,
        "test": test_metric(cell, result.best_model(split)),
        "seconds": round(result.seconds, 1),
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "error": result.error,
    }


def train_missing(names: list[str], seeds: list[int]) -> None:
    """Train what is not in the file yet, the first recipe on all cells first."""
    cells = [cell for cell in CELLS if cell.name in names]
    for cell in cells:
        assert role_of(cell.dataset) is Role.DESIGN, cell.name
    there = {(row["cell"], row["label"], row["seed"]) for row in rows(OUT)}
    for seed in seeds:
        for settings in grid():
            label = Recipe.model_validate(settings).label
            for cell in cells:
                if (cell.name, label, seed) not in there:
                    row = train(cell, settings, seed)
                    append(OUT, row)
                    print(
                        f"{cell.name} {label}: {row['valid']:.4f}, test"
                        f" {row['test']:.4f}, {row['seconds']} s",
                        flush=True,
                    )


def show() -> None:
    """Print each recipe beside the best sampler under BPR, by cell."""
    by_cell: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(OUT):
        by_cell[row["cell"]].append(row)
    for cell, found in by_cell.items():
        samplers: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows(TRUTH):
            if row["cell"] == cell and not row["error"]:
                samplers[row["label"]].append(row)
        best = max(samplers.values(), key=lambda each: _mean(each, "valid"))
        print(
            f"\n{cell}: {best[0]['label']} under bpr:"
            f" valid {_mean(best, 'valid'):.4f}, test {_mean(best, 'test'):.4f}"
        )
        for row in sorted(found, key=lambda each: -each["valid"]):
            gain = row["test"] / _mean(best, "test") - 1
            print(
                f"  {row['valid']:.4f} {row['test']:.4f} {gain:+.1%} after"
                f" {row['best_epoch']:3d} epochs, {row['seconds']:6.1f} s:"
                f" {row['label']}"
            )


def compare(cell: Cell, seeds: list[int]) -> dict[str, Any]:
    """Train the best recipe and the best sampler under BPR, and compare them by user.

    Both were chosen by the validation metric.
    """
    torch.set_num_threads(1)
    samplers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(TRUTH):
        if row["cell"] == cell.name and not row["error"]:
            samplers[row["label"]].append(row)
    best = max(samplers.values(), key=lambda each: _mean(each, "valid"))
    tried = [row for row in rows(OUT) if row["cell"] == cell.name]
    own = max(tried, key=lambda row: float(row["valid"]))
    candidates: list[Candidate] = [
        Recipe.model_validate(own["recipe"]),
        READ.validate_python(best[0]["sampler"]),
    ]
    values = [_values(cell, candidate, seeds) for candidate in candidates]
    noise = seed_noise(values)
    rng = numpy_generator(0, "bootstrap", "recipes")
    ours, theirs = values
    gap = compare_replicates(ours, theirs, noise, rng)
    return {
        "cell": cell.name,
        "recipe": own["recipe"],
        "sampler": best[0]["sampler"],
        "seeds": seeds,
        "test_recipe": float(values[0].mean()),
        "test_sampler": float(values[1].mean()),
        "relative": gap.relative,
        "difference": gap.difference,
        "low": gap.low,
        "high": gap.high,
        "p_value": gap.p_value,
    }


def _values(cell: Cell, candidate: Candidate, seeds: list[int]) -> Values:
    """Return each test user's metric under every seed: (seeds, U)."""
    split, spec = split_of(cell), spec_of(cell, candidates=[candidate])
    requests = [trials.ordinary(spec, candidate, seed) for seed in seeds]
    results = InProcessRunner(split).run(requests, lambda *_: None)
    metric = Metric(spec.metric)
    ranking = open_test_split(split, metric.k)
    models = [result.best_model(split) for result in results]
    return np.stack([ranking.hits(model()).values(metric) for model in models])


def _mean(each: list[dict[str, Any]], name: str) -> float:
    return float(sum(row[name] for row in each) / len(each))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["train", "show", "compare"])
    parser.add_argument("--cells", default=",".join(DEFAULT_CELLS))
    parser.add_argument("--seeds", help="by commas; 0 to train, 0,1 to compare")
    given = parser.parse_args()
    names = given.cells.split(",")
    if given.what == "show":
        show()
    elif given.what == "train":
        train_missing(names, [int(seed) for seed in (given.seeds or "0").split(",")])
    else:
        seeds = [int(seed) for seed in (given.seeds or "0,1").split(",")]
        done = {row["cell"] for row in rows(PAIRED)}
        for cell in CELLS:
            if cell.name in names and cell.name not in done:
                row = compare(cell, seeds)
                append(PAIRED, row)
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
