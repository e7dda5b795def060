"""A search as it runs, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from autosample.core.progress import Progress, Stage

Json = Mapping[str, Any]


ROWS = 16
"""Candidates that are shown at once."""


NUMBERS = ("passes", "metric", "best")


class LiveProgress:
    """One bar for the whole, a table of the candidates, and a line for each thing worth
    remembering."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Bars(
            TextColumn("[bold]{task.description:<11}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._bar = self._bars.add_task("queued", total=1.0, note="")
        self._field = Field()
        self._live = Live(
            get_renderable=self._shown, console=console, refresh_per_second=4,
            transient=False,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._field = (
            Field()
        )  # what there is to say of candidates comes with the result
        self._live.stop()

    def tell(self, progress: Progress) -> None:
        """Show a report of progress."""
        self.at(progress.stage, progress.fraction)
        self.event(progress.kind, {"stage": progress.stage, **progress.data})

    def at(self, stage: str, fraction: float) -> None:
        """Move the bar."""
        self._bars.update(self._bar, description=stage, completed=fraction)

    def event(self, kind: str, data: Json) -> None:
        """Show something that happened; `data` holds the stage."""
        self._field = self._field.after(kind, data)
        if kind == "epoch":
            self._bars.update(self._bar, note=escape(_epoch(data)))
        elif line := _line(kind, data):
            self._console.print(f"  {escape(line)}", highlight=False)

    def _shown(self) -> RenderableType:
        # Only a terminal forgets what was drawn before.
        if not self._console.is_terminal or not self._field.best:
            return self._bars
        return Group(self._field.table(), self._bars)


@dataclass(frozen=True)
class Field:
    """The candidates in a search, as far as they have come."""

    best: Mapping[str, tuple[int, float, float]] = dataclass_field(default_factory=dict)
    """Passes, last metric and best metric, by name."""
    left: Mapping[str, int] = dataclass_field(default_factory=dict)
    """The rung at which those went that have left."""

    def after(self, kind: str, data: Json) -> Field:
        """Return it after something happened."""
        if kind == "epoch" and data.get("stage") == Stage.SEARCHING:
            _, _, best = self.best.get(data["trial"], (0, 0.0, 0.0))
            metric = data["metric"]
            now = {data["trial"]: (data["epoch"], metric, max(best, metric))}
            return replace(self, best={**self.best, **now})
        if kind == "rung":
            lost = set(data["metrics"]) - set(data["kept"])
            gone = {name: data["rung"] for name in lost if name not in self.left}
            return replace(self, left={**self.left, **gone})
        if kind == "stage" and data.get("stage") == Stage.EVALUATING:
            return Field()
        return self

    def table(self) -> Table:
        """Return it as a table, those in the race first, best first."""
        made = Table(box=None, pad_edge=False)
        for name in ("candidate", "passes", "metric", "best", ""):
            made.add_column(name, justify="right" if name in NUMBERS else "left")
        order = sorted(
            self.best.items(), key=lambda item: (item[0] in self.left, -item[1][1])
        )
        for name, (passes, metric, best) in order[:ROWS]:
            fate = f"left at rung {self.left[name]}" if name in self.left else ""
            made.add_row(
                escape(name), str(passes), f"{metric:.4f}", f"{best:.4f}", fate,
                style="dim" if fate else "",
            )  # fmt: skip
        return made


def _epoch(data: Json) -> str:
    rate = data.get("pairs", 0) / max(data.get("seconds", 0.0), 1e-9)
    told = f", {_short(rate)} pairs/s" if rate else ""
    return f"{data['trial']}: pass {data['epoch']}, {data['metric']:.4f}{told}"


def _short(number: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"


def _line(kind: str, data: Json) -> str | None:
    if kind == "rung":
        shown = sorted(data["metrics"].items(), key=lambda item: -item[1])
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in shown)
        return f"rung {data['rung']}: {metrics} -> kept {', '.join(data['kept'])}"
    if kind == "stage" and "candidates" in data:
        return f"candidates: {', '.join(data['candidates'])}"
    if kind == "stage" and "chosen" in data:
        return f"retraining with {data['chosen']}"
    if kind == "tuned":
        each = data["chosen"]
        rates = f"learning rate {each['learning_rate']:.3g}, l2 {each['l2']:.3g}"
        return f"tuned: {each['sampler']['kind']} at {rates}"
    return data.get("text") if kind == "note" else None


def told_of(event: Json) -> str:
    """Return an event of a job as a line."""
    kind, data = event["kind"], event["data"]
    if kind == "epoch":
        return _epoch(data)
    if kind == "state":
        failure = data.get("failure")
        return f"{data['state']}" + (f": {failure['detail']}" if failure else "")
    return _line(kind, data) or str(data.get("stage", kind))
