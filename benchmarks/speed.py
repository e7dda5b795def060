"""How fast: trainings, samplers, evaluation and reading, beside peers and limits.

    python -m benchmarks.speed [--growth 1e6,1e7,1e8] [--out F]

Gowalla, width 64, one thread unless said; batches of the default size (2,048 for
LightGCN). Everything in one run, as machines drift: medians, beside peers and what the
machine allows. Peers (`make peers`) run in an environment of their own, and are left
out where there is none.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autosample.data.dataset import Dataset, load_dataset
from autosample.data.interactions import Interactions
from autosample.data.splits import Split
from autosample.evaluation.cases import make_cases
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.kernels.draws import uniform
from autosample.losses import BPR
from autosample.models import MF
from autosample.samplers import DNS, Observed, Sampler, UniformSampler
from autosample.spec import SearchSpec
from autosample.spec.candidates import default_samplers
from autosample.training import FixedWeights, Trainer
from autosample.trials import Request
from autosample.trials.run import prepare as set_up
from benchmarks.data import dataset
from benchmarks.limits import limits

RESULT = Path("benchmarks/results/speed.json")
PEERS = Path(".venv-peers/bin/python")
EPOCHS = 5
LIGHTGCN_BATCHES = 60
"""Number of batches of LightGCN's epoch that are timed: all batches cost the same."""


def trainer(split: Split, samplers: Sequence[Sampler], **fields: Any) -> Trainer:
    """Set a training up as a search would."""
    spec = SearchSpec.model_validate({"dataset": "speed"} | fields)
    return set_up(Request(recipe.trial(spec, "speed", samplers)), split)[0]


def epochs(training: Trainer, count: int = EPOCHS) -> float:
    """Return the median seconds of an epoch, evaluation left out; the first is not
    counted, in which kernels are loaded."""
    weights = torch.full((len(training.supernet.samplers),), 1.0)
    weights /= len(weights)
    took = []
    for _ in range(count + 1):
        batches = list(training.batches())
        began = time.perf_counter()
        training.train_on(batches, FixedWeights(weights))
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])


def lightgcn_epoch(training: Trainer) -> float:
    """Return seconds of an epoch of LightGCN, from some of its batches."""
    batch, total = training.settings.batch_size, len(training.users_E)
    batches, one = list(training.batches()), torch.ones(1)
    training.steps.train(batches[:1], one)
    began = time.perf_counter()
    training.steps.train(batches[:LIGHTGCN_BATCHES], one)
    took = (time.perf_counter() - began) / LIGHTGCN_BATCHES
    return took * -(-total // batch)


def gowalla(say: Callable[..., None]) -> dict[str, float]:
    """Measure what the targets name."""
    data = dataset("gowalla")
    spec = SearchSpec.model_validate({"dataset": "gowalla"})
    split = prepare(spec, data)
    found: dict[str, float] = {"pairs": float(split.train.num_pairs)}

    def add(name: str, value: float) -> None:
        found[name] = value
        say(name, value)

    for name, value in limits().items():
        add(name, value)
    add("mf_bpr_epoch_s", epochs(trainer(split, [UniformSampler()])))
    sgd = {"training": {"optimizer": {"kind": "sgd"}, "learning_rate": 50.0}}
    add("mf_bpr_sgd_epoch_s", epochs(trainer(split, [UniformSampler()], **sgd)))
    add("hardest32_epoch_s", epochs(trainer(split, [DNS(pool=32)])))
    for name, value in peers(split.train).items():
        add(name, value)
    add("mf_bpr_again_epoch_s", epochs(trainer(split, [UniformSampler()])))
    for name, value in supernet(split).items():
        add(name, value)
    add("negatives_per_s", negatives(split))
    add("eval_users_per_s", evaluation(data))
    fields = {"model": {"kind": "lightgcn"}, "training": {"batch_size": 2048}}
    graph = trainer(split, [UniformSampler()], **fields)
    add("lightgcn3_epoch_s", lightgcn_epoch(graph))
    torch.set_num_threads(2)
    add("lightgcn3_epoch_2t_s", lightgcn_epoch(graph))
    torch.set_num_threads(1)
    return found


def supernet(split: Split) -> dict[str, float]:
    """Measure a supernet of all default candidates, and each of them alone."""
    candidates = default_samplers(BPR())
    alone = {
        sampler.label: epochs(trainer(split, [sampler]), 2) for sampler in candidates
    }
    dearest = max(alone, key=alone.__getitem__)
    together = epochs(trainer(split, candidates), 2)
    return {
        "supernet12_epoch_s": together,
        "supernet12_dearest_epoch_s": alone[dearest],
        "supernet12_sum_epoch_s": sum(alone.values()),
    } | {f"candidate_{name}_epoch_s": value for name, value in alone.items()}


def negatives(split: Split, size: int = 32, block: int = 1024) -> float:
    """Return uniform negatives a second, observed items excluded."""
    seen, users = Observed(split.train).seen, split.train.users_E.copy()
    uniform(seen, users[:block], size, np.uint64(0))
    began, drawn = time.perf_counter(), 0
    for at in range(0, len(users) - block, block):
        drawn += uniform(seen, users[at : at + block], size, np.uint64(at)).size
    return drawn / (time.perf_counter() - began)


def evaluation(data: Dataset) -> float:
    """Return users a second of a full ranking, metrics included."""
    assert data.test is not None
    model = MF().build(data.train, torch.Generator().manual_seed(0))
    ranking = Ranking(make_cases(data.test, data.train), k=20)
    ranking.hits(model())
    began = time.perf_counter()
    hits = ranking.hits(model())
    hits.means(map(Metric, ("recall@20", "ndcg@20", "precision@20", "mrr@20")))
    return len(hits.owners_Q) / (time.perf_counter() - began)


def peers(train: Interactions) -> dict[str, float]:
    """Run other libraries on the same pairs, one after the other."""
    if not PEERS.exists():
        return {}
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder) / "pairs.npz"
        np.savez(pairs, users=train.users_E, items=train.items_E)
        for name in ("implicit", "cornac", "recbole"):
            script = Path(__file__).parent / "peers" / "run.py"
            done = subprocess.run(
                [PEERS.absolute(), script, pairs, name],
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                print(f"{name} failed: {done.stderr[-300:]}", file=sys.stderr)
                continue
            told = json.loads(done.stdout)
            found |= {f"{name}_{key}": value for key, value in told.items()}
    return found


def growth(pairs: int) -> dict[str, float]:
    """Measure one size of made data, in a process of its own for its peak memory."""
    command = [sys.executable, "-m", "benchmarks.growth", str(pairs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{pairs} pairs failed: {done.stderr[-300:]}", file=sys.stderr)
        return {}
    found: dict[str, float] = json.loads(done.stdout)
    return found


def reading(rows: int = 10_000_000) -> dict[str, float]:
    """Return the seconds of reading so many rows, as CSV and as Parquet."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    rng = np.random.default_rng(0)
    users = rng.integers(0, rows // 50, rows)
    items = (rng.random(rows) ** 2 * (rows // 100)).astype(np.int64)
    table = pa.table({"user": users, "item": items})
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {kind: Path(folder) / f"pairs.{kind}" for kind in ("csv", "parquet")}
        csv.write_csv(table, paths["csv"])
        pq.write_table(table, paths["parquet"])
        for kind, path in paths.items():
            began = time.perf_counter()
            load_dataset(path)
            found[f"read_{kind}_10m_s"] = time.perf_counter() - began
    return found


def told(name: str, value: float) -> None:
    print(f"{name:<34} {value:>16,.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--growth", default="1e6,1e7")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat()}
    found |= gowalla(told)
    memory = growth(0)
    for name, value in memory.items():
        told(name, value)
    found |= memory
    read = reading()
    for name, value in read.items():
        told(name, value)
    found |= read
    found["growth"] = []
    for size in filter(None, given.growth.split(",")):
        each = growth(int(float(size)))
        found["growth"].append(each)
        print(json.dumps(each), flush=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
