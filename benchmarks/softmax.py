"""How fast an epoch of MF with a softmax loss and many shared negatives is.

    python -m benchmarks.softmax [--data gowalla-irb] [--negatives 1000] [--out F]

One thread, width 64, batches of 1,024, everything in one run: our steps under each
optimiser, the three matrix products that no such step can do without, and a plain loop
in torch with dense Adam. Medians of a step over an epoch, times the steps of an epoch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize

from autosample.data.splits import Split
from autosample.samplers import UniformSampler
from autosample.training import FixedWeights, Trainer
from benchmarks.data import dataset, pairs_rule
from benchmarks.speed import trainer

RESULT = Path("benchmarks/results/softmax.json")
BATCH, WIDTH, TEMPERATURE = 1024, 64, 0.1
WARM = 50
"""Steps at the beginning that are not counted."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="gowalla-irb")
    parser.add_argument("--negatives", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=300, help="steps that are timed")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    split = split_of(options.data)
    steps = -(-split.train.num_pairs // BATCH)
    found: dict[str, Any] = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": options.data,
        "pairs": split.train.num_pairs,
        "negatives": options.negatives,
    }
    products = per_step(products_of(options.negatives), options.steps)
    found["three products"] = steps * products
    for kind in ("adam", "adagrad", "sgd"):
        for loss in ("sl", "psl"):
            training = ours(split, options.negatives, kind, loss)
            found[f"{loss}, {kind}"] = steps * per_step(of(training), options.steps)
    plain = plain_loop(split, options.negatives)
    found["plain torch, dense adam"] = steps * per_step(plain, options.steps // 3)
    found["three products, again"] = steps * per_step(
        products_of(options.negatives), options.steps
    )
    for name, value in found.items():
        shown = f"{value:.2f} s" if isinstance(value, float) else value
        print(f"{name}: {shown}")
    options.out.write_text(json.dumps(found, indent=1) + "\n")


def split_of(name: str) -> Split:
    """Return a data set, split as a search splits it."""
    data = dataset(name)
    return pairs_rule(name).apply(data, seed=0)


def per_step(step: Callable[[], None], steps: int) -> float:
    """Return the median seconds of a step."""
    took = []
    for _ in range(WARM + steps):
        began = time.perf_counter()
        step()
        took.append(time.perf_counter() - began)
    return statistics.median(took[WARM:])


def products_of(negatives: int) -> Callable[[], None]:
    """Return the scores of a batch, and the products with their gradient."""
    users, columns = torch.randn(BATCH, WIDTH), torch.randn(negatives, WIDTH)
    scores = torch.empty(BATCH, negatives)

    def step() -> None:
        torch.mm(users, columns.T, out=scores)
        scores @ columns
        scores.T @ users

    return step


def ours(split: Split, negatives: int, optimizer: str, loss: str) -> Trainer:
    sampler = {"kind": "uniform", "negatives": negatives, "shared": True}
    training = {
        "optimizer": {"kind": optimizer},
        "learning_rate": 0.05,
        "l2": 0.0,
        "batch_size": BATCH,
    }
    return trainer(
        split,
        [UniformSampler.model_validate(sampler)],
        loss={"kind": loss, "temperature": TEMPERATURE},
        training=training,
    )


def of(training: Trainer) -> Callable[[], None]:
    """Return the steps of a training, epoch after epoch."""
    one = FixedWeights(torch.ones(1)).current()

    def forever() -> Iterator[None]:
        while True:
            for batch in training.batches():
                training.steps.train([batch], one)
                yield
            training.steps.finish()

    taken = forever()
    return lambda: next(taken)


def plain_loop(split: Split, negatives: int) -> Callable[[], None]:
    """Return the steps that an engineer would write down in torch."""
    train = split.train
    users = nn.Parameter(torch.randn(train.num_users, WIDTH) * 0.1)
    items = nn.Parameter(torch.randn(train.num_items, WIDTH) * 0.1)
    adam = torch.optim.Adam([users, items], 0.05)
    users_E = torch.from_numpy(train.users_E.copy()).long()
    items_E = torch.from_numpy(train.items_E.copy()).long()

    def step() -> None:
        rows = torch.randint(len(users_E), (BATCH,))
        drawn = torch.randint(train.num_items, (negatives,))
        mine = normalize(users[users_E[rows]], dim=1)
        positive = (mine * normalize(items[items_E[rows]], dim=1)).sum(1)
        scores = mine @ normalize(items[drawn], dim=1).T
        gap = (scores - positive[:, None]) / TEMPERATURE
        adam.zero_grad()
        gap.logsumexp(1).mean().backward()  # type: ignore[no-untyped-call]
        adam.step()

    return step


if __name__ == "__main__":
    main()
