"""Our numbers beside published ones: full trainings from scratch on the same data.

    python -m benchmarks.reproduce                      # all rows, hours on a CPU
    python -m benchmarks.reproduce --only mf-bsl --seconds 900 --out results.json
    python -m benchmarks.reproduce --samplers lastfm --seeds 0,1,2

The first two train on the training file but for a few validation pairs, stop early on
those, and open the test file once. Rows of IR-Benchmark's splits are then trained anew
on all training pairs, for as many epochs as were best, and tested once more, as in the
papers. `--seconds` stops a row that long, and says so. A run that is killed continues:
rows in the file of `--out` are done, and trainings store checkpoints. The third
compares samplers of the catalogue with plain uniform sampling on one data set,
each trained from scratch under every seed, paired by user.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from platformdirs import user_cache_path

from autosample.core.tensors import from_bytes, to_bytes
from autosample.data.splits import Split
from autosample.evaluation.cases import cases_of
from autosample.evaluation.metrics import Metric, Values
from autosample.evaluation.ranking import Ranking
from autosample.evaluation.significance import compare
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.samplers import PRESETS, Sampler
from autosample.spec import SearchSpec
from autosample.training import Epoch, Trainer
from autosample.training.trainer import MixtureWeights
from autosample.trials import Request
from autosample.trials.run import prepare as set_up
from benchmarks.data import dataset, pairs_rule
from benchmarks.published import ROWS

RECALL, NDCG = Metric("recall@20"), Metric("ndcg@20")
STATE = user_cache_path("autosample") / "reproduce"
STORED_EVERY = 5
"""Epochs between two checkpoints of a training."""


@dataclass(frozen=True)
class Trained:
    """What a training from scratch came to, on users of the test split."""

    epochs: int
    best_epoch: int
    seconds: float
    stopped: str
    """By what: "patience", "epochs" or "time"."""
    recall_U: Values
    ndcg_U: Values


@dataclass(frozen=True)
class Run:
    """One training that is stored now and then, so that it can be continued."""

    spec: SearchSpec
    split: Split
    stored: Path | None = None
    """File of its checkpoint; None: it is not stored."""
    seconds: float = float("inf")
    """Time after which it stops, which is counted anew if it is continued."""
    stop_early: bool = True

    def train(self, tell: Callable[[Epoch], None]) -> Trained:
        """Train the spec's only candidate to its end, then open the test once."""
        torch.set_num_threads(1)
        request = Request(recipe.trial(self.spec, "row", self.spec.samplers))
        trainer, weights = set_up(request, self.split)
        took = self._resume(trainer, weights)
        began, stopped, best_epoch = time.perf_counter() - took, "patience", 0
        best_epoch = trainer.epoch - trainer.stale
        for epoch in trainer.epochs(weights, stop_early=self.stop_early):
            tell(epoch)
            if trainer.stale == 0:
                best_epoch = epoch.number
            took = time.perf_counter() - began
            if epoch.number % STORED_EVERY == 0:
                self._store(trainer, weights, took)
            if took > self.seconds:
                stopped = "time"
                break
        else:
            if trainer.epoch >= self.spec.training.epochs:
                stopped = "epochs"
        trainer.model.load_state_dict(trainer.best_model)
        with torch.no_grad():
            hits = Ranking(cases_of(self.split, "test"), k=20).hits(trainer.model())
        return Trained(
            epochs=trainer.epoch,
            best_epoch=best_epoch,
            seconds=took,
            stopped=stopped,
            recall_U=hits.values(RECALL),
            ndcg_U=hits.values(NDCG),
        )

    def _resume(self, trainer: Trainer, weights: MixtureWeights) -> float:
        """Continue from the stored checkpoint, if there is one; returns the seconds
        that it took to get there."""
        if self.stored is None or not self.stored.exists():
            return 0.0
        state = from_bytes(self.stored.read_bytes())
        took = float(state.pop("seconds"))
        trainer.load(state, weights)
        return took

    def _store(self, trainer: Trainer, weights: MixtureWeights, took: float) -> None:
        if self.stored is not None:
            self.stored.parent.mkdir(parents=True, exist_ok=True)
            partial = self.stored.with_suffix(".partial")
            seconds = torch.tensor(took, dtype=torch.float64)
            partial.write_bytes(to_bytes(trainer.state(weights) | {"seconds": seconds}))
            partial.replace(self.stored)


def reproduce(name: str, seed: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Train one row and set its numbers beside the published ones."""
    row, spec = ROWS[name], ROWS[name].search_spec(seed)
    split = prepare(spec, dataset(row.dataset))
    stored = folder / f"{name.replace('/', '-')}-{seed}.safetensors"
    done = Run(spec, split, stored, seconds).train(_printer(name))
    found = {
        "row": name,
        "seed": seed,
        "date": datetime.now(UTC).date().isoformat(),
        "ours": _metrics(done),
        "published": row.published,
        "protocol": f"{row.valid:.0%} of training pairs for early stopping, the rest"
        " trained on; test opened once",
        "epochs": done.epochs,
        "best_epoch": done.best_epoch,
        "seconds": round(done.seconds),
        "stopped_by": done.stopped,
        "spec": asdict(row)["spec"] | {"training": row.training},
    }
    if row.refit:
        found |= _refit(name, spec, split, done.best_epoch, stored)
    return found


def _refit(
    name: str, spec: SearchSpec, split: Split, epochs: int, stored: Path
) -> dict[str, Any]:
    """Train anew on training and validation pairs, as the papers do."""
    training = spec.training.model_copy(update={"epochs": epochs})
    done = Run(
        spec.model_copy(update={"training": training}),
        split.with_validation,
        stored.with_stem(f"{stored.stem}-refit"),
        stop_early=False,
    ).train(_printer(f"{name}, refit"))
    return {
        "ours_refit": _metrics(done),
        "refit_seconds": round(done.seconds),
        "refit_protocol": "trained anew on all training pairs for best_epoch epochs;"
        " test opened once more",
    }


def _metrics(done: Trained) -> dict[str, float]:
    return {
        "recall@20": round(float(done.recall_U.mean()), 4),
        "ndcg@20": round(float(done.ndcg_U.mean()), 4),
    }


def _printer(name: str) -> Callable[[Epoch], None]:
    def tell(epoch: Epoch) -> None:
        if epoch.number % 5 == 0 or epoch.number == 1:
            print(
                f"{name} {epoch.number}: loss {epoch.loss:.4f}, validation"
                f" {epoch.metric:.4f}, {epoch.seconds:.1f} s",
                flush=True,
            )

    return tell


def compare_samplers(
    name: str, seeds: tuple[int, ...], kinds: tuple[str, ...], epochs: int
) -> Iterator[dict[str, Any]]:
    """Train samplers from scratch under each seed; yield each against uniform."""
    means: dict[str, tuple[Values, float, list[int]]] = {}
    for kind in ("uniform", *(each for each in kinds if each != "uniform")):
        values, seconds, best = [], 0.0, []
        for seed in seeds:
            spec = SearchSpec.model_validate(
                {
                    "dataset": name,
                    "split": pairs_rule(name),
                    "candidates": [_candidate(kind)],
                    "training": {"epochs": epochs, "patience": 10, "seed": seed},
                }
            )
            split = prepare(spec, dataset(name))
            done = Run(spec, split).train(lambda _: None)
            values.append(done.ndcg_U)
            seconds += done.seconds
            best.append(done.best_epoch)
        means[kind] = np.mean(values, 0), seconds / len(seeds), best
        mean_U, each, best = means[kind]
        found = compare(mean_U, means["uniform"][0], comparisons=max(len(kinds) - 1, 1))
        yield {
            "dataset": name,
            "sampler": _candidate(kind),
            "seeds": list(seeds),
            "ndcg@20": round(float(mean_U.mean()), 4),
            "versus_uniform": None
            if kind == "uniform"
            else {
                "relative": round(found.relative or 0.0, 4),
                "difference": round(found.difference, 5),
                "low": round(found.low, 5),
                "high": round(found.high, 5),
            },
            "best_epochs": best,
            "seconds": round(each, 1),
        }


def _candidate(kind: str) -> dict[str, Any]:
    """Return a preset as published, but for pools of 32 where it has hundreds."""
    preset: type[Sampler] = next(each for each in PRESETS if each().kind == kind)
    if preset(kind=kind).all_parts[0].pool > 100:
        return {"kind": kind, "pool": 32}
    return {"kind": kind}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=sorted(ROWS))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--samplers", metavar="DATASET")
    parser.add_argument("--kinds", help="by commas; all presets by default")
    parser.add_argument("--seeds", default="0", help="by commas")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", type=Path, help="rows that it has are left out")
    parser.add_argument("--state", type=Path, default=STATE, help="for checkpoints")
    given = parser.parse_args()
    found = _stored(given.out)
    for each in _asked(given, found):
        found.append(each)
        print(json.dumps(each), flush=True)
        if given.out:
            given.out.write_text(json.dumps(found, indent=1) + "\n")


def _stored(out: Path | None) -> list[dict[str, Any]]:
    """Return the rows that an earlier run has written."""
    rows: list[dict[str, Any]] = []
    if out is not None and out.exists():
        rows = json.loads(out.read_text())
    return rows


def _asked(
    given: argparse.Namespace, found: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    seeds = tuple(int(seed) for seed in given.seeds.split(","))
    if not given.samplers:
        done = {(each["row"], each.get("seed", 0)) for each in found}
        for name in given.only or ROWS:
            for seed in seeds:
                if (name, seed) not in done:
                    yield reproduce(name, seed, given.seconds, given.state)
        return
    kinds = [preset().kind for preset in PRESETS]
    if given.kinds:
        kinds = given.kinds.split(",")
    yield from compare_samplers(given.samplers, seeds, tuple(kinds), given.epochs)


if __name__ == "__main__":
    main()
