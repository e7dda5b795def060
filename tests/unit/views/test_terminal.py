"""What a terminal shows while a search runs."""

from __future__ import annotations

import io

from rich.console import Console

from autosample.core.events import EpochEnded, RungEnded
from autosample.core.progress import Progress, Stage
from autosample.views.live import LiveProgress, Standings


def epoch(trial: str, number: int, metric: float) -> EpochEnded:
    return EpochEnded(
        trial=trial, epoch=number, loss=0.5, metric=metric, best=metric,
        seconds=0.5, pairs=1_000_000,
    )  # fmt: skip


def test_standings_have_the_best_first_and_who_left_last() -> None:
    standings = Standings()
    for name, metric in (("uniform", 0.1), ("dns", 0.3), ("ahns", 0.05)):
        standings = standings.after(Stage.SEARCHING, epoch(name, 1, 0.2))
        standings = standings.after(Stage.SEARCHING, epoch(name, 2, metric))
    metrics = {"uniform": 0.0, "dns": 0.0, "ahns": 0.0}
    rung = RungEnded(rung=1, metrics=metrics, kept=("uniform", "dns"))
    standings = standings.after(Stage.SEARCHING, rung)
    out = io.StringIO()
    Console(file=out, width=80).print(standings.table())
    lines = [line.split() for line in out.getvalue().splitlines()[1:]]
    assert [line[0] for line in lines] == ["dns", "uniform", "ahns"]
    assert lines[1][1:4] == ["2", "0.1000", "0.2000"]
    assert lines[2][-4:] == ["left", "at", "rung", "1"]


def test_a_terminal_sees_candidates_and_rates_and_a_file_only_lines() -> None:
    for terminal in (True, False):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=120)
        with LiveProgress(console) as live:
            live.tell(Progress(Stage.SEARCHING, 0.5, epoch("dns", 3, 0.25)))
            live._live.refresh()
            rung = RungEnded(rung=1, metrics={"dns": 0.25}, kept=("dns",))
            live.tell(Progress(Stage.SEARCHING, 0.6, rung))
        shown = out.getvalue()
        assert "rung 1" in shown
        assert "2.0 M pairs/s" in shown
        assert ("candidate" in shown) == terminal
