"""Every sampler's negatives per second and cost per step, against uniform sampling.

    python -m benchmarks.samplers [--model lightgcn] [--data gowalla] [--steps 30]
                                  [--kinds dns,ahns] [--out F]

Presets as published. One thread; rounds are interleaved, so that a drift of the machine
meets all samplers; figures are medians. `negatives/s` is drawing, scoring and choosing
alone; a step also has forward, backward and optimiser; `prepare` runs once per epoch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from autosample.core.types import Moment
from autosample.data.order import Batch
from autosample.data.splits import Split
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.samplers import PRESETS, Sampler, UniformSampler
from autosample.spec import SearchSpec
from autosample.training import Trainer
from autosample.trials import Request
from autosample.trials.run import prepare as set_up
from benchmarks.data import dataset

WARM = 3  # first rounds, which fill caches, are not counted
MIDDLE = Moment(25, 50)


@dataclass
class Timed:
    """A sampler in training, and what its steps took."""

    sampler: Sampler
    trainer: Trainer
    build_s: float
    prepare_s: float
    chooses: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)

    def round(self, rows: torch.Tensor) -> None:
        """Time one choice and one step on the same pairs."""
        trainer = self.trainer
        pairs, net = trainer.pairs(Batch(rows)), trainer.supernet
        with torch.no_grad():
            scorer = trainer.model()
            queries = scorer.queries(pairs.queries)
            context = net.context(scorer, pairs, queries)
            self.chooses.append(_seconds(lambda: net.choose(context, trainer.rng)))
        one = torch.ones(1)
        self.steps.append(_seconds(lambda: trainer.step(pairs, one)))

    def told(self, uniform: Timed, batch: int) -> dict[str, Any]:
        choose = statistics.median(self.chooses[WARM:])
        step = statistics.median(self.steps[WARM:])
        against = statistics.median(uniform.steps[WARM:])
        count = batch * self.sampler.most_negatives
        return {
            "sampler": self.sampler.label,
            "negatives": self.sampler.most_negatives,
            "negatives_per_s": round(count / choose),
            "step_ms": round(step * 1e3, 2),
            "step_over_uniform": round(step / against, 2),
            "prepare_s": round(self.prepare_s, 2),
            "build_s": round(self.build_s, 2),
        }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def timed(spec: SearchSpec, split: Split, sampler: Sampler) -> Timed:
    """Set a training up, in the middle of its epochs."""
    began = time.perf_counter()
    trainer, _ = set_up(Request(recipe.trial(spec, sampler.label, [sampler])), split)
    built = time.perf_counter() - began
    with torch.no_grad():
        prepared = _seconds(
            lambda: trainer.supernet.begin(MIDDLE, trainer.model, trainer.rng)
        )
    return Timed(sampler, trainer, built, prepared)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mf")
    parser.add_argument("--data", default="gowalla")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--kinds", help="by commas; all presets by default")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    wanted = given.kinds.split(",") if given.kinds else None
    spec = SearchSpec.model_validate(
        {"dataset": given.data, "model": {"kind": given.model}}
    )
    split = prepare(spec, dataset(given.data))
    found = [UniformSampler()] + [
        made
        for made in (preset() for preset in PRESETS)
        if made != UniformSampler() and (wanted is None or made.kind in wanted)
    ]
    runs = [timed(spec, split, sampler) for sampler in found]
    order = torch.Generator().manual_seed(0)
    batch = spec.training.batch_size
    for _ in range(given.steps + WARM):
        rows = torch.randint(split.train.num_pairs, (batch,), generator=order)
        for run in runs:
            run.round(rows)
    told = [run.told(runs[0], batch) for run in runs]
    print(f"{given.model} on {given.data}, batch {batch}, one thread")
    for each in told:
        print(
            f"{each['sampler']:<12} {each['negatives_per_s'] / 1e6:8.2f} M negatives/s"
            f" {each['step_ms']:8.2f} ms {each['step_over_uniform']:6.2f} x uniform"
            f"   prepare {each['prepare_s']:.2f} s, build {each['build_s']:.2f} s"
        )
    if given.out:
        about = {
            "date": datetime.now(UTC).date().isoformat(),
            "model": given.model,
            "data": given.data,
            "batch": batch,
            "steps": given.steps,
        }
        text = json.dumps(about | {"samplers": told}, indent=1)
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
