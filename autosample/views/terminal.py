"""The result of a search, its forecast and its data, as printed on a terminal."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from autosample.views.rows import (
    Rows,
    about_false_negatives,
    about_reach,
    about_tuning,
    band_rows,
    candidate_rows,
    metric_rows,
    remarks,
    tuning_rows,
)

if TYPE_CHECKING:
    from autosample.data.dataset import DatasetStats
    from autosample.experiment.forecast import Forecast
    from autosample.experiment.report import Report

DROPPED = (
    "missing",
    "below_min_rating",
    "duplicates",
    "outside_k_core",
    "test_dropped",
    "valid_dropped",
)
"""Fields of `DatasetStats` that count what was dropped."""


def show_report(console: Console, report: Report) -> None:
    """Print the candidates, the metrics and the verdict."""
    most = max(each.weight for each in report.candidates)
    leading = {each.name for each in report.candidates if each.weight == most}
    console.print(_table(candidate_rows(report), bold=leading))
    console.print(_table(metric_rows(report)))
    _print(console, " ".join(remarks(report)))
    if report.tuning is not None:
        console.print(_table(tuning_rows(report.tuning)))
        _print(console, about_tuning(report.tuning))
    console.print(_table(band_rows(report.reach)))
    _print(console, f"{about_reach(report.reach)} {about_false_negatives(report)}")
    panel = Panel(escape(report.verdict.text), title="Verdict", expand=False)
    console.print(panel)


def show_forecast(console: Console, forecast: Forecast) -> None:
    """Print what a search is likely to cost."""
    amounts = {
        "search": forecast.search,
        "retraining": forecast.retraining,
        "baseline": forecast.baseline,
        "verification": forecast.verification,
        "all of it": forecast.likely,
        "at most": forecast.most,
    }
    rows = [
        (name, _time(amount.seconds), f"{amount.pair_updates:,}")
        for name, amount in amounts.items()
        if amount is not None
    ]
    console.print(_table(Rows(("stage", "likely", "pair-updates"), rows)))
    by_seconds = sorted(forecast.epoch_seconds.items(), key=lambda item: item[1])
    epochs = ", ".join(f"{name} {seconds:.2f}" for name, seconds in by_seconds)
    _print(console, f"seconds per epoch: {epochs}")


def show_stats(console: Console, stats: DatasetStats) -> None:
    """Print how files were read, what they hold, what was dropped, and what is odd."""
    for reading in stats.readings:
        _print(console, reading.sentence)
    counts = [(name, getattr(stats, name)) for name in DROPPED]
    dropped = [f"{n:,} {name.replace('_', ' ')}" for name, n in counts if n]
    test = f", {stats.test_pairs:,} test pairs" if stats.test_pairs else ""
    test += f", {stats.valid_pairs:,} validation pairs" if stats.valid_pairs else ""
    _print(
        console,
        f"{stats.users:,} users, {stats.items:,} items, {stats.pairs:,} pairs{test}"
        + (f" (dropped: {', '.join(dropped)})" if dropped else ""),
    )
    if stats.untrained_users or stats.untrained_items:
        _print(
            console,
            f"never trained on: {stats.untrained_users:,} users and"
            f" {stats.untrained_items:,} items of the test file",
        )
    for warning in stats.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)


def _table(rows: Rows, bold: Container[str] = ()) -> Table:
    """Return a table for the terminal; rows with these names are bold."""
    table = Table(*map(escape, rows.columns))
    for cells in rows.rows:
        style = "bold" if cells[0] in bold else ""
        table.add_row(*map(escape, cells), style=style)
    return table


def _print(console: Console, text: str) -> None:
    """Print a text as it is: without markup, and with no colours for its numbers."""
    console.print(text, markup=False, highlight=False)


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
