"""Races with different rungs, replayed from recorded curves.

    python -m benchmarks.rungs [--races 200]

A branch of a race is the beginning of an ordinary training, so curves in truth.jsonl
stand for branches, and a replayed race costs nothing. A seed is drawn per candidate,
which gives many races instead of one per seed, and independent candidates. Printed for
each shape of a race are its regret (mean, and the value that one race in twenty
exceeds) and its cost in trainings of the winner, final training and refit included; and
for each cell, the shape that the other cells would have chosen, and its regret and cost
in this cell.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from autosample.experiment.audit import regret
from autosample.experiment.strategies.branch import Branch
from autosample.models.base import ModelConfig
from autosample.models.lightgcn import LightGCN
from autosample.models.mf import MF
from autosample.samplers import UniformSampler
from autosample.spec.strategies import Race
from benchmarks.truth import CANDIDATES, SEEDS, TRUTH, Truth, mean, rows

PLANNED = 200
"""Most epochs of a training, by default."""
MODELS: dict[str, type[ModelConfig]] = {"mf": MF, "lightgcn": LightGCN}


class Shape(NamedTuple):
    """Settings of a race: pace, rungs and ranking."""

    paces: tuple[tuple[str, int], ...]
    """Epochs of the first rung, by model."""
    rungs: tuple[tuple[int, int], ...]
    """End of each rung in units of the pace, and how many candidates it keeps."""
    doublings: float
    """Doublings of epochs by which candidates' curves are extended to rank them."""

    @classmethod
    def default(cls) -> Shape:
        """Return the settings that a race has by default."""
        race, since, rungs = Race().paced(1), 0, []
        for rung in race.rungs or ():
            since += rung.epochs
            rungs.append((since, rung.keep))
        paces = tuple((name, model.pace) for name, model in MODELS.items())
        return cls(paces, tuple(rungs), race.doublings)


class Raced(NamedTuple):
    """The outcome of one race with the final training of its winner."""

    winner: str
    regret: float
    trainings: float
    """Cost in ordinary trainings of the winner."""


class Score(NamedTuple):
    """Means over many races in one cell."""

    regret: float
    worst: float
    """Regret that one race in twenty exceeds."""
    trainings: float


class Recorded:
    """The trainings that were recorded in one cell."""

    def __init__(self, name: str) -> None:
        self.name, self.model = name, name.split("/")[1]
        self.truth = Truth.of(name)
        sound = [r for r in rows(TRUTH) if r["cell"] == name and r["error"] is None]
        self.curves = {(r["label"], r["seed"]): tuple(r["curve"]) for r in sound}
        """Validation metric after each epoch, by label and seed."""
        self.tests = {(r["label"], r["seed"]): r["test"] for r in sound}

    @property
    def is_complete(self) -> bool:
        """Whether every candidate was trained under every seed."""
        return len(self.curves) == CANDIDATES * len(SEEDS)

    @cache  # noqa: B019 - cells are few and live as long as the process
    def heading(self, label: str, seed: int, epochs: int, doublings: float) -> float:
        """Return what a branch is ranked by after some epochs; see Branch.heading."""
        curve = self.curves[label, seed][:epochs]
        # A recorded training stops early, a branch does not: its curve stays level.
        curve += curve[-1:] * (epochs - len(curve))
        return Branch(UniformSampler(), curve=curve).heading(doublings, PLANNED)

    def race(self, seeds: Mapping[str, int], shape: Shape) -> Raced:
        """Replay a race in which each candidate has the curve of its seed."""
        pace, done, spent = dict(shape.paces)[self.model], 0, 0.0
        left = list(self.truth.tests)
        for since, keep in shape.rungs:
            seconds = sum(self.truth.epoch_seconds[label] for label in left)
            spent, done = spent + (since * pace - done) * seconds, since * pace

            def ahead(label: str, epochs: int = done) -> float:
                return self.heading(label, seeds[label], epochs, shape.doublings)

            left = sorted(left, key=ahead, reverse=True)[:keep]
        [winner] = left
        rest = max(self.truth.epochs[winner] - done, 0) + MODELS[self.model].refit
        spent += rest * self.truth.epoch_seconds[winner]
        tests = self.truth.tests
        lost = regret(tests[winner], tests[self.truth.best])
        return Raced(winner, lost, spent / self.truth.training(winner))

    def score(self, shape: Shape, races: int) -> Score:
        """Replay races with random seeds, and return their means."""
        rng, labels = np.random.default_rng(0), list(self.truth.tests)
        drawn = rng.choice(SEEDS, (races, len(labels)))
        outcomes = [
            self.race(dict(zip(labels, map(int, seeds), strict=True)), shape)
            for seeds in drawn
        ]
        regrets = [outcome.regret for outcome in outcomes]
        cost = mean(outcome.trainings for outcome in outcomes)
        return Score(mean(regrets), float(np.quantile(regrets, 0.95)), cost)


def shapes() -> Iterator[Shape]:
    """Yield shapes near those that did best before."""
    paces = [(("mf", mf), ("lightgcn", graph)) for mf, graph in
             product((2, 3, 4), (1, 2))]  # fmt: skip
    for pace, rungs, doublings in product(paces, list(_ladders()), (2.25, 2.75, 3.5)):
        yield Shape(pace, rungs, doublings)


def _ladders() -> Iterator[tuple[tuple[int, int], ...]]:
    for first, second, at, last in product((4, 5, 6, 7), (3, 4, 5), (2, 4), (8, 12)):
        if second < first:
            yield (1, first), (at, second), (last, 1)
            if second > 3:
                yield (1, first), (at, second), (6, 3), (last, 1)


def penalty(scores: Sequence[Score]) -> float:
    """Return a penalty: regret in percent, plus its tail beyond 2 %, plus cost, which
    counts more beyond 2 trainings."""
    regret = 100 * mean(score.regret for score in scores)
    tail = 100 * max(score.worst for score in scores)
    cost = mean(score.trainings for score in scores)
    return regret + 0.3 * max(tail - 2, 0) + max(cost - 2, 0) + 0.2 * cost


def _describe(shape: Shape, scores: Mapping[str, Score]) -> str:
    """Return a shape with its scores: their means, then those of each cell."""
    rungs = ", ".join(f"{since}:{keep}" for since, keep in shape.rungs)
    paces = "/".join(str(pace) for _, pace in shape.paces)
    cells = "  ".join(
        f"{name} {score.regret:.2%} {score.worst:.1%} {score.trainings:.2f}"
        for name, score in scores.items()
    )
    lost = mean(score.regret for score in scores.values())
    cost = mean(score.trainings for score in scores.values())
    name = f"pace {paces}, {rungs}, doublings {shape.doublings:g}"
    return f"{lost:.2%} at {cost:.2f}  {name}\n    {cells}"


def _describe_races_as_run(cells: Sequence[Recorded], shape: Shape) -> str:
    """Describe the races that `benchmarks.search` runs: one seed for all candidates."""
    outcomes = [
        cell.race(dict.fromkeys(cell.truth.tests, seed), shape)
        for cell in cells
        for seed in SEEDS
    ]
    lost = [outcome.regret for outcome in outcomes]
    cost = mean(outcome.trainings for outcome in outcomes)
    return (
        f"    one race per cell and seed: {mean(lost):.2%}, {max(lost):.2%} at worst,"
        f" {cost:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=int, default=200)
    races = parser.parse_args().races
    names = dict.fromkeys(row["cell"] for row in rows(TRUTH))
    cells = [cell for cell in map(Recorded, names) if cell.is_complete]

    def score(shape: Shape) -> dict[str, Score]:
        return {cell.name: cell.score(shape, races) for cell in cells}

    print("the default, and ranked by other doublings:")
    for doublings in (Shape.default().doublings, 2.25, 2.5, 3.0, 3.5):
        shape = Shape.default()._replace(doublings=doublings)
        print(
            _describe(shape, score(shape)),
            _describe_races_as_run(cells, shape),
            sep="\n",
        )
    tried = {shape: score(shape) for shape in shapes()}
    ranked = sorted(tried, key=lambda shape: penalty(list(tried[shape].values())))
    print("the best of", len(tried))
    for shape in ranked[:10]:
        print(_describe(shape, tried[shape]))
    print("each cell under the best shape of the others")
    for cell in cells:
        shape = min(
            tried,
            key=lambda s: penalty([v for k, v in tried[s].items() if k != cell.name]),
        )
        print(_describe(shape, {cell.name: tried[shape][cell.name]}))


if __name__ == "__main__":
    main()
