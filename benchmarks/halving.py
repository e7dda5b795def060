"""ASHA replayed from the recorded curves of trainings from scratch.

A study that runs one training at a time takes the candidates in their order, so what it
would measure at each milestone is in truth.jsonl. The refit is left out: the model that
a replay returns is that of the recorded training.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autosample.spec.strategies import Asha
from benchmarks.rungs import PLANNED, Recorded
from benchmarks.truth import CELLS, SEEDS, spec_of


def replay_all() -> Iterator[dict[str, Any]]:
    """Yield a row per complete cell and seed, as `benchmarks.search run` writes it."""
    for cell in CELLS:
        recorded = Recorded(cell.name)
        if recorded.is_complete:
            labels = [sampler.label for sampler in spec_of(cell).samplers]
            for seed in SEEDS:
                yield _row(recorded, labels, seed)


def _row(recorded: Recorded, labels: list[str], seed: int) -> dict[str, Any]:
    epochs = _halve({label: recorded.curves[label, seed] for label in labels})
    best = {n: max(recorded.curves[n, seed][:end]) for n, end in epochs.items()}
    over = [n for n, end in epochs.items() if end == len(recorded.curves[n, seed])]
    chosen = max(over, key=lambda label: best[label])
    test = recorded.tests[chosen, seed]
    return {
        "cell": recorded.name,
        "seed": seed,
        "strategy": "asha",
        "chosen": chosen,
        "metric_returned": test,
        "metric_before_refit": test,
        "epochs": epochs,
        "searched": best,
        "replayed": True,
    }


def _halve(curves: dict[str, tuple[float, ...]]) -> dict[str, int]:
    """Return the number of epochs of each training.

    A training goes on at a milestone if its best metric is not below the upper quantile
    of those that have reached the milestone before, as in Ray Tune's ASHAScheduler.
    """
    asha, milestones = Asha(), []
    at = asha.grace
    while at <= PLANNED:
        milestones.append(at)
        at *= asha.reduction
    reached: dict[int, list[float]] = {milestone: [] for milestone in milestones}
    return {label: _stop(curve, reached, asha) for label, curve in curves.items()}


def _stop(curve: tuple[float, ...], reached: dict[int, list[float]], asha: Asha) -> int:
    """Return the epoch at which a training stops, and add it to `reached`."""
    for milestone, before in reached.items():
        if milestone > len(curve):
            break
        best = max(curve[:milestone])
        above = np.quantile(before, 1 - 1 / asha.reduction) if before else best
        before.append(best)
        if best < above:
            return milestone
    return len(curve)
