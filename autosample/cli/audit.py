"""`autosample audit`: a search beside the exhaustive truth, on a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

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
from autosample.data.options import Format


def audit(
    file: Annotated[Path, typer.Argument(help="As `search` reads it.")],
    test: Annotated[Path | None, typer.Option(help="File of test pairs.")] = None,
    model: Annotated[str | None, typer.Option(help="mf, lightgcn, ...")] = None,
    loss: Annotated[str | None, typer.Option(help="bpr, infonce, bsl, ...")] = None,
    candidates: Annotated[
        str | None, typer.Option(help="Sampler kinds, by commas, or `default`.")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="The one to judge.")] = None,
    metric: Annotated[str | None, typer.Option(help="As in ndcg@20.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes at most.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the search.")] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Of the truth, as in 0,1,2.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="A SearchSpec as JSON; options come on top.")
    ] = None,
    format: Annotated[Format | None, typer.Option(help="Of the file.")] = None,
    user: Column = None,
    item: Column = None,
    rating: Column = None,
    timestamp: Column = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the audit.")] = False,
    reuse: Reuse = True,
    parallel: Parallel = None,
) -> None:
    """Search, train every candidate under every seed, and tell what was lost and saved.

    It takes as long as exhaustive search; what was trained is kept, so that a second
    audit, or one that was stopped, goes on.
    """
    read = read_options(
        format=format, user=user, item=item, rating=rating, timestamp=timestamp
    )
    fields = read_spec(spec) if spec else {}
    training = given(epochs=epochs, seed=seed)
    fields |= given(
        model=kind_of(model),
        loss=kind_of(loss),
        candidates=kinds_of(candidates),
        strategy=kind_of(strategy),
        metric=metric,
        training=(fields.get("training", {}) | training) if training else None,
        seeds=numbers(seeds),
    )
    fields.pop("dataset", None)
    console = Console(stderr=as_json)
    found = _audited(file, test, read, fields, console, reuse=reuse, parallel=parallel)
    if as_json:
        typer.echo(json.dumps(found, indent=1))


def _audited(
    file: Path,
    test: Path | None,
    read: Any,
    fields: dict[str, Any],
    console: Console,
    *,
    reuse: bool,
    parallel: int | None,
) -> dict[str, Any]:
    from autosample.data.dataset import load_dataset
    from autosample.experiment.audit import audit as run
    from autosample.library import make_spec
    from autosample.spec.search import needs_ray
    from autosample.trials.local import runners_for
    from autosample.trials.reuse import usual_folder
    from autosample.views.live import LiveProgress
    from autosample.views.terminal import show_stats

    spec = make_spec(file.name, fields)
    dataset = load_dataset(file, read, test=test)
    show_stats(console, dataset.stats)
    folder = usual_folder() if reuse else None
    with (
        runners_for(on_ray=needs_ray(spec), parallel=parallel, reuse=folder) as runners,
        LiveProgress(console) as live,
    ):
        audited = run(spec, dataset, runners=runners, tell=INTERRUPTS.heeded(live.tell))
        found = audited.model_dump(mode="json")
        live.move("done", 1.0)
    show(console, found)
    return found


def show(console: Console, found: dict[str, Any]) -> None:
    """Print the table of candidates, and what was lost and saved."""
    table = Table("sampler", f"test {found['metric']}", "in the search", "a training")
    for each in found["candidates"]:
        chosen = each["name"] == found["chosen"]
        table.add_row(
            escape(each["name"]) + (" <- chosen" if chosen else ""),
            _number(each["truth"]),
            _number(each["searched"]),
            f"{each['seconds']:.1f} s, {each['epochs']:.0f} passes",
            style="bold" if chosen else "",
        )
    console.print(table)
    gap = found["gap"]
    sure = ""
    if gap is not None:
        low, high = gap["low"], gap["high"]
        sure = (
            f" (chosen minus best {gap['difference']:+.4f} [{low:+.4f}, {high:+.4f}])"
        )
    agreement = found["agreement"]
    told = "not defined" if agreement is None else f"{agreement:+.2f}"
    lines = (
        f"best: {found['best']}; chosen: {found['chosen']};"
        f" regret {found['regret']:.2%}{sure}",
        f"order of the candidates: Kendall's tau {told}",
        f"returned model: {found['returned']:.4f},"
        f" {found['returned_over_best']:+.1%} beside the best candidate's mean"
        f" ({found['before_refit_over_best']:+.1%} before its refit)",
        f"cost with the final training: {found['search']['seconds']:.1f} s,"
        f" {found['in_trainings']:.1f} ordinary trainings of the chosen sampler,"
        f" {abs(found['saved']):.0%} {'less' if found['saved'] >= 0 else 'more'} than"
        " training every candidate once",
    )
    for line in lines:
        console.print(line, highlight=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
