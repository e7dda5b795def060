"""Whether a warm start helps: the winner trained from scratch, from the soup, on.

    python -m benchmarks.warm [--cells lastfm/mf,...] [--seeds 0,1]

For each cell a soup is run without its further rounds. Its winner is then trained to
early stopping, averaged over its epochs: from fresh parameters, from the soup's best
parent of its kind of score, and from the winner's own branch of the last round, each
with a fresh optimiser. Reported are test NDCG@20 and epochs until the best one. Rows
are appended to `benchmarks/results/warm.jsonl`, and what is there is not done again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from autosample.core.progress import silent
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.soup.rounds import scout
from autosample.experiment.strategies.soup.search import search_with_soup, soups_of
from autosample.spec.soup import SoupStrategy
from autosample.trials import Request, TrialResult, TrialRunner
from autosample.trials.run import InProcessRunner
from benchmarks.answers import CELLS, spec_for
from benchmarks.cells import Role, role_of
from benchmarks.truth import Cell, append, rows, split_of, test_metric

OUT = Path("benchmarks/results/warm.jsonl")


class Remembering:
    """Runs trials, and keeps the last branch of every candidate."""

    def __init__(self, runner: TrialRunner) -> None:
        self.runner, self.branches = runner, dict[str, TrialResult]()
        self.parallel = runner.parallel

    def run(self, requests: Any, on_epoch: Any) -> list[TrialResult]:
        results = self.runner.run(requests, on_epoch)
        for result in results:
            if not result.trial.merged:
                self.branches[result.trial.name] = result
        return results


def measure(cell: Cell, seed: int) -> dict[str, Any]:
    """Run a soup, and train its winner from each start."""
    torch.set_num_threads(1)
    spec = spec_for(cell, seed, strategy={"kind": "soup", "extra": 0})
    split = split_of(cell)
    settings = spec.resolved_strategy
    assert isinstance(settings, SoupStrategy)
    winner = search_with_soup(
        Ledger(spec, InProcessRunner(split), silent), settings
    ).chosen
    runner = Remembering(InProcessRunner(split))
    soups = soups_of(spec)
    scout(Ledger(spec, runner, silent), settings, soups)
    cosine = bool(spec.model_for(winner).cosine)
    parent = next(soup.matured for soup in soups if soup.cosine == cosine)
    starts = {
        "scratch": None,
        "soup": parent,
        "branch": runner.branches[winner.label],
    }
    row: dict[str, Any] = {"cell": cell.name, "seed": seed, "winner": winner.label}
    for name, start in starts.items():
        plain = recipe.ordinary(spec, winner, seed, {"average": True}).trial
        trial = plain.model_copy(
            update={"start": None if start is None else start.trial.digest}
        )
        [result] = runner.run([Request(trial, start)], lambda *_: None)
        row[name] = round(test_metric(cell, result.best_model(split)), 5)
        row[f"{name}_epochs"] = result.best_epoch
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", default="lastfm/mf,ml-latest-small/mf,made-demo/mf")
    parser.add_argument("--seeds", default="0,1")
    given = parser.parse_args()
    done = {(row["cell"], row["seed"]) for row in rows(OUT)}
    names = given.cells.split(",")
    for seed in map(int, given.seeds.split(",")):
        for cell in (cell for cell in CELLS if cell.name in names):
            assert role_of(cell.dataset) is Role.DESIGN
            if (cell.name, seed) not in done:
                row = measure(cell, seed)
                append(OUT, row)
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
