"""A mixture step of the default candidates against a step of each candidate alone.

    python -m benchmarks.step [--model lightgcn] [--steps 60]

Rounds are interleaved, so that a drift of the machine meets all alike; medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import torch

from autosample.data.order import Batch
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.losses import BPR
from autosample.samplers import Sampler
from autosample.spec import SearchSpec
from autosample.spec.candidates import default_samplers
from autosample.training import FixedWeights
from autosample.training.supernet import equal_weights
from autosample.trials import Request
from autosample.trials.run import prepare as set_up
from benchmarks.data import dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mf")
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    torch.set_num_threads(1)
    spec = SearchSpec.model_validate(
        {"dataset": "gowalla", "model": {"kind": given.model}}
    )
    split = prepare(spec, dataset("gowalla"))
    alone = default_samplers(BPR())
    fields: dict[str, Sequence[Sampler]] = {each.label: [each] for each in alone}
    fields["mixed"] = alone
    steps = {}
    for name, samplers in fields.items():
        trainer, _ = set_up(Request(recipe.trial(spec, name, samplers)), split)
        steps[name] = (trainer, FixedWeights(equal_weights(len(samplers))).current())
    seconds: dict[str, list[float]] = {name: [] for name in fields}
    order = torch.Generator().manual_seed(0)
    for at in range(given.steps + 5):
        size = spec.training.batch_size
        rows = torch.randint(split.train.num_pairs, (size,), generator=order)
        for name, (trainer, weights) in steps.items():
            began = time.perf_counter()
            trainer.step(trainer.pairs(Batch(rows)), weights)
            if at >= 5:  # the first ones warm caches up
                seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    mixed = medians.pop("mixed")
    dearest = max(medians, key=medians.__getitem__)
    print(f"{given.model} on Gowalla, batch {spec.training.batch_size}, one thread")
    for name, median in medians.items():
        print(f"{name:<12} {median * 1e3:7.2f} ms")
    print(f"{'mixed':<12} {mixed * 1e3:7.2f} ms")
    print(f"mixed / dearest ({dearest}): {mixed / medians[dearest]:.2f}")
    print(f"mixed / sum: {mixed / sum(medians.values()):.2f}")


if __name__ == "__main__":
    main()
