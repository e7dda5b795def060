"""Do searches find what exhaustive search would, and at what cost?

    python -m benchmarks.search truth [--cells lastfm/mf,...] [--workers 2]
    python -m benchmarks.search run [--strategies race,...] [--cells ...]
    python -m benchmarks.search table

`truth` trains every default candidate from scratch to early stopping under every seed,
once: rows go to a file, and what is there is not trained again. `run` searches each
cell under each seed and sets what was chosen against the truth; `table` prints it.

Regret is 1 - (mean test metric of the chosen candidate) / (that of the best one), means
over the truth's seeds. Costs are of the whole search with its final training: against
training every candidate once, and in ordinary trainings of the winner.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import TypeAdapter

from autosample.audit import regret
from autosample.data.splits import Split
from autosample.evaluation.agreement import kendall
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.experiment import prepare, refitted, retrained, searched
from autosample.models import Model
from autosample.progress import silent
from autosample.runners import runners_for
from autosample.running import InProcessRunner
from autosample.samplers import Sampler, SamplerSpec
from autosample.spec import SearchSpec
from autosample.strategies.base import SearchResult, Task
from autosample.strategies.exhaustive import scratch
from autosample.strategies.specs import Mixture, Race
from autosample.trials import TrialResult
from benchmarks.data import dataset
from benchmarks.regret import picture, points_of

TRUTH = Path("benchmarks/results/truth.jsonl")
RESULT = Path("benchmarks/results/search.jsonl")
JUDGED = Path("benchmarks/results/search.json")
CANDIDATES = 12
SUPERNET, UNION = "supernet", 0.36
"""What a pass of the supernet costs beside a pass of every candidate: measured on
Gowalla, see speed.json."""
SEEDS = (0, 1, 2)
READ: TypeAdapter[Sampler] = TypeAdapter(SamplerSpec)


class Cell(NamedTuple):
    """A data set and a model."""

    dataset: str
    model: str
    training: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.dataset}/{self.model}"


CELLS = (
    Cell("lastfm", "mf"),
    Cell("ml-latest-small", "mf"),
    Cell("amazon-beauty", "mf"),
    Cell("amazon-cd", "mf"),
    Cell("lastfm", "lightgcn"),
    Cell("ml-latest-small", "lightgcn"),
    Cell("gowalla", "mf", (("batch_size", 2048),)),
    # A step costs a propagation whatever its batch: large batches, fewer steps.
    Cell("amazon-cd", "lightgcn", (("batch_size", 4096),)),
)


def spec_of(cell: Cell, **fields: Any) -> SearchSpec:
    known = {
        "dataset": cell.dataset,
        "model": {"kind": cell.model},
        "training": dict(cell.training),
        "seeds": SEEDS,
    }
    return SearchSpec.model_validate(known | fields)


@cache
def split_of(cell: Cell) -> Split:
    """Return one split for all seeds, so that only trainings differ."""
    return prepare(spec_of(cell), dataset(cell.dataset))


@cache
def _tested(cell: Cell) -> Ranking:
    split = split_of(cell)
    return Ranking(split.test, split.known, k=Metric(spec_of(cell).metric).k)


def test_metric(cell: Cell, model: Model) -> float:
    hits = _tested(cell).hits(model())
    return float(hits.values(Metric(spec_of(cell).metric)).mean())


def task_of(cell: Cell, **fields: Any) -> Task:
    split = split_of(cell)
    return Task(spec_of(cell, **fields), split, InProcessRunner(split), lambda *_: None)


def train(cell: Cell, sampler: str, seed: int) -> dict[str, Any]:
    """Train one candidate from scratch to early stopping."""
    torch.set_num_threads(1)
    task = task_of(cell)
    request = scratch(task, READ.validate_json(sampler), seed)
    [result] = task.run([request])
    return {
        "cell": cell.name,
        "sampler": json.loads(sampler),
        "label": request.trial.candidates[0].label,
        "seed": seed,
        "valid": result.best,
        "test": test_metric(cell, result.best_model(task.split)),
        "seconds": result.seconds,
        "pair_updates": result.pair_updates,
        "epochs": len(result.history),
        "curve": [round(epoch.metric, 6) for epoch in result.history],
        "digest": request.trial.digest,
        "error": result.error,
    }


def rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def append(path: Path, row: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def truth(cells: Iterable[Cell], workers: int) -> None:
    """Train what is not in the file yet."""
    there = {(r["cell"], json.dumps(r["sampler"]), r["seed"]) for r in rows(TRUTH)}
    wanted = [
        (cell, json.dumps(sampler.model_dump(mode="json")), seed)
        for cell in cells
        for seed in SEEDS
        for sampler in spec_of(cell).samplers
    ]
    left = [each for each in wanted if (each[0].name, *each[1:]) not in there]
    print(f"{len(left)} of {len(wanted)} trainings are left", flush=True)
    in_parallel(train, left, TRUTH, workers)


def in_parallel(
    work: Callable[..., dict[str, Any]],
    wanted: Sequence[tuple[Any, ...]],
    path: Path,
    workers: int,
) -> None:
    """Do work in processes of one thread each, and keep each row as it comes."""
    with ProcessPoolExecutor(workers) as pool:
        futures = [pool.submit(work, *each) for each in wanted]
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                row = future.result()
                append(path, row)
                shown = {k: v for k, v in row.items() if k not in _LONG}
                print(f"{number}/{len(wanted)} {json.dumps(shown)}", flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


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
    """Search one cell under one seed, and train what was chosen to the end."""
    torch.set_num_threads(1)
    training = dict(cell.training) | {"seed": seed}
    fields = STRATEGIES[strategy] | {"training": training}
    spec, split = spec_of(cell, **fields), split_of(cell)
    with runners_for(spec, parallel=1) as runners:
        runner = runners(split)
        found = searched(spec, split, runner, silent)
        final = retrained(spec, found, split, runner, silent)
        returned = refitted(final, spec.resolved_refit, runner, silent)
        tested = [test_metric(cell, r.best_model(split)) for r in (returned, final)]
    cost = found.cost.plus([returned] if final is found.start else [final, returned])
    return {
        "cell": cell.name,
        "seed": seed,
        "strategy": strategy,
        "chosen": found.chosen.label,
        "sampler": found.chosen.model_dump(mode="json"),
        "metric_returned": tested[0],
        "metric_before_refit": tested[1],
        "passes": passes_of(spec, found, final),
        "pair_updates": cost.pair_updates,
        "seconds": cost.seconds,
        "searched": {c.name: c.metric.mean for c in found.candidates if c.metric},
    }


def passes_of(
    spec: SearchSpec, found: SearchResult, final: TrialResult
) -> dict[str, int]:
    """Count passes by who made them, so that seconds of a quiet hour can be put in."""
    shared, strategy = 0, spec.strategy
    if isinstance(strategy, Race):
        shared = strategy.warmup
    elif isinstance(strategy, Mixture):
        shared = strategy.epochs
    passes = {each.name: max(each.epochs - shared, 0) for each in found.candidates}
    passes[SUPERNET] = shared
    if final is not found.start:
        passes[found.chosen.label] += len(final.history)
    passes[found.chosen.label] += spec.resolved_refit
    return passes


def searches(cells: Iterable[Cell], strategies: Iterable[str], workers: int) -> None:
    """Run what is not in the file yet."""
    there = {(r["cell"], r["strategy"], r["seed"]) for r in rows(RESULT)}
    wanted = [
        (cell, strategy, seed)
        for cell in cells
        for strategy in strategies
        for seed in SEEDS
    ]
    left = [each for each in wanted if (each[0].name, *each[1:]) not in there]
    print(f"{len(left)} of {len(wanted)} searches are left", flush=True)
    in_parallel(run, left, RESULT, workers)


@dataclass(frozen=True)
class Truth:
    """What training every candidate led to, in one cell."""

    tests: dict[str, float]
    """Mean test metric over seeds, by label."""
    pass_seconds: dict[str, float]
    """Of one pass, in the quietest of the trainings."""
    passes: dict[str, float]
    """Of an ordinary training, mean over seeds."""

    @classmethod
    def of(cls, cell: str) -> Truth:
        by_label: dict[str, list[dict[str, Any]]] = {}
        for row in rows(TRUTH):
            if row["cell"] == cell and row["error"] is None:
                by_label.setdefault(row["label"], []).append(row)
        whole = {label: each for label, each in by_label.items() if len(each) >= 2}
        seconds = {
            label: min(r["seconds"] / r["epochs"] for r in each)
            for label, each in whole.items()
        }
        seconds[SUPERNET] = UNION * sum(seconds.values())
        return cls(
            {label: _mean(r["test"] for r in each) for label, each in whole.items()},
            seconds,
            {label: _mean(r["epochs"] for r in each) for label, each in whole.items()},
        )

    @property
    def best(self) -> str:
        return max(self.tests, key=lambda label: self.tests[label])

    def training(self, label: str) -> float:
        """Return the seconds of an ordinary training."""
        return self.passes[label] * self.pass_seconds[label]

    def judged(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row of the result, in the terms of docs and issue."""
        chosen, best = row["chosen"], self.best
        seconds = sum(
            count * self.pass_seconds[label]
            for label, count in row["passes"].items()
            if label in self.pass_seconds
        )
        both = [label for label in row["searched"] if label in self.tests]
        whole = sum(self.training(label) for label in self.tests)
        updates = sum(row["passes"].values()) / sum(self.passes.values())
        dataset, model = row["cell"].split("/")
        return {
            "dataset": dataset,
            "model": model,
            "seed": row["seed"],
            "strategy": row["strategy"],
            "chosen": chosen,
            "metric_chosen": self.tests[chosen],
            "metric_best": self.tests[best],
            "metric_returned": row["metric_returned"],
            "metric_before_refit": row["metric_before_refit"],
            "regret": regret(self.tests[chosen], self.tests[best]),
            "agreement": kendall(
                [row["searched"][label] for label in both],
                [self.tests[label] for label in both],
            ),
            "cost_ratio_updates": updates,
            "cost_ratio_seconds": seconds / whole,
            "cost_in_trainings": seconds / self.training(chosen),
            "gain_over_uniform": row["metric_returned"] / self.tests["uniform"] - 1,
        }


def table() -> None:
    """Judge all searches by the truth; writes search.json, prints a small table."""
    found = []
    for row in rows(RESULT):
        truth = Truth.of(row["cell"])
        if row["chosen"] in truth.tests and len(truth.tests) == CANDIDATES:
            found.append(truth.judged(row))
    JUDGED.write_text(json.dumps(found, indent=1) + "\n")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in found:
        cell = f"{row['dataset']}/{row['model']}"
        for name in (cell, "all"):
            groups.setdefault((row["strategy"], name), []).append(row)
    head = "strategy | cell | regret mean [95 %], worst | tau | trainings |"
    print(f"| {head} of exhaustive | returned, before refit over best | over uniform |")
    print("|---" * 8 + "|")
    for (strategy, cell), some in sorted(groups.items()):
        print(f"| {' | '.join([strategy, cell, *_cells(some)])} |")
    (JUDGED.parent / "search.svg").write_text(picture(points_of(found)))


def _cells(some: Sequence[Mapping[str, Any]]) -> list[str]:
    regrets = [row["regret"] for row in some]
    rng = np.random.default_rng(0)
    drawn = rng.choice(regrets, (2000, len(regrets))).mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    agreement = [row["agreement"] for row in some if row["agreement"] is not None]
    returned, before = (
        [row[name] / row["metric_best"] - 1 for row in some]
        for name in ("metric_returned", "metric_before_refit")
    )
    as_good = sum(each >= 0 for each in returned)
    return [
        f"{_mean(regrets):.2%} [{low:.2%}, {high:.2%}], {max(regrets):.2%}",
        f"{_mean(agreement):.2f}" if agreement else "-",
        f"{_mean(row['cost_in_trainings'] for row in some):.2f}",
        f"{_mean(row['cost_ratio_seconds'] for row in some):.2f}",
        f"{_mean(returned):+.1%} ({as_good} of {len(some)}), {_mean(before):+.1%}",
        f"{_mean(row['gain_over_uniform'] for row in some):+.1%}",
    ]


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


_LONG = ("curve", "sampler", "digest", "searched")


def chosen_cells(names: str | None) -> list[Cell]:
    known = {cell.name: cell for cell in CELLS}
    return [known[name] for name in names.split(",")] if names else list(CELLS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["truth", "run", "table"])
    parser.add_argument("--cells")
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    cells = chosen_cells(arguments.cells)
    if arguments.what == "truth":
        truth(cells, arguments.workers)
    elif arguments.what == "run":
        searches(cells, arguments.strategies.split(","), arguments.workers)
    else:
        table()


if __name__ == "__main__":
    main()
