"""The truth of a benchmark: every default sampler under BPR, trained from scratch.

A cell is a data set and a model. A row is appended to a file when a training ends, and
what is in the file is not trained again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import TypeAdapter

from autosample.data.splits import LeaveLastOut, Split
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.experiment.prepare import open_test_split, prepare
from autosample.experiment.strategies import recipe
from autosample.models import Model
from autosample.samplers import Sampler, SamplerSpec
from autosample.spec import SearchSpec
from autosample.trials.run import InProcessRunner
from benchmarks.data import dataset, pairs_rule, sequences

TRUTH = Path("benchmarks/results/truth.jsonl")
CANDIDATES = 12
SUPERNET, UNION = "supernet", 0.36
"""Cost of an epoch of the supernet over that of an epoch of every candidate, measured
on Gowalla, see speed.json."""
SEEDS = (0, 1, 2)
READ: TypeAdapter[Sampler] = TypeAdapter(SamplerSpec)
_LONG = ("curve", "sampler", "digest", "searched")


SEQUENTIAL = ("sasrec", "gru4rec")
"""Models that read histories, whose cells hold each user's last item out."""


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
    # A step costs one propagation whatever the size of its batch. Large batches take a
    # third of the time, and with dns(pool=8) validation is better (.092, not .091).
    Cell("amazon-cd", "lightgcn", (("batch_size", 16384), ("learning_rate", 0.01))),
)


def spec_of(cell: Cell, **fields: Any) -> SearchSpec:
    """Return the spec of a search of a cell; `fields` replace those of the spec."""
    known = {
        "dataset": cell.dataset,
        "model": {"kind": cell.model},
        "training": dict(cell.training),
        "seeds": SEEDS,
        "candidates": "samplers",
        "split": pairs_rule(cell.dataset),
    }
    if cell.model in SEQUENTIAL:
        known["split"] = LeaveLastOut()
    return SearchSpec.model_validate(known | fields)


@cache
def split_of(cell: Cell) -> Split:
    """Return a cell's split, the same for all seeds, so that only trainings differ."""
    read = sequences if cell.model in SEQUENTIAL else dataset
    return prepare(spec_of(cell), read(cell.dataset))


@cache
def _test_ranking(cell: Cell) -> Ranking:
    return open_test_split(split_of(cell), Metric(spec_of(cell).metric).k)


def test_metric(cell: Cell, model: Model) -> float:
    """Return a model's mean test metric."""
    hits = _test_ranking(cell).hits(model())
    return float(hits.values(Metric(spec_of(cell).metric)).mean())


def train(cell: Cell, sampler: str, seed: int) -> dict[str, Any]:
    """Train one candidate from scratch to early stopping."""
    torch.set_num_threads(1)
    split = split_of(cell)
    request = recipe.ordinary(spec_of(cell), READ.validate_json(sampler), seed)
    [result] = InProcessRunner(split).run([request], lambda *_: None)
    return {
        "cell": cell.name,
        "sampler": json.loads(sampler),
        "label": request.trial.candidates[0].label,
        "seed": seed,
        "valid": result.best,
        "test": test_metric(cell, result.best_model(split)),
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


def train_missing(cells: Iterable[Cell], workers: int) -> None:
    """Train the candidates that are not in the file yet."""
    there = {(r["cell"], json.dumps(r["sampler"]), r["seed"]) for r in rows(TRUTH)}
    wanted = [
        (cell, json.dumps(sampler.model_dump(mode="json")), seed)
        for cell in cells
        for seed in SEEDS
        for sampler in spec_of(cell).samplers
    ]
    left = [t for t in wanted if (t[0].name, *t[1:]) not in there]
    print(f"{len(left)} of {len(wanted)} trainings are left", flush=True)
    in_parallel(train, left, TRUTH, workers)


def in_parallel(
    work: Callable[..., dict[str, Any]],
    wanted: Sequence[tuple[Any, ...]],
    path: Path,
    workers: int,
) -> None:
    """Call `work` in processes of one thread each; append each row when it is there."""
    with ProcessPoolExecutor(workers) as pool:
        futures = [pool.submit(work, *arguments) for arguments in wanted]
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                row = future.result()
                append(path, row)
                shown = {k: v for k, v in row.items() if k not in _LONG}
                print(f"{number}/{len(wanted)} {json.dumps(shown)}", flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@dataclass(frozen=True)
class Truth:
    """What training every candidate led to in one cell."""

    tests: dict[str, float]
    """Mean test metric over seeds, by label."""
    epoch_seconds: dict[str, float]
    """Seconds of one epoch, in the fastest of the trainings."""
    epochs: dict[str, float]
    """Epochs of an ordinary training, mean over seeds."""

    @classmethod
    def of(cls, cell: str) -> Truth:
        by_label: dict[str, list[dict[str, Any]]] = {}
        for row in rows(TRUTH):
            if row["cell"] == cell and row["error"] is None:
                by_label.setdefault(row["label"], []).append(row)
        sound = {label: group for label, group in by_label.items() if len(group) >= 2}
        seconds = {
            label: min(r["seconds"] / r["epochs"] for r in group)
            for label, group in sound.items()
        }
        seconds[SUPERNET] = UNION * sum(seconds.values())
        return cls(
            {label: mean(r["test"] for r in group) for label, group in sound.items()},
            seconds,
            {label: mean(r["epochs"] for r in group) for label, group in sound.items()},
        )

    @property
    def best(self) -> str:
        return max(self.tests, key=lambda label: self.tests[label])

    def training(self, label: str) -> float:
        """Return the seconds of an ordinary training."""
        return self.epochs[label] * self.epoch_seconds[label]


def mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def chosen_cells(names: str | None) -> list[Cell]:
    known = {cell.name: cell for cell in CELLS}
    return [known[name] for name in names.split(",")] if names else list(CELLS)
