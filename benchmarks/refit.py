"""What the refit gains: going on in one training, or branches that are averaged.

    python -m benchmarks.refit [--cells lastfm/mf,...] [--seeds 0,1]

Each candidate is trained from scratch to early stopping. Then it is trained on over
training and validation pairs: for the model's usual epochs in one training that keeps
its optimiser, and in one, two and four branches with fresh optimisers, each the mean of
its last epochs. All on design sources; figures are test NDCG@20. Rows are appended to
`benchmarks/results/refit.jsonl`, and what is there is not done again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from autosample.experiment.refit import RefitPlan
from autosample.experiment.strategies import recipe
from autosample.spec import SearchSpec
from autosample.trials import Request, Start, TrialResult
from autosample.trials.run import InProcessRunner
from benchmarks.cells import Role, role_of
from benchmarks.truth import (
    CELLS,
    Cell,
    append,
    rows,
    spec_of,
    split_of,
    test_metric,
)

OUT = Path("benchmarks/results/refit.jsonl")
EPOCHS = (4, 8)
BRANCHES = (1, 2, 4)
SL: dict[str, Any] = {
    "sampler": {"kind": "uniform", "negatives": 1000, "shared": True},
    "loss": {"kind": "sl", "temperature": 0.2},
}
DNS8 = {"kind": "dns", "pool": 8}
TRIED: dict[str, list[dict[str, Any]]] = {
    "lastfm/mf": [{"kind": "aobpr"}, SL],
    "ml-latest-small/mf": [DNS8, SL],
    "lastfm/lightgcn": [DNS8],
    "ml-latest-small/lightgcn": [DNS8],
}


def measure(cell: Cell, candidate: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train a candidate and refit it in each way."""
    torch.set_num_threads(1)
    training = dict(cell.training) | {"seed": seed}
    spec = spec_of(cell, candidates=[candidate], training=training)
    split, [listed] = split_of(cell), spec.all_candidates
    runner = InProcessRunner(split)
    [final] = runner.run([recipe.ordinary(spec, listed, seed)], lambda *_: None)
    found = {"none": test_metric(cell, final.best_model(split))}
    [on] = runner.run([goes_on(spec, final)], lambda *_: None)
    found[f"goes on {spec.resolved_refit}"] = test_metric(cell, on.best_model(split))
    for epochs in EPOCHS:
        plan = RefitPlan(spec, final, ((listed, 1.0),), epochs)
        branches = runner.run(plan.requests(), lambda *_: None)
        for count in (n for n in BRANCHES if n <= len(branches)):
            found[f"{count} of {epochs}"] = _average(cell, plan, branches[:count])
    return {
        "cell": cell.name,
        "label": listed.label,
        "seed": seed,
        "epochs": len(final.history),
        "test": {name: round(value, 6) for name, value in found.items()},
    }


def goes_on(spec: SearchSpec, final: TrialResult) -> Request:
    """Return how a finished training goes on over validation pairs too, with its
    optimiser and from its best parameters."""
    training = final.trial.training
    epochs = max(training.epochs, final.total_epochs + spec.resolved_refit)
    changes = {
        "name": "goes on",
        "training": training.model_copy(update={"epochs": epochs}),
        "start": final.trial.digest,
        "start_with": Start.EVERYTHING,
        "stop_early": False,
        "own_epochs": spec.resolved_refit,
        "with_validation": True,
    }
    return Request(final.trial.model_copy(update=changes), final)


def _average(cell: Cell, plan: RefitPlan, branches: Sequence[TrialResult]) -> float:
    split = split_of(cell)
    merged = plan.merge(branches)
    [model] = InProcessRunner(split).run([merged], lambda *_: None)
    return test_metric(cell, model.best_model(split))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", default=",".join(TRIED))
    parser.add_argument("--seeds", default="0,1")
    given = parser.parse_args()
    done = {(row["cell"], row["label"], row["seed"]) for row in rows(OUT)}
    names = given.cells.split(",")
    for seed in map(int, given.seeds.split(",")):
        for cell in (cell for cell in CELLS if cell.name in names):
            assert role_of(cell.dataset) is Role.DESIGN
            for candidate in TRIED[cell.name]:
                label = spec_of(cell, candidates=[candidate]).all_candidates[0].label
                if (cell.name, label, seed) not in done:
                    row = measure(cell, candidate, seed)
                    append(OUT, row)
                    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
