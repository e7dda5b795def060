"""Searches replayed from recorded curves, beside searches that were run."""

from __future__ import annotations

import pytest

from benchmarks.halving import replay_all
from benchmarks.rungs import Recorded, Shape
from benchmarks.search import RESULT
from benchmarks.truth import SEEDS, rows

RACES = [row for row in rows(RESULT) if row["strategy"] == "race"]


@pytest.mark.parametrize("name", sorted({row["cell"] for row in RACES}))
def test_a_replayed_race_goes_as_the_race_went(name: str) -> None:
    """What is kept are results of the default race and of its candidates' trainings."""
    cell = Recorded(name)
    for row in (row for row in RACES if row["cell"] == name):
        seeds = dict.fromkeys(cell.truth.tests, row["seed"])
        assert cell.race(seeds, Shape.default()).winner == row["chosen"]


def test_a_race_of_one_rung_takes_who_is_ahead_in_it() -> None:
    cell = Recorded("lastfm/mf")
    seeds = dict.fromkeys(cell.truth.tests, SEEDS[0])
    raced = cell.race(seeds, Shape((("mf", 3),), ((1, 1),), 0.0))
    third = {label: cell.curves[label, SEEDS[0]][2] for label in seeds}
    assert raced.winner == max(third, key=lambda label: third[label])
    first = 3 * sum(cell.truth.epoch_seconds[label] for label in seeds)
    rest = cell.truth.epochs[raced.winner] - 3 + 8
    rest *= cell.truth.epoch_seconds[raced.winner]
    whole = cell.truth.training(raced.winner)
    assert raced.trainings == pytest.approx((first + rest) / whole)


def test_a_replayed_asha_makes_the_passes_that_it_made() -> None:
    replays = {(row["cell"], row["seed"]): row for row in replay_all()}
    halvings = [row for row in rows(RESULT) if row["strategy"] == "asha"]
    assert halvings
    for row in halvings:
        replay = replays[row["cell"], row["seed"]]
        assert replay["chosen"] == row["chosen"]
        assert replay["metric_before_refit"] == row["metric_before_refit"]
        more = {n: row["epochs"][n] - done for n, done in replay["epochs"].items()}
        assert {n for n, extra in more.items() if extra} <= {row["chosen"]}  # refit
