"""Our numbers beside published ones: full trainings from scratch on the same data.

    python -m benchmarks.reproduce                      # all rows, hours on a CPU
    python -m benchmarks.reproduce --only mf-bsl --seconds 900 --out results.json
    python -m benchmarks.reproduce --samplers lastfm --seeds 0,1,2

The first two train on the training file but for a few validation pairs, stop early on
those, and open the test file once. `--seconds` stops a row that long, and says so. The
third compares samplers of the catalogue with plain uniform sampling on one data set,
each trained from scratch under every seed, paired by user.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autosample.data.splits import Split
from autosample.evaluation.cases import cases_of
from autosample.evaluation.metrics import Metric, Values
from autosample.evaluation.ranking import Ranking
from autosample.evaluation.significance import compare
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.samplers import PRESETS, Sampler
from autosample.spec import SearchSpec
from autosample.training import Epoch
from autosample.trials import Request
from autosample.trials.run import prepare as set_up
from benchmarks.data import dataset

RECALL, NDCG = Metric("recall@20"), Metric("ndcg@20")
VALID = 0.03
"""Share of the training pairs that only early stopping sees."""
BARS = "BARS leaderboard (MF, LightGCN and SimpleX re-run); selected on the test set"
BSL_LOG = "official logs of BSL; selected on the test set"


@dataclass(frozen=True)
class Row:
    """One published training."""

    dataset: str
    published: dict[str, float | str]
    spec: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)

    def search_spec(self, seed: int = 0) -> SearchSpec:
        training = {"batch_size": 2048, "patience": 10, "valid_users": 4000}
        fields = {
            "dataset": self.dataset,
            "split": {"kind": "given", "valid": VALID},
            "training": training | self.training | {"seed": seed},
        }
        return SearchSpec.model_validate(fields | self.spec)


SHARED = [{"kind": "uniform", "shared": True, "negatives": 512}]
COSINE = {"l2": 0.0, "learning_rate": 0.1}


def _published(recall: float, ndcg: float, source: str) -> dict[str, float | str]:
    return {"recall@20": recall, "ndcg@20": ndcg, "source": source}


ROWS: dict[str, Row] = {
    "mf-bpr": Row(
        "gowalla",
        _published(0.1627, 0.1378, BARS),
        {"candidates": [{"kind": "uniform", "negatives": 8}]},
        {"l2": 0.003},
    ),
    "mf-sampled-softmax": Row(
        "gowalla",
        _published(0.1759, 0.1395, BSL_LOG + " (there SL)"),
        {"candidates": SHARED, "loss": {"kind": "infonce", "temperature": 0.08}},
        COSINE,
    ),
    "mf-bsl": Row(
        "gowalla",
        _published(0.1882, 0.1584, BSL_LOG),
        {
            "candidates": SHARED,
            "loss": {"kind": "bsl", "temperature": 0.08, "power": 1.1},
        },
        COSINE,
    ),
    "mf-ccl": Row(
        "gowalla",
        _published(0.1837, 0.1493, BARS),
        {
            "candidates": SHARED,
            "loss": {"kind": "ccl", "margin": 0.9, "negative_weight": 150},
        },
        COSINE,
    ),
    "lightgcn-bpr": Row(
        "gowalla",
        _published(0.1820, 0.1547, BARS),
        {"model": {"kind": "lightgcn"}, "candidates": [{"kind": "uniform"}]},
        # A step costs a propagation whatever its batch: large batches, fewer steps.
        {"batch_size": 8192, "learning_rate": 0.005, "l2": 1e-4},
    ),
}


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


def train(
    spec: SearchSpec, split: Split, seconds: float, tell: Callable[[Epoch], None]
) -> Trained:
    """Train the spec's only candidate to early stopping, then open the test once."""
    torch.set_num_threads(1)
    trainer, weights = set_up(Request(recipe.trial(spec, "row", spec.samplers)), split)
    began, stopped, best_epoch = time.perf_counter(), "patience", 0
    for epoch in trainer.epochs(weights):
        tell(epoch)
        if trainer.stale == 0:
            best_epoch = epoch.number
        if time.perf_counter() - began > seconds:
            stopped = "time"
            break
    else:
        if trainer.epoch >= spec.training.epochs:
            stopped = "epochs"
    took = time.perf_counter() - began
    trainer.model.load_state_dict(trainer.best_model)
    with torch.no_grad():
        hits = Ranking(cases_of(split, "test"), k=20).hits(trainer.model())
    return Trained(
        epochs=trainer.epoch,
        best_epoch=best_epoch,
        seconds=took,
        stopped=stopped,
        recall_U=hits.values(RECALL),
        ndcg_U=hits.values(NDCG),
    )


def reproduce(name: str, seconds: float) -> dict[str, Any]:
    """Train one row and set its numbers beside the published ones."""
    row, spec = ROWS[name], ROWS[name].search_spec()
    split = prepare(spec, dataset(row.dataset))
    done = train(spec, split, seconds, _printer(name))
    return {
        "row": name,
        "date": datetime.now(UTC).date().isoformat(),
        "ours": {
            "recall@20": round(float(done.recall_U.mean()), 4),
            "ndcg@20": round(float(done.ndcg_U.mean()), 4),
        },
        "published": row.published,
        "protocol": f"{VALID:.0%} of training pairs for early stopping, the rest"
        " trained on; seed 0; test opened once",
        "epochs": done.epochs,
        "best_epoch": done.best_epoch,
        "seconds": round(done.seconds),
        "stopped_by": done.stopped,
        "spec": asdict(row)["spec"] | {"training": row.training},
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
                    "candidates": [_candidate(kind)],
                    "training": {"epochs": epochs, "patience": 10, "seed": seed},
                }
            )
            split = prepare(spec, dataset(name))
            done = train(spec, split, float("inf"), lambda _: None)
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
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for each in _asked(given):
        found.append(each)
        print(json.dumps(each), flush=True)
        if given.out:
            given.out.write_text(json.dumps(found, indent=1) + "\n")


def _asked(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if not given.samplers:
        yield from (reproduce(name, given.seconds) for name in given.only or ROWS)
        return
    kinds = [preset().kind for preset in PRESETS]
    if given.kinds:
        kinds = given.kinds.split(",")
    seeds = tuple(int(seed) for seed in given.seeds.split(","))
    yield from compare_samplers(given.samplers, seeds, tuple(kinds), given.epochs)


if __name__ == "__main__":
    main()
