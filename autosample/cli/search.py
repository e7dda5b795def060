"""`autosample search`: search on a file, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from autosample.cli.groups import with_options
from autosample.cli.interrupts import INTERRUPTS
from autosample.cli.options import (
    FileOptions,
    Parallel,
    Reuse,
    SpecOptions,
    given,
    open_search,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autosample.core.progress import Listener
    from autosample.experiment.forecast import Forecast
    from autosample.experiment.report import Report


@dataclass(frozen=True, kw_only=True)
class SearchOptions(SpecOptions):
    """Options of a spec that only a search has."""

    tune: Annotated[
        int | None,
        typer.Option(help="Also search hyperparameters: this many settings.", min=2),
    ] = None
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None
    verify: Annotated[
        bool | None,
        typer.Option(help="Train winner and uniform from scratch and compare."),
    ] = None
    seconds: Annotated[float | None, typer.Option(help="Budget in seconds.", min=1)] = (
        None
    )
    pair_updates: Annotated[
        int | None, typer.Option(help="Budget in training pairs times epochs.", min=1)
    ] = None

    def own_fields(self) -> dict[str, Any]:
        """Return the fields of the spec that were given as options."""
        budget = given(seconds=self.seconds, pair_updates=self.pair_updates)
        return super().own_fields() | given(
            tune=None if self.tune is None else {"samples": self.tune},
            verify=self.verify,
            budget=budget or None,
        )

    def training(self) -> dict[str, Any]:
        """Return the settings of the training that were given."""
        return super().training() | given(device=self.device)


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """Options that say where the progress of a search is logged to."""

    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder to log to, for TensorBoard.")
    ] = None
    mlflow: Annotated[str | None, typer.Option(help="MLflow experiment to log to.")] = (
        None
    )

    def add_to(self, tell: Listener) -> Listener:
        """Return a listener that calls `tell` and also logs where it was asked to."""
        from autosample.views import trackers

        if self.tensorboard is not None:
            tell = trackers.both(tell, trackers.tensorboard(self.tensorboard))
        if self.mlflow is not None:
            tell = trackers.both(tell, trackers.mlflow(self.mlflow))
        return tell


@with_options
def search(
    source: FileOptions,
    options: SearchOptions,
    logs: LogOptions,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate the cost, and stop.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="New folder for the bundle.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON.")
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Print nothing but errors.")] = False,
    reuse: Reuse = True,
    parallel: Parallel = None,
) -> None:
    """Search for the sampler that fits a file, in this process."""
    console = Console(stderr=as_json, quiet=quiet)
    result: BaseModel
    if dry_run:
        result = estimate(source, options, console)
    else:
        result = run(
            source, options, logs, console, out, reuse=reuse, parallel=parallel
        )
    if as_json:
        typer.echo(json.dumps(result.model_dump(mode="json"), indent=1))


def estimate(source: FileOptions, options: SearchOptions, console: Console) -> Forecast:
    """Print what the search would cost, and return it."""
    from autosample.experiment.forecast import forecast
    from autosample.experiment.prepare import fit_metrics, prepare
    from autosample.views.terminal import show_forecast

    spec, dataset = open_search(source, options, console)
    spec = fit_metrics(spec, dataset)
    costs = forecast(spec, prepare(spec, dataset))
    show_forecast(console, costs)
    return costs


def run(
    source: FileOptions,
    options: SearchOptions,
    logs: LogOptions,
    console: Console,
    out: Path | None,
    *,
    reuse: bool,
    parallel: int | None,
) -> Report:
    """Search, write the bundle, print the report, and return it."""
    from autosample.bundle.place import check_place, save_somewhere
    from autosample.library import run_search
    from autosample.trials.reuse import usual_folder
    from autosample.views.live import LiveProgress
    from autosample.views.terminal import show_report

    target = out or Path(f"{source.file.stem}-bundle")
    check_place(target)
    spec, dataset = open_search(source, options, console)
    folder = usual_folder() if reuse else None
    with LiveProgress(console) as live:
        tell = INTERRUPTS.heed(logs.add_to(live.tell))
        result = run_search(spec, dataset, tell=tell, reuse=folder, parallel=parallel)
        live.move("done", 1.0)
    place, reason = save_somewhere(result.save, target)
    show_report(console, result.report)
    if reason is not None:
        console.print(f"{target} was not written: {reason}", markup=False)
    console.print(f"bundle: {place}", highlight=False, markup=False)
    return result.report
