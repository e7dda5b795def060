"""One training of BPR on data of one size, and its memory; prints JSON.

    python -m benchmarks.growth PAIRS        # 0: Gowalla

In a process of its own, since a peak of memory belongs to a process.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from autosample.data.interactions import Interactions
from autosample.data.splits import Split
from autosample.samplers import UniformSampler
from benchmarks.data import dataset
from benchmarks.speed import epochs, trainer


def peak_mb() -> float:
    """Return the most this process held; the system's ru_maxrss counts its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(kilobytes) / 1024


def made(pairs: int) -> Interactions:
    """Return about so many pairs, 50 a user, of items popular by a power law."""
    rng = np.random.default_rng(0)
    users = pairs // 50
    items = max(users // 2, 100)
    drawn = (rng.random(pairs) ** 3 * items).astype(np.int32)
    owners = np.repeat(np.arange(users, dtype=np.int32), 50)
    return Interactions.from_pairs(
        owners, drawn[: len(owners)], num_users=users, num_items=items
    )


def main() -> None:
    torch.set_num_threads(1)
    baseline = peak_mb()
    pairs = int(sys.argv[1])
    began = time.perf_counter()
    train = made(pairs) if pairs else dataset("gowalla").train
    prepared = time.perf_counter() - began
    held = np.zeros(train.num_pairs, np.bool_)
    held[:: max(train.num_pairs // 2000, 1)] = True
    some = train.take(held)
    rest = train.take(~held)
    del train
    after_data = peak_mb()
    training = trainer(Split(rest, some, some), [UniformSampler()])
    seconds = epochs(training, 2)
    parameters = sum(each.numel() * 4 for each in training.model.parameters())
    state = parameters  # Adagrad's accumulators
    data = rest.num_pairs * 12 + (rest.num_users + 1) * 8  # ids and starts
    needed = (data + parameters + state) / 2**20
    told = {
        "growth_pairs": rest.num_pairs,
        "growth_users": rest.num_users,
        "growth_items": rest.num_items,
        "epoch_s": seconds,
        "pairs_per_s": rest.num_pairs / seconds,
        "prepared_s": prepared,
        "peak_mb": peak_mb() - baseline,
        "peak_after_data_mb": after_data - baseline,
        "needed_mb": needed,
        "peak_over_needed": (peak_mb() - baseline) / needed,
    }
    if not pairs:
        told = {
            name: told[name] for name in ("peak_mb", "needed_mb", "peak_over_needed")
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
