"""Sequential recommenders: losses, the study of six samplers, and GenNi.

    python -m benchmarks.sequential run losses [--datasets ...] [--seeds 0,1,2]
    python -m benchmarks.sequential run study [--datasets ...] [--seeds 0,1,2,3,4]
    python -m benchmarks.sequential run genni
    python -m benchmarks.sequential table

Each training is from scratch, stops early on validation users, and opens the test once.
Rows are appended to a file as they come, and what is there is not done again.

- losses: each user's last item is the test and the one before validation, whose item is
  in the history when the test is opened; histories are masked; full ranking.
- study: the last 5 % of all pairs are the test, the 5 % before validation; metrics are
  means over pairs, nothing is masked, and all of a user's test pairs read one history.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from autosample.evaluation.bands import NAMES, bands_of, evenness
from autosample.evaluation.cases import cases_of
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Hits, Ranking
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.spec import SearchSpec
from autosample.trials import Request
from autosample.trials.run import InProcessRunner
from benchmarks.cells import role_of
from benchmarks.data import sequences
from benchmarks.truth import append, rows

OUT = Path("benchmarks/results/sequential.jsonl")
METRICS = ("recall@5", "recall@10", "ndcg@5", "ndcg@10")
SASREC = {"kind": "sasrec", "layers": 1, "dropout": 0.4}
TRAINING: dict[str, Any] = {"learning_rate": 0.004, "epochs": 100, "patience": 10}


def _shared(negatives: int) -> dict[str, Any]:
    return {"kind": "uniform", "shared": True, "negatives": negatives}


class Kind(NamedTuple):
    """A training, but for its data and its seed."""

    loss: dict[str, Any]
    sampler: dict[str, Any]
    fields: Mapping[str, Any] = {}


PATIENT = TRAINING | {"patience": 30}
"""Cross entropy of single items stands still for a dozen epochs before it learns."""
SOFTMAX = {"kind": "sampled_softmax"}
LOGISTIC = {"kind": "logistic"}
LOSSES: dict[str, Kind] = {
    "bce-1": Kind(LOGISTIC, {"kind": "uniform"}, {"training": PATIENT}),
    "softmax-256": Kind(SOFTMAX, _shared(256)),
    "softmax-512": Kind(SOFTMAX, _shared(512)),
    "softmax-256-each": Kind(SOFTMAX, {"kind": "uniform", "negatives": 256}),
    "gbce-256": Kind({"kind": "gbce"}, _shared(256), {"training": PATIENT}),
    "full": Kind(
        {"kind": "full_softmax"},
        {"kind": "uniform"},
        {"training": TRAINING | {"learning_rate": 0.001}},
    ),
    "gru-softmax-256": Kind(
        SOFTMAX,
        _shared(256),
        {
            "model": {"kind": "gru4rec", "dropout": 0.4},
            "training": TRAINING | {"learning_rate": 0.002},
        },
    ),
    "dns-32": Kind({"kind": "bpr"}, {"kind": "dns", "pool": 32}),
    "mixed-256-log-q": Kind(
        SOFTMAX | {"log_q": True}, {"kind": "mixed", "negatives": 256}
    ),
    "in-batch-256": Kind(SOFTMAX, {"kind": "in_batch", "negatives": 256}),
    "bpr-max-256": Kind({"kind": "bpr_max"}, _shared(256)),
    "infonce-512": Kind({"kind": "infonce", "temperature": 0.1}, _shared(512)),
    "popularity-256": Kind(SOFTMAX, {"kind": "popularity", "negatives": 256}),
}
SETTINGS: dict[str, Kind] = {
    f"rate-{rate:g}-dropout-{dropout:g}-layers-{layers}": Kind(
        SOFTMAX,
        _shared(256),
        {
            "model": {"kind": "sasrec", "layers": layers, "dropout": dropout},
            "training": TRAINING | {"learning_rate": rate, "patience": 20},
        },
    )
    for rate, dropout, layers in (
        (0.001, 0.2, 2),
        (0.004, 0.2, 2),
        (0.004, 0.4, 2),
        (0.004, 0.2, 1),
        (0.002, 0.4, 1),
    )
}
"""By which the model's defaults were chosen, by the validation metric."""
HARD = LOGISTIC | {"negative_weight": 5 / 110}
STUDY: dict[str, Kind] = {
    "rns": Kind(LOGISTIC, {"kind": "sequence_rns"}),
    "pns": Kind(LOGISTIC, {"kind": "sequence_pns"}),
    "bns": Kind(LOGISTIC, {"kind": "sequence_bns"}),
    "mns": Kind(LOGISTIC, {"kind": "sequence_mns"}),
    "ans": Kind(HARD, {"kind": "sequence_ans"}),
    "amns": Kind(HARD, {"kind": "sequence_amns"}),
}
GENNI: dict[str, Kind] = {
    f"genni-{power:g}": Kind(
        LOGISTIC, {"kind": "genni", "power": power}, {"training": PATIENT}
    )
    for power in (0.5, 1.0, 2.0, 4.0)
}
PARTS: dict[str, dict[str, Kind]] = {
    "losses": LOSSES,
    "settings": SETTINGS,
    "study": STUDY,
    "genni": GENNI,
}
DATASETS = {
    "losses": ("amazon-beauty", "amazon-sports", "amazon-beauty-large"),
    "settings": ("ml-latest-small", "amazon-beauty"),
    "study": ("amazon-beauty-time", "retailrocket-buyers"),
    "genni": ("amazon-beauty", "amazon-sports"),
}
BY_TIME: dict[str, Any] = {
    "model": {"kind": "sasrec", "width": 50, "layers": 2, "dropout": 0.2},
    "training": {"learning_rate": 0.001, "epochs": 60, "patience": 20},
    "split": {
        "kind": "global_time",
        "valid": 0.05,
        "test": 0.05,
        "per": "interaction",
        "mask": "none",
    },
}
LAST_OUT: dict[str, Any] = {
    "model": SASREC,
    "training": TRAINING,
    "split": {"kind": "leave_last_out"},
}


def spec_of(part: str, kind: Kind, dataset: str, seed: int) -> SearchSpec:
    """Return the search of one candidate that stands for a training."""
    protocol = BY_TIME if part == "study" else LAST_OUT
    fields: dict[str, Any] = {
        "dataset": dataset,
        "loss": kind.loss,
        "candidates": [kind.sampler],
    }
    fields |= {"metric": "ndcg@10"} | protocol | dict(kind.fields)
    fields["training"] = fields["training"] | {"seed": seed}
    return SearchSpec.model_validate(fields)


def train(part: str, name: str, dataset: str, seed: int) -> dict[str, Any]:
    """Train once and open the test."""
    spec = spec_of(part, PARTS[part][name], dataset, seed)
    split = prepare(spec, sequences(dataset))
    request = Request(recipe.trial(spec, name, spec.samplers))
    [result] = InProcessRunner(split).run([request], lambda *_: None)
    cases = cases_of(split, "test")
    hits = Ranking(cases, k=10).hits(result.best_model(split)())
    row: dict[str, Any] = {
        "part": part,
        "dataset": dataset,
        "role": role_of(dataset),
        "kind": name,
        "seed": seed,
        **{metric: round(hits.mean(Metric(metric)), 5) for metric in METRICS},
        "valid": round(result.best, 5),
        "best_epoch": result.best_epoch,
        "epochs": len(result.history),
        "seconds": round(result.seconds, 1),
        "date": datetime.now(UTC).date().isoformat(),
    }
    if part == "study":
        row |= _by_band(hits, cases.relevant.items, bands_of(split.train))
    return row


def _by_band(hits: Hits, wanted_Q: Any, bands_I: Any) -> dict[str, Any]:
    """Return NDCG@10 over the pairs of each band, and how even it is."""
    values_Q = hits.values(Metric("ndcg@10"))
    bands_Q = bands_I[wanted_Q]
    means = [float(values_Q[bands_Q == band].mean()) for band in range(len(NAMES))]
    found: dict[str, Any] = {n: round(m, 5) for n, m in zip(NAMES, means, strict=True)}
    return found | {"balance": round(evenness(means), 4)}


def run(part: str, datasets: list[str], kinds: list[str], seeds: list[int]) -> None:
    """Do what is missing: all kinds of a data set under one seed before the next."""
    torch.set_num_threads(1)
    keys = ("part", "dataset", "kind", "seed")
    for seed in seeds:
        for dataset in datasets:
            for name in kinds:
                done = {tuple(row[key] for key in keys) for row in rows(OUT)}
                if (part, dataset, name, seed) not in done:
                    row = train(part, name, dataset, seed)
                    append(OUT, row)
                    print(json.dumps(row), flush=True)


def table() -> None:
    """Print means over seeds, with their standard deviations."""
    for part, dataset, groups in _groups():
        columns = ["seeds", *METRICS, "epoch", "seconds"]
        if part == "study":
            columns += [*NAMES, "balance"]
        print(f"\n{part}, {dataset} ({role_of(dataset)})\n")
        print(f"| | {' | '.join(columns)} |")
        print("|---" * (len(columns) + 1) + "|")
        for name, group in groups.items():
            cells = [str(len(group)), *(_spread(group, m) for m in METRICS)]
            cells += [
                f"{np.mean([r[key] for r in group]):.0f}"
                for key in ("best_epoch", "seconds")
            ]
            if part == "study":
                cells += [_spread(group, key) for key in (*NAMES, "balance")]
            print(f"| {name} | {' | '.join(cells)} |")


def _groups() -> Iterator[tuple[str, str, dict[str, list[dict[str, Any]]]]]:
    found: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for row in rows(OUT):
        group = found[row["part"], row["dataset"]]
        group.setdefault(row["kind"], []).append(row)
    for (part, dataset), groups in found.items():
        yield part, dataset, groups


def _spread(group: list[dict[str, Any]], key: str) -> str:
    values = [row[key] for row in group]
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("part", nargs="?", choices=sorted(PARTS))
    parser.add_argument("--datasets", help="by commas")
    parser.add_argument("--kinds", help="by commas")
    parser.add_argument("--seeds", default="0", help="by commas")
    given = parser.parse_args()
    if given.what == "table":
        table()
        return
    if given.part is None:
        parser.error(f"say what to run: {', '.join(sorted(PARTS))}")
    datasets = (given.datasets or ",".join(DATASETS[given.part])).split(",")
    kinds = (given.kinds or ",".join(PARTS[given.part])).split(",")
    seeds = [int(seed) for seed in given.seeds.split(",")]
    run(given.part, datasets, kinds, seeds)


if __name__ == "__main__":
    main()
