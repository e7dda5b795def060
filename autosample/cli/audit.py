"""`autosample audit`: compare a search with training every candidate, on a file."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autosample.cli.groups import with_options
from autosample.cli.interrupts import INTERRUPTS
from autosample.cli.options import (
    FileOptions,
    Parallel,
    Reuse,
    SpecOptions,
    open_search,
)


@with_options
def audit(
    source: FileOptions,
    options: SpecOptions,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the audit as JSON.")
    ] = False,
    reuse: Reuse = True,
    parallel: Parallel = None,
) -> None:
    """Search, train every candidate under every seed, and print what the search lost.

    It takes as long as exhaustive search. Trainings are kept for the next audit.
    """
    console = Console(stderr=as_json)
    result = run(source, options, console, reuse=reuse, parallel=parallel)
    show(console, result)
    if as_json:
        typer.echo(json.dumps(result, indent=1))


def run(
    source: FileOptions,
    options: SpecOptions,
    console: Console,
    *,
    reuse: bool,
    parallel: int | None,
) -> dict[str, Any]:
    """Run the audit, showing its progress, and return it."""
    from autosample.experiment import audit
    from autosample.spec.search import needs_ray
    from autosample.trials.local import runners_for
    from autosample.trials.reuse import usual_folder
    from autosample.views.live import LiveProgress

    spec, dataset = open_search(source, options, console)
    folder = usual_folder() if reuse else None
    with (
        runners_for(on_ray=needs_ray(spec), parallel=parallel, reuse=folder) as runners,
        LiveProgress(console) as live,
    ):
        tell = INTERRUPTS.heed(live.tell)
        result = audit.audit(spec, dataset, runners=runners, tell=tell)
        live.move("done", 1.0)
    return result.model_dump(mode="json")


def show(console: Console, audit: dict[str, Any]) -> None:
    """Print the table of candidates, and what was lost and saved."""
    table = Table("sampler", f"test {audit['metric']}", "in the search", "per training")
    for candidate in audit["candidates"]:
        chosen = candidate["name"] == audit["chosen"]
        table.add_row(
            escape(candidate["name"]) + (" <- chosen" if chosen else ""),
            _number(candidate["truth"]),
            _number(candidate["searched"]),
            f"{candidate['seconds']:.1f} s, {candidate['epochs']:.0f} epochs",
            style="bold" if chosen else "",
        )
    console.print(table)
    for line in _lines(audit):
        console.print(line, highlight=False)


def _lines(audit: dict[str, Any]) -> list[str]:
    """Return what the audit found, in sentences."""
    agreement = audit["agreement"]
    tau = "not defined" if agreement is None else f"{agreement:+.2f}"
    more = "less" if audit["saved"] >= 0 else "more"
    return [
        f"best: {audit['best']}; chosen: {audit['chosen']};"
        f" regret {audit['regret']:.2%}{_interval(audit['gap'])}",
        f"order of the candidates: Kendall's tau {tau}",
        f"returned model: {audit['returned']:.4f},"
        f" {audit['returned_over_best']:+.1%} beside the best candidate's mean"
        f" ({audit['before_refit_over_best']:+.1%} before its refit)",
        f"cost with the final training: {audit['search']['seconds']:.1f} s,"
        f" {audit['in_trainings']:.1f} ordinary trainings of the chosen sampler,"
        f" {abs(audit['saved']):.0%} {more} than training every candidate once",
    ]


def _interval(gap: dict[str, Any] | None) -> str:
    """Return the difference between chosen and best, with its confidence interval."""
    if gap is None:
        return ""
    low, high = gap["low"], gap["high"]
    return f" (chosen minus best {gap['difference']:+.4f} [{low:+.4f}, {high:+.4f}])"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
