"""Searches compared with exhaustive search: what they choose, and what they cost.

    python -m benchmarks.search truth [--cells lastfm/mf,...] [--workers 2]
    python -m benchmarks.search run [--strategies race,...] [--cells ...]
    python -m benchmarks.search table

`truth` trains every default candidate from scratch to early stopping under every seed,
once: rows are kept in a file, and what is in it is not trained again. `run` searches
each cell under each seed. `table` compares what was chosen with the truth.

Regret is 1 - (mean test metric of the chosen candidate) / (that of the best one), means
over the truth's seeds. Costs are those of a search with its final training, relative
to training every candidate once, and in units of an ordinary training of the winner.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autosample.core.progress import silent
from autosample.evaluation.agreement import kendall
from autosample.experiment.audit import regret
from autosample.experiment.winner import Winner, find_winner
from autosample.spec import SearchSpec
from autosample.spec.search import needs_ray
from autosample.spec.strategies import Mixture, Race
from autosample.trials.local import runners_for
from benchmarks.halving import replay_all
from benchmarks.regret import picture, points_of
from benchmarks.truth import (
    CANDIDATES,
    SEEDS,
    SUPERNET,
    Cell,
    Truth,
    chosen_cells,
    in_parallel,
    mean,
    rows,
    spec_of,
    split_of,
    test_metric,
    train_missing,
)

RESULT = Path("benchmarks/results/search.jsonl")
JUDGED = Path("benchmarks/results/search.json")

STRATEGIES: dict[str, dict[str, Any]] = {
    "race": {"strategy": {"kind": "race"}},
    "warm race": {
        "strategy": {
            "kind": "race",
            "warmup": 12,
            "rungs": [{"epochs": 2, "keep": 4}, {"epochs": 4, "keep": 2}],
            "doublings": 0,
        }
    },
    "asha": {"strategy": {"kind": "asha"}},
    "mixture": {"strategy": {"kind": "mixture"}},
}


def run(cell: Cell, strategy: str, seed: int) -> dict[str, Any]:
    """Search one cell under one seed, with the final training and its refit."""
    torch.set_num_threads(1)
    training = dict(cell.training) | {"seed": seed}
    fields = STRATEGIES[strategy] | {"training": training}
    spec, split = spec_of(cell, **fields), split_of(cell)
    with runners_for(on_ray=needs_ray(spec), parallel=1) as runners:
        winner = find_winner(spec, runners(split), silent)
        returned, before_refit = winner.models(split)
    result, cost = winner.search, winner.cost
    return {
        "cell": cell.name,
        "seed": seed,
        "strategy": strategy,
        "chosen": result.chosen.label,
        "sampler": result.chosen.model_dump(mode="json"),
        "metric_returned": test_metric(cell, returned),
        "metric_before_refit": test_metric(cell, before_refit),
        "epochs": count_epochs(spec, winner),
        "pair_updates": cost.pair_updates,
        "seconds": cost.seconds,
        "searched": {c.name: c.metric.mean for c in result.candidates if c.metric},
    }


def count_epochs(spec: SearchSpec, winner: Winner) -> dict[str, int]:
    """Count epochs by what was trained, to be multiplied by the seconds of an epoch,
    which were measured on a quiet machine."""
    result, shared, strategy = winner.search, 0, spec.strategy
    if isinstance(strategy, Race):
        shared = strategy.warmup
    elif isinstance(strategy, Mixture):
        shared = strategy.epochs
    epochs = {c.name: max(c.epochs - shared, 0) for c in result.candidates}
    epochs[SUPERNET] = shared
    if winner.was_retrained:
        epochs[result.chosen.label] += len(winner.final.history)
    epochs[result.chosen.label] += spec.epochs_of_refit
    return epochs


def run_missing(cells: Iterable[Cell], strategies: Iterable[str], workers: int) -> None:
    """Run the searches that are not in the file yet."""
    there = {(r["cell"], r["strategy"], r["seed"]) for r in rows(RESULT)}
    wanted = [
        (cell, strategy, seed)
        for cell in cells
        for strategy in strategies
        for seed in SEEDS
    ]
    left = [s for s in wanted if (s[0].name, *s[1:]) not in there]
    print(f"{len(left)} of {len(wanted)} searches are left", flush=True)
    in_parallel(run, left, RESULT, workers)


def judge(truth: Truth, row: dict[str, Any]) -> dict[str, Any]:
    """Compare one search with the truth; returns a row of search.json."""
    chosen, best = row["chosen"], truth.best
    seconds = sum(
        count * truth.epoch_seconds[label]
        for label, count in row["epochs"].items()
        if label in truth.epoch_seconds
    )
    both = [label for label in row["searched"] if label in truth.tests]
    exhaustive = sum(truth.training(label) for label in truth.tests)
    updates = sum(row["epochs"].values()) / sum(truth.epochs.values())
    dataset, model = row["cell"].split("/")
    return {
        "dataset": dataset,
        "model": model,
        "seed": row["seed"],
        "strategy": row["strategy"],
        "replayed": row.get("replayed", False),
        "chosen": chosen,
        "metric_chosen": truth.tests[chosen],
        "metric_best": truth.tests[best],
        "metric_returned": row["metric_returned"],
        "metric_before_refit": row["metric_before_refit"],
        "regret": regret(truth.tests[chosen], truth.tests[best]),
        "agreement": kendall(
            [row["searched"][label] for label in both],
            [truth.tests[label] for label in both],
        ),
        "cost_ratio_updates": updates,
        "cost_ratio_seconds": seconds / exhaustive,
        "cost_in_trainings": seconds / truth.training(chosen),
        "gain_over_uniform": row["metric_returned"] / truth.tests["uniform"] - 1,
    }


def table() -> None:
    """Compare all searches with the truth; write search.json and print a table."""
    judged, done = [], rows(RESULT)
    there = {(row["cell"], row["strategy"], row["seed"]) for row in done}
    replays = (r for r in replay_all() if (r["cell"], "asha", r["seed"]) not in there)
    for row in (*done, *replays):
        truth = Truth.of(row["cell"])
        if row["chosen"] in truth.tests and len(truth.tests) == CANDIDATES:
            judged.append(judge(truth, row))
    JUDGED.write_text(json.dumps(judged, indent=1) + "\n")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in judged:
        cell = f"{row['dataset']}/{row['model']}"
        for name in (cell, "all"):
            groups.setdefault((row["strategy"], name), []).append(row)
    head = "strategy | cell | regret mean [95 %], worst | tau | trainings |"
    print(f"| {head} of exhaustive | returned, before refit over best | over uniform |")
    print("|---" * 8 + "|")
    for (strategy, cell), group in sorted(groups.items()):
        print(f"| {' | '.join([strategy, cell, *_cells(group)])} |")
    (JUDGED.parent / "search.svg").write_text(picture(points_of(judged)))


def _cells(group: Sequence[Mapping[str, Any]]) -> list[str]:
    regrets = [row["regret"] for row in group]
    rng = np.random.default_rng(0)
    drawn = rng.choice(regrets, (2000, len(regrets))).mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    agreement = [row["agreement"] for row in group if row["agreement"] is not None]
    returned, before = (
        [row[name] / row["metric_best"] - 1 for row in group]
        for name in ("metric_returned", "metric_before_refit")
    )
    as_good = sum(difference >= 0 for difference in returned)
    return [
        f"{mean(regrets):.2%} [{low:.2%}, {high:.2%}], {max(regrets):.2%}",
        f"{mean(agreement):.2f}" if agreement else "-",
        f"{mean(row['cost_in_trainings'] for row in group):.2f}",
        f"{mean(row['cost_ratio_seconds'] for row in group):.2f}",
        f"{mean(returned):+.1%} ({as_good} of {len(group)}), {mean(before):+.1%}",
        f"{mean(row['gain_over_uniform'] for row in group):+.1%}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["truth", "run", "table"])
    parser.add_argument("--cells")
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    cells = chosen_cells(arguments.cells)
    if arguments.what == "truth":
        train_missing(cells, arguments.workers)
    elif arguments.what == "run":
        run_missing(cells, arguments.strategies.split(","), arguments.workers)
    else:
        table()


if __name__ == "__main__":
    main()
