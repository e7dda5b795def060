"""Live progress of a search on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import NamedTuple, Self

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

from autosample.core.events import (
    EpochEnded,
    Event,
    FinalsEnded,
    Note,
    RungEnded,
    StageBegan,
    SupernetTrained,
    Tuned,
    WinnerRefined,
)
from autosample.core.progress import Progress, Stage
from autosample.views.rows import left_at

ROWS = 16
"""Most candidates in the table."""
NUMBERS = ("epochs", "metric", "best")
"""Columns of numbers, which are aligned to the right."""


class LiveProgress:
    """A progress bar, a table of the candidates, and a line per notable event."""

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
        self._standings = Standings()
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=4,
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
        self._standings = Standings()  # the report has a table of its own
        self._live.stop()

    def tell(self, progress: Progress) -> None:
        """Show a report of progress."""
        self.move(progress.stage, progress.fraction)
        event = progress.event
        self._standings = self._standings.after(progress.stage, event)
        if isinstance(event, EpochEnded):
            self._bars.update(self._bar, note=escape(describe_epoch(event)))
        elif line := describe(event):
            self._console.print(f"  {escape(line)}", highlight=False)

    def move(self, stage: str, fraction: float) -> None:
        """Move the bar."""
        self._bars.update(self._bar, description=stage, completed=fraction)

    def _render(self) -> RenderableType:
        # In a file every redraw would be one more table.
        if not self._console.is_terminal or not self._standings.candidates:
            return self._bars
        return Group(self._standings.table(), self._bars)


class Standing(NamedTuple):
    """A candidate after its latest epoch."""

    epoch: int
    """Number of that epoch, from 1."""
    metric: float
    """Validation metric after that epoch."""
    best: float
    """Best validation metric so far."""


@dataclass(frozen=True)
class Standings:
    """The candidates of a search so far."""

    candidates: Mapping[str, Standing] = field(default_factory=dict)
    """Each candidate's standing, by name."""
    left: Mapping[str, int] = field(default_factory=dict)
    """The rung at which each candidate left the race, by name; the others are in it."""

    def after(self, stage: Stage, event: Event) -> Standings:
        """Return the standings after an event."""
        match event:
            case EpochEnded() if stage is Stage.SEARCHING:
                return self._after_epoch(event)
            case RungEnded():
                lost = dict.fromkeys(event.lost, event.rung)
                return replace(self, left={**lost, **self.left})
            case StageBegan() if stage is Stage.EVALUATING:
                return Standings()
            case _:
                return self

    def _after_epoch(self, event: EpochEnded) -> Standings:
        before = self.candidates.get(event.trial)
        best = max(event.metric, before.best) if before else event.metric
        now = Standing(event.epoch, event.metric, best)
        return replace(self, candidates={**self.candidates, event.trial: now})

    def table(self) -> Table:
        """Return a table, candidates in the race first, and the best of them on top."""
        table = Table(box=None, pad_edge=False)
        for name in ("candidate", "epochs", "metric", "best", ""):
            table.add_column(name, justify="right" if name in NUMBERS else "left")
        order = sorted(
            self.candidates, key=lambda name: (name in self.left, -self._metric(name))
        )
        for name in order[:ROWS]:
            epoch, metric, best = self.candidates[name]
            fate = left_at(self.left[name]) if name in self.left else ""
            table.add_row(
                escape(name), str(epoch), f"{metric:.4f}", f"{best:.4f}", fate,
                style="dim" if fate else "",
            )  # fmt: skip
        return table

    def _metric(self, name: str) -> float:
        return self.candidates[name].metric


def describe(event: Event) -> str | None:
    """Return a line about an event; None for a kind that needs none."""
    match event:
        case StageBegan():
            return _describe_stage(event)
        case RungEnded():
            return _describe_rung(event)
        case FinalsEnded() | WinnerRefined() | SupernetTrained() | Tuned():
            return _describe_training(event)
        case Note():
            return event.text
        case _:
            return None


def _describe_rung(event: RungEnded) -> str:
    ranked = sorted(event.metrics.items(), key=lambda item: -item[1])
    metrics = ", ".join(f"{name} {value:.4f}" for name, value in ranked)
    kept = "all of them" if not event.lost else ", ".join(event.kept)
    return f"rung {event.rung}: {metrics}; still in it: {kept}"


def _describe_training(
    event: FinalsEnded | WinnerRefined | SupernetTrained | Tuned,
) -> str:
    match event:
        case FinalsEnded(metrics=metrics):
            listed = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            return f"trained to the end: {listed}"
        case WinnerRefined(tried=tried, kept=best):
            return f"{len(tried)} variants of the winner were trained; {best} is best"
        case SupernetTrained(metric=metric):
            return f"the model that all candidates share reaches {metric.mean:.4f}"
        case Tuned(chosen=best):
            rates = f"learning rate {best.learning_rate:.3g}, l2 {best.l2:.3g}"
            return f"{best.sampler['kind']} was tuned: {rates}"


def _describe_stage(event: StageBegan) -> str | None:
    if event.candidates is not None:
        return f"candidates: {', '.join(event.candidates)}"
    if event.chosen is not None:
        return f"{event.chosen} has won"
    return None


def describe_epoch(event: EpochEnded) -> str:
    """Return a line about an epoch."""
    rate = event.pairs / max(event.seconds, 1e-9)
    speed = f", {_short(rate)} pairs/s" if rate else ""
    return f"{event.trial}: epoch {event.epoch}, {event.metric:.4f}{speed}"


def _short(number: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"
