"""What a terminal shows while a search runs."""

from __future__ import annotations

import io

from rich.console import Console

from autosample.core.progress import Progress, Stage
from autosample.views.live import (
    Field,
    LiveProgress,
    told_of,
)


def epoch(trial: str, number: int, metric: float) -> dict[str, object]:
    told = {"trial": trial, "epoch": number, "metric": metric}
    return told | {"stage": Stage.SEARCHING, "seconds": 0.5, "pairs": 1_000_000}


def test_the_field_has_the_best_first_and_who_left_last() -> None:
    field = Field()
    for name, metric in (("uniform", 0.1), ("dns", 0.3), ("ahns", 0.05)):
        field = field.after("epoch", epoch(name, 1, 0.2))
        field = field.after("epoch", epoch(name, 2, metric))
    rung = {"rung": 1, "metrics": {"uniform": 0, "dns": 0, "ahns": 0}}
    field = field.after("rung", rung | {"kept": ["uniform", "dns"]})
    out = io.StringIO()
    Console(file=out, width=80).print(field.table())
    lines = [line.split() for line in out.getvalue().splitlines()[1:]]
    assert [line[0] for line in lines] == ["dns", "uniform", "ahns"]
    assert lines[1][1:4] == ["2", "0.1000", "0.2000"]
    assert lines[2][-4:] == ["left", "at", "rung", "1"]


def test_a_terminal_sees_candidates_and_rates_and_a_file_only_lines() -> None:
    for terminal in (True, False):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=120)
        with LiveProgress(console) as live:
            told = epoch("dns", 3, 0.25)
            live.tell(Progress(Stage.SEARCHING, 0.5, "epoch", told))
            live._live.refresh()
            rung = {"rung": 1, "metrics": {"dns": 0.25}, "kept": ["dns"]}
            live.tell(Progress(Stage.SEARCHING, 0.6, "rung", rung))
        shown = out.getvalue()
        assert "rung 1" in shown
        assert "2.0 M pairs/s" in shown
        assert ("candidate" in shown) == terminal


def test_events_are_told_as_lines() -> None:
    failed = {"state": "failed", "failure": {"reason": "data", "detail": "too few"}}
    assert told_of({"kind": "state", "data": failed}) == "failed: too few"
    assert told_of({"kind": "stage", "data": {"stage": "preparing"}}) == "preparing"
    assert told_of({"kind": "epoch", "data": epoch("dns", 1, 0.5)}).startswith("dns")
