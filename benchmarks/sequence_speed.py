"""Seconds of an epoch of SASRec, beside a plain loop in torch and the products alone.

    python -m benchmarks.sequence_speed [--out results.json]

Softmax of 256 negatives that a batch shares, width 64, one thread, in one run. The
plain loop pads 128 sequences on the left to the full window, uses torch's own
transformer layers and steps the whole table with Adam. The products are those of the
encoder and of the scores, forward and backward, for the steps that are trained, without
padding. All times are of the processor, so that other processes count little.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autosample.data.interactions import Interactions
from autosample.data.splits import LeaveLastOut, Split
from autosample.data.synthetic import Walks
from autosample.evaluation.metrics import Metric
from autosample.losses import SampledSoftmax
from autosample.models import SASRec, build
from autosample.samplers import Observed, UniformSampler
from autosample.training import FixedWeights, Trainer, Training
from autosample.training.supernet import Supernet, equal_weights
from benchmarks.data import sequences

NEGATIVES, WIDTH, SEQUENCES = 256, 64, 128
# Users and items of MovieLens 1M, and about as many steps as its users have among their
# last 200 items.
LARGE = Walks(users=6040, items=3416, steps_per_user=116, jumps=0.8, skew=0.6)


def ours(split: Split, config: SASRec) -> Callable[[], object]:
    """Return a function that trains an epoch."""
    model = build(config, split.train, torch.Generator().manual_seed(0))
    sampler = UniformSampler(negatives=NEGATIVES, shared=True)
    supernet = Supernet([sampler], Observed(split.train), SampledSoftmax())
    settings = Training(learning_rate=0.004, l2=0.0)
    trainer = Trainer(model, supernet, split, settings, Metric("ndcg@10"))
    weights = FixedWeights(equal_weights(1))
    return lambda: trainer.train_on(trainer.batches(), weights)


class PlainSASRec(nn.Module):
    """SASRec as one would write it."""

    def __init__(self, items: int, config: SASRec) -> None:
        super().__init__()
        self.items = nn.Embedding(items + 1, WIDTH, padding_idx=items)
        self.places = nn.Embedding(config.length, WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, 1, WIDTH, config.dropout, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(
            layer, config.layers, nn.LayerNorm(WIDTH), enable_nested_tensor=False
        )
        self.drop = nn.Dropout(config.dropout)

    def forward(self, windows_SL: Tensor) -> Tensor:
        length = windows_SL.shape[1]
        states = self.drop(self.items(windows_SL) + self.places.weight)
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        made: Tensor = self.blocks(states, mask=mask, is_causal=True)
        return made


def plain(train: Interactions, config: SASRec) -> Callable[[], object]:
    """Return a function that trains an epoch by a plain loop."""
    torch.manual_seed(0)
    items, length = train.num_items, config.length
    model = PlainSASRec(items, config)
    adam = torch.optim.Adam(model.parameters(), 0.004)
    windows_UL = torch.full((train.num_users, length + 1), items)
    for user in range(train.num_users):
        last = torch.from_numpy(train.items_of(user)[-length - 1 :].astype("int64"))
        if len(last):
            windows_UL[user, -len(last) :] = last

    def epoch() -> None:
        for users in torch.split(torch.randperm(train.num_users), SEQUENCES):
            inputs, labels = windows_UL[users, :-1], windows_UL[users, 1:]
            real = (inputs != items) & (labels != items)
            states = model(inputs)[real]
            positives = model.items(labels[real])
            negatives = model.items(torch.randint(items, (NEGATIVES,)))
            own = (states * positives).sum(1, keepdim=True)
            logits = torch.cat([own, states @ negatives.T], 1)
            target = torch.zeros(len(logits), dtype=torch.long)
            loss = nn.functional.cross_entropy(logits, target)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()

    return epoch


def products(steps: int, config: SASRec, mean: float) -> Callable[[], object]:
    """Return a function that computes the products of an epoch alone: six of the width
    and two of the window's length in each block, and the columns."""
    rows = torch.randn(1024, WIDTH)
    square = torch.randn(WIDTH, WIDTH)
    keys = torch.randn(WIDTH, max(int(mean), 1))
    columns = torch.randn(WIDTH, NEGATIVES)

    def epoch() -> None:
        for _ in range(-(-steps // 1024) * 3):  # forward, and twice as much backward
            for _ in range(config.layers):
                for _ in range(6):
                    rows @ square
                for _ in range(2):
                    rows @ keys
            rows @ columns

    return epoch


def seconds(work: Callable[[], object]) -> float:
    """Return processor seconds of the second call."""
    work()
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(name: str, train: Interactions, split: Split, config: SASRec) -> Any:
    """Time one data set in one run."""
    steps = int((train.degrees_U - 1).clip(0, config.length).sum())
    found = {
        "data": name,
        "steps": steps,
        "ours": round(seconds(ours(split, config)), 2),
        "plain torch": round(seconds(plain(train, config)), 2),
        "products": round(seconds(products(steps, config, steps / train.num_users)), 2),
    }
    print(json.dumps(found), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name, data, config in (
        ("amazon-beauty", sequences("amazon-beauty"), SASRec(layers=1)),
        ("as large as MovieLens 1M", LARGE.build(), SASRec(layers=2, length=200)),
    ):
        split = LeaveLastOut().apply(data, seed=0)
        rows.append(measure(name, split.train, split, config))
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
