"""ASHA replayed from recorded curves: it trains from scratch, as the truth did.

A study of one training at a time goes through the candidates in their order, so that
what it would see at each milestone is in truth.jsonl. Only the last epochs on
validation pairs are missing: what is returned is the training itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autosample.spec.strategies import Asha
from benchmarks.rungs import PLANNED, Recorded
from benchmarks.truth import CELLS, SEEDS, spec_of


def replayed() -> Iterator[dict[str, Any]]:
    """Yield a row, as `benchmarks.search run` would write it, of every whole cell."""
    for cell in CELLS:
        recorded = Recorded(cell.name)
        if recorded.whole:
            labels = [sampler.label for sampler in spec_of(cell).samplers]
            for seed in SEEDS:
                yield _row(recorded, labels, seed)


def _row(recorded: Recorded, labels: list[str], seed: int) -> dict[str, Any]:
    epochs = _halved({label: recorded.curves[label, seed] for label in labels})
    best = {n: max(recorded.curves[n, seed][:end]) for n, end in epochs.items()}
    over = [n for n, end in epochs.items() if end == len(recorded.curves[n, seed])]
    chosen = max(over, key=lambda label: best[label])
    tested = recorded.tests[chosen, seed]
    return {
        "cell": recorded.name,
        "seed": seed,
        "strategy": "asha",
        "chosen": chosen,
        "metric_returned": tested,
        "metric_before_refit": tested,
        "epochs": epochs,
        "searched": best,
        "replayed": True,
    }


def _halved(curves: dict[str, tuple[float, ...]]) -> dict[str, int]:
    """Return how many epochs each training makes.

    At a milestone it goes on if its best is not below the upper part of those that came
    there before it, as Ray Tune's ASHAScheduler has it.
    """
    asha, milestones = Asha(), []
    at = asha.grace
    while at <= PLANNED:
        milestones.append(at)
        at *= asha.reduction
    seen: dict[int, list[float]] = {milestone: [] for milestone in milestones}
    return {label: _stopped(curve, seen, asha) for label, curve in curves.items()}


def _stopped(curve: tuple[float, ...], seen: dict[int, list[float]], asha: Asha) -> int:
    for milestone, before in seen.items():
        if milestone > len(curve):
            break
        best = max(curve[:milestone])
        above = np.quantile(before, 1 - 1 / asha.reduction) if before else best
        before.append(best)
        if best < above:
            return milestone
    return len(curve)
