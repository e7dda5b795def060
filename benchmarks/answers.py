"""Whether the answer of a search holds: strategies beside the truth, cell by cell.

    python -m benchmarks.answers run [--cells lastfm/mf,...] [--strategies soup,race]
    python -m benchmarks.answers table

The candidates are the default recipes. For each cell every one of them is trained from
scratch to early stopping under each seed, plainly and averaged over its epochs; then
each strategy searches under each seed. Rows are appended to two files as they come, and
what is there is not done again. `table` compares: cells of design sources, on which
anything may have been chosen, apart from those of judging sources.

- regret: 1 - (mean test NDCG@20 of the named recipe) / (that of the best one)
- before, returned: the model before and after its refit on validation pairs, over the
  best recipe's mean; averaged: before, over the best mean of averaged trainings
- cost: seconds of the search over those of the median recipe's training, on the same
  thread; baseline and refit are told apart
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autosample.core.progress import silent
from autosample.evaluation.agreement import kendall
from autosample.experiment.strategies import recipe
from autosample.experiment.winner import find_winner
from autosample.spec import SearchSpec
from autosample.trials.recipe import Candidate
from autosample.trials.run import InProcessRunner
from benchmarks.cells import role_of
from benchmarks.truth import Cell, append, rows, spec_of, split_of, test_metric

TRUTH = Path("benchmarks/results/answers-truth.jsonl")
SEARCHES = Path("benchmarks/results/answers.jsonl")
PLAIN = (
    "amazon-health",
    "lastfm",
    "ml-latest-small",
    "made-flat",
    "made-hidden",
    "made-demo",
    "made-popular",
    "retailrocket-buyers",
    "food",
    "amazon-beauty",
    "amazon-sports",
    "amazon-cd",
)
CELLS = (
    *(Cell(dataset, "mf") for dataset in PLAIN),
    Cell("made-walks", "sasrec"),
    Cell("ml-latest-small", "sasrec"),
    Cell("amazon-beauty", "sasrec"),
)
"""The cheapest of each model first."""
STRATEGIES: dict[str, dict[str, Any]] = {
    "soup": {"strategy": {"kind": "soup"}},
    "soup-quick": {"strategy": {"kind": "soup", "effort": "quick"}},
    "race": {"strategy": {"kind": "race"}},
}


def spec_for(cell: Cell, seed: int, **fields: Any) -> SearchSpec:
    """Return a search among the default recipes."""
    training = dict(cell.training) | {"seed": seed}
    return spec_of(cell, candidates="default", training=training, **fields)


def train(cell: Cell, candidate: Candidate, seed: int, *, average: bool) -> Any:
    """Train one recipe from scratch to early stopping."""
    spec, split = spec_for(cell, seed), split_of(cell)
    request = recipe.ordinary(spec, candidate, seed, {"average": average})
    [result] = InProcessRunner(split).run([request], lambda *_: None)
    usable = result.usable
    return {
        "cell": cell.name,
        "label": candidate.label,
        "seed": seed,
        "average": average,
        "valid": result.best if usable else None,
        "test": test_metric(cell, result.best_model(split)) if usable else None,
        "epochs": len(result.history),
        "seconds": round(result.seconds, 2),
        "date": datetime.now(UTC).date().isoformat(),
    }


def search(cell: Cell, strategy: str, seed: int) -> dict[str, Any]:
    """Search a cell, with the final training and its refit."""
    spec, split = spec_for(cell, seed, **STRATEGIES[strategy]), split_of(cell)
    winner = find_winner(spec, InProcessRunner(split), silent)
    returned, before_refit = winner.models(split)
    found, cost = winner.search, winner.cost
    refit = (
        sum(branch.seconds for branch in winner.refitted.branches)
        if (winner.refitted is not None)
        else 0.0
    )
    return {
        "cell": cell.name,
        "strategy": strategy,
        "seed": seed,
        "chosen": found.chosen.label,
        "returned": test_metric(cell, returned),
        "before_refit": test_metric(cell, before_refit),
        "seconds": round(cost.seconds - refit, 2),
        "refit_seconds": round(refit, 2),
        "epochs": cost.epochs,
        "searched": {c.name: c.metric.mean for c in found.candidates if c.metric},
        "date": datetime.now(UTC).date().isoformat(),
    }


def run(cells: Iterable[Cell], strategies: Sequence[str], seeds: Sequence[int]) -> None:
    """Do what is missing, cell by cell."""
    torch.set_num_threads(1)
    for cell in cells:
        for seed in seeds:
            _train_missing(cell, seed)
            there = {(r["cell"], r["strategy"], r["seed"]) for r in rows(SEARCHES)}
            for strategy in strategies:
                if (cell.name, strategy, seed) not in there:
                    row = search(cell, strategy, seed)
                    append(SEARCHES, row)
                    shown = {k: v for k, v in row.items() if k != "searched"}
                    print(json.dumps(shown), flush=True)


def _train_missing(cell: Cell, seed: int) -> None:
    there = {(r["cell"], r["label"], r["seed"], r["average"]) for r in rows(TRUTH)}
    for average in (False, True):
        for candidate in spec_for(cell, seed).all_candidates:
            if (cell.name, candidate.label, seed, average) not in there:
                row = train(cell, candidate, seed, average=average)
                append(TRUTH, row)
                print(json.dumps(row), flush=True)


def table() -> None:
    """Print a line for each cell and strategy, and the means of each role."""
    columns = (
        "cell", "role", "strategy", "best", "chosen", "regret", "before", "averaged",
        "returned", "over uniform", "cost", "refit", "tau",
    )  # fmt: skip
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|")
    means: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for cell in CELLS:
        role = role_of(cell.dataset)
        truth = [r for r in rows(TRUTH) if r["cell"] == cell.name]
        found = [r for r in rows(SEARCHES) if r["cell"] == cell.name]
        for strategy in STRATEGIES:
            group = [r for r in found if r["strategy"] == strategy]
            if group and truth:
                judged = [judge(truth, row) for row in group]
                means[role, strategy] += judged
                best, chosen = judged[0]["best"], {r["chosen"] for r in group}
                _print((cell.name, role, strategy, best, "; ".join(chosen)), judged)
    for (of_role, strategy), judged in means.items():
        _print((f"all {len(judged)}", of_role, strategy, "", ""), judged)
        worst = max(each["regret"] for each in judged)
        print(f"worst regret of {strategy} on {of_role} cells: {worst:.2%}")


FIGURES = (
    "regret", "before", "averaged", "returned", "over uniform", "cost", "refit", "tau",
)  # fmt: skip


def _print(names: Sequence[str], judged: Sequence[dict[str, Any]]) -> None:
    means = {name: float(np.mean([each[name] for each in judged])) for name in FIGURES}
    cells = [
        f"{value:.2f}" if name in ("cost", "refit", "tau") else f"{value:+.1%}"
        for name, value in means.items()
    ]
    print(f"| {' | '.join([*map(str, names), *cells])} |")


def judge(truth: Sequence[dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
    """Compare one search with the truth of its cell."""
    plain, averaged = (_means(truth, average) for average in (False, True))
    best = max(plain, key=lambda label: plain[label])
    uniform = next(label for label in plain if label.split("(")[0] == "uniform")
    seconds = defaultdict(list)
    for each in truth:
        if not each["average"]:
            seconds[each["label"]].append(each["seconds"])
    median = float(np.median([np.mean(some) for some in seconds.values()]))
    both = [label for label in row["searched"] if label in plain]
    tau = kendall([row["searched"][x] for x in both], [plain[x] for x in both])
    return {
        "best": best,
        "regret": 1 - plain[row["chosen"]] / plain[best],
        "before": row["before_refit"] / plain[best] - 1,
        "averaged": row["before_refit"] / max(averaged.values()) - 1,
        "returned": row["returned"] / plain[best] - 1,
        "over uniform": row["returned"] / plain[uniform] - 1,
        "cost": row["seconds"] / median,
        "refit": row["refit_seconds"] / median,
        "tau": np.nan if tau is None else tau,
    }


def _means(truth: Sequence[dict[str, Any]], average: bool) -> dict[str, float]:
    tests = defaultdict(list)
    for row in truth:
        if row["average"] == average and row["test"] is not None:
            tests[row["label"]].append(row["test"])
    return {label: float(np.mean(some)) for label, some in tests.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("--cells", default=",".join(cell.name for cell in CELLS))
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--seeds", default="0")
    given = parser.parse_args()
    if given.what == "table":
        table()
        return
    names = given.cells.split(",")
    chosen = [cell for cell in CELLS if cell.name in names]
    seeds = [int(seed) for seed in given.seeds.split(",")]
    run(chosen, given.strategies.split(","), seeds)


if __name__ == "__main__":
    main()
