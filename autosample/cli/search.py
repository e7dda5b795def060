"""`autosample search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from autosample.cli.interrupts import INTERRUPTS
from autosample.cli.options import (
    Column,
    Parallel,
    Reuse,
    given,
    kind_of,
    kinds_of,
    numbers,
    read_options,
    read_spec,
)
from autosample.core.progress import Listener
from autosample.data.options import Format, ReadOptions
from autosample.errors import SpecError


def search(
    file: Annotated[
        Path, typer.Argument(help="CSV, TSV, Parquet, LightGCN or .inter.")
    ],
    test: Annotated[Path | None, typer.Option(help="File of test pairs.")] = None,
    model: Annotated[
        str | None, typer.Option(help="mf, lightgcn, ...; see catalogue.")
    ] = None,
    loss: Annotated[str | None, typer.Option(help="bpr, infonce, bsl, ...")] = None,
    candidates: Annotated[
        str | None, typer.Option(help="Sampler kinds, by commas, or `default`.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="race, mixture, asha or exhaustive.")
    ] = None,
    tune: Annotated[
        int | None,
        typer.Option(help="Also tune rates and settings, so many of them.", min=2),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="As in ndcg@20.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes at most.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the search.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    verify: Annotated[
        bool | None,
        typer.Option(help="Train winner and uniform from scratch and compare."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Of --verify and exhaustive, as in 0,1,2.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Budget on the clock.", min=1)
    ] = None,
    pair_updates: Annotated[
        int | None, typer.Option(help="Budget of pairs times passes.", min=1)
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="A SearchSpec as JSON; options come on top.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate the cost, and stop.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="New folder for the bundle.")] = None,
    format: Annotated[Format | None, typer.Option(help="Of the file.")] = None,
    user: Column = None,
    item: Column = None,
    rating: Column = None,
    timestamp: Column = None,
    header: Annotated[bool | None, typer.Option(help="First row is names.")] = None,
    ordered: Annotated[bool, typer.Option(help="Rows are in time order.")] = False,
    min_rating: Annotated[float | None, typer.Option(help="Drop rows below.")] = None,
    k_core: Annotated[int, typer.Option(help="Drop the rarer, repeatedly.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report.")] = False,
    quiet: Annotated[bool, typer.Option(help="Print nothing but errors.")] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder to log to, for TensorBoard.")
    ] = None,
    mlflow: Annotated[
        str | None, typer.Option(help="MLflow experiment to log to.")
    ] = None,
    reuse: Reuse = True,
    parallel: Parallel = None,
) -> None:
    """Search for the sampler that fits a file, in this process."""
    read = read_options(
        format=format, user=user, item=item, rating=rating, timestamp=timestamp,
        header=header, ordered=ordered, min_rating=min_rating, k_core=k_core,
    )  # fmt: skip
    training = given(epochs=epochs, seed=seed, device=device)
    fields = read_spec(spec) if spec else {}
    fields |= given(
        model=kind_of(model),
        loss=kind_of(loss),
        candidates=kinds_of(candidates),
        strategy=kind_of(strategy),
        tune=None if tune is None else {"samples": tune},
        metric=metric,
        training=(fields.get("training", {}) | training) if training else None,
        verify=verify,
        seeds=numbers(seeds),
        budget=given(seconds=seconds, pair_updates=pair_updates) or None,
    )
    if dry_run:
        _dry_run(file, test, read, fields, as_json=as_json)
        return
    _search(
        file, test, read, fields, out,
        as_json=as_json, quiet=quiet, reuse=reuse, parallel=parallel,
        trackers=(tensorboard, mlflow),
    )  # fmt: skip


def _dry_run(
    file: Path,
    test: Path | None,
    options: ReadOptions,
    fields: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    from autosample.data.dataset import load_dataset
    from autosample.experiment.forecast import forecast
    from autosample.experiment.prepare import prepare
    from autosample.library import make_spec
    from autosample.views.terminal import show_forecast, show_stats

    console = Console(stderr=as_json)
    fields.pop("dataset", None)
    spec = make_spec(file.name, fields)
    dataset = load_dataset(file, options, test=test)
    show_stats(console, dataset.stats)
    costs = forecast(spec, prepare(spec, dataset))
    show_forecast(console, costs)
    if as_json:
        typer.echo(costs.model_dump_json(indent=1))


def _search(
    file: Path,
    test: Path | None,
    options: ReadOptions,
    fields: dict[str, Any],
    out: Path | None,
    *,
    as_json: bool,
    quiet: bool,
    reuse: bool,
    parallel: int | None,
    trackers: tuple[Path | None, str | None],
) -> None:
    from autosample.data.dataset import load_dataset
    from autosample.library import make_spec, run_search
    from autosample.trials.reuse import usual_folder
    from autosample.views.live import LiveProgress
    from autosample.views.terminal import show_report, show_stats

    console = Console(stderr=as_json, quiet=quiet)
    target = out or Path(f"{file.stem}-bundle")
    if target.exists() and any(target.iterdir()):
        raise SpecError(f"{target} is not empty; name a new folder with --out")
    fields.pop("dataset", None)
    spec = make_spec(file.name, fields)
    dataset = load_dataset(file, options, test=test)
    show_stats(console, dataset.stats)
    with LiveProgress(console) as live:
        folder = usual_folder() if reuse else None
        tell = INTERRUPTS.heeded(_telling(live.tell, *trackers))
        result = run_search(spec, dataset, tell=tell, reuse=folder, parallel=parallel)
        live.move("done", 1.0)
    result.save(target)
    show_report(console, result.report)
    console.print(f"bundle: {target}", highlight=False)
    if as_json:
        typer.echo(json.dumps(result.report.model_dump(mode="json"), indent=1))


def _telling(shown: Listener, tensorboard: Path | None, mlflow: str | None) -> Listener:
    """Return a listener that also logs where it was asked to."""
    from autosample.views import trackers

    tell = shown
    if tensorboard is not None:
        tell = trackers.both(tell, trackers.tensorboard(tensorboard))
    if mlflow is not None:
        tell = trackers.both(tell, trackers.mlflow(mlflow))
    return tell
