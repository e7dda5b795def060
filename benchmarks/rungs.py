"""Which rungs should a race have? Races replayed from recorded curves.

    python -m benchmarks.rungs [--races 200]

The first epochs of an ordinary training are what a race would have seen of it, so that
curves in truth.jsonl stand for trainings, and a race costs nothing. Each candidate's
curve comes from a seed drawn by itself: many races instead of one a seed, and no luck
shared between candidates. For each shape of a race it prints regret (mean, and what one
race in twenty exceeds) and cost in trainings of the winner, final training and refit
included; then, for each cell, the shape that the other cells would have chosen and what
it costs there.
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
"""Epochs that a training may make, by default."""
MODELS: dict[str, type[ModelConfig]] = {"mf": MF, "lightgcn": LightGCN}


class Shape(NamedTuple):
    """A race: its first rung's epochs by model, the rungs in these, and its ranking."""

    paces: tuple[tuple[str, int], ...]
    rungs: tuple[tuple[int, int], ...]
    """Epochs since the start in units of the pace, and how many are kept."""
    doublings: float

    @classmethod
    def default(cls) -> Shape:
        race, since, rungs = Race().paced(1), 0, []
        for rung in race.rungs or ():
            since += rung.epochs
            rungs.append((since, rung.keep))
        paces = tuple((name, model.pace) for name, model in MODELS.items())
        return cls(paces, tuple(rungs), race.doublings)


class Raced(NamedTuple):
    """One race and the final training of its winner."""

    winner: str
    regret: float
    trainings: float


class Score(NamedTuple):
    """Of many races in one cell."""

    regret: float
    worst: float
    """What one in twenty exceeds."""
    trainings: float


class Recorded:
    """What was recorded in one cell."""

    def __init__(self, name: str) -> None:
        self.name, self.model = name, name.split("/")[1]
        self.truth = Truth.of(name)
        sound = [r for r in rows(TRUTH) if r["cell"] == name and r["error"] is None]
        self.curves = {(r["label"], r["seed"]): tuple(r["curve"]) for r in sound}
        """By label and seed: the validation metric after each epoch."""
        self.tests = {(r["label"], r["seed"]): r["test"] for r in sound}

    @property
    def whole(self) -> bool:
        return len(self.curves) == CANDIDATES * len(SEEDS)

    @cache  # noqa: B019 - as many cells as there are data sets, for the whole run
    def heading(self, label: str, seed: int, epochs: int, doublings: float) -> float:
        curve = self.curves[label, seed][:epochs]
        # Stopped early, as branches of a race are not; it would have gone on level.
        curve += curve[-1:] * (epochs - len(curve))
        return Branch(UniformSampler(), curve=curve).heading(doublings, PLANNED)

    def raced(self, seeds: Mapping[str, int], shape: Shape) -> Raced:
        """Run a race on the recorded curves, each candidate's of its seed."""
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
        rng, labels = np.random.default_rng(0), list(self.truth.tests)
        drawn = rng.choice(SEEDS, (races, len(labels)))
        found = [
            self.raced(dict(zip(labels, map(int, seeds), strict=True)), shape)
            for seeds in drawn
        ]
        lost = [each.regret for each in found]
        cost = mean(each.trainings for each in found)
        return Score(float(np.mean(lost)), float(np.quantile(lost, 0.95)), cost)


def shapes() -> Iterator[Shape]:
    """Around what the best had in common."""
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


def merit(scores: Sequence[Score]) -> float:
    """Regret in percent, its tail beyond 2 and cost beyond what is aimed at: the less
    the better."""
    lost = 100 * mean(each.regret for each in scores)
    tail = 100 * max(each.worst for each in scores)
    cost = mean(each.trainings for each in scores)
    return lost + 0.3 * max(tail - 2, 0) + max(cost - 2, 0) + 0.2 * cost


def _told(shape: Shape, scores: Mapping[str, Score]) -> str:
    rungs = ", ".join(f"{since}:{keep}" for since, keep in shape.rungs)
    paces = "/".join(str(pace) for _, pace in shape.paces)
    cells = "  ".join(
        f"{name} {each.regret:.2%} {each.worst:.1%} {each.trainings:.2f}"
        for name, each in scores.items()
    )
    lost = mean(each.regret for each in scores.values())
    cost = mean(each.trainings for each in scores.values())
    told = f"pace {paces}, {rungs}, doublings {shape.doublings:g}"
    return f"{lost:.2%} at {cost:.2f}  {told}\n    {cells}"


def _as_searched(cells: Sequence[Recorded], shape: Shape) -> str:
    """Tell of the races that `benchmarks.search` runs: one seed for all candidates."""
    raced = [
        cell.raced(dict.fromkeys(cell.truth.tests, seed), shape)
        for cell in cells
        for seed in SEEDS
    ]
    lost = [each.regret for each in raced]
    cost = mean(each.trainings for each in raced)
    return (
        f"    one race a cell and seed: {np.mean(lost):.2%}, {max(lost):.2%} at worst,"
        f" {cost:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=int, default=200)
    races = parser.parse_args().races
    names = dict.fromkeys(row["cell"] for row in rows(TRUTH))
    cells = [cell for cell in map(Recorded, names) if cell.whole]

    def scored(shape: Shape) -> dict[str, Score]:
        return {cell.name: cell.score(shape, races) for cell in cells}

    print("the default, and ranked by other doublings:")
    for doublings in (Shape.default().doublings, 2.25, 2.5, 3.0, 3.5):
        shape = Shape.default()._replace(doublings=doublings)
        print(_told(shape, scored(shape)), _as_searched(cells, shape), sep="\n")
    tried = {shape: scored(shape) for shape in shapes()}
    ranked = sorted(tried, key=lambda shape: merit(list(tried[shape].values())))
    print("the best of", len(tried))
    for shape in ranked[:10]:
        print(_told(shape, tried[shape]))
    print("each cell under the best shape of the others")
    for cell in cells:
        shape = min(
            tried,
            key=lambda s: merit([v for k, v in tried[s].items() if k != cell.name]),
        )
        print(_told(shape, {cell.name: tried[shape][cell.name]}))


if __name__ == "__main__":
    main()
