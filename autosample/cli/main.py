"""The command line: `autosample search FILE`, and what the service adds to it."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from autosample.cli.interrupts import INTERRUPTS
from autosample.errors import AutoSampleError, ServiceError

app = typer.Typer(
    help="Finds the negative sampler that fits a recommender and its data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

BAD_INPUT = 2
REFUSED = 1


@app.command()
def catalogue(
    as_json: Annotated[bool, typer.Option("--json", help="With schemas.")] = False,
    markdown: Annotated[bool, typer.Option(help="Print Markdown tables.")] = False,
) -> None:
    """List samplers, models, losses and strategies."""
    from autosample.spec.catalogue import catalogue as parts
    from autosample.spec.markdown import markdown as tables

    if markdown:
        typer.echo(tables())
        return
    found = parts()
    if as_json:
        told = {
            part: [entry.model_dump(mode="json") for entry in entries]
            for part, entries in found.items()
        }
        typer.echo(json.dumps(told, indent=1))
        return
    for part, entries in found.items():
        table = Table("kind", "what it is", "paper", title=part, title_justify="left")
        for entry in entries:
            about = f"{entry.description} {entry.helps}".strip()
            table.add_row(entry.kind, about, entry.paper)
        Console().print(table)


@app.command()
def verify(bundle: Annotated[Path, typer.Argument(help="Folder or zip.")]) -> None:
    """Check that a bundle is whole and unchanged; exit code 2 if not."""
    from autosample.bundle.recommender import load

    model = load(bundle)
    typer.echo(
        f"{bundle} is whole: {len(model.users)} users, {len(model.items)} items,"
        f" sampler {model.sampler.label}"
    )


class Target(StrEnum):
    """Whose code a sampler goes into."""

    PYTORCH = "pytorch"
    RECBOLE = "recbole"


@app.command()
def export(
    bundle: Annotated[Path, typer.Argument(help="Folder or zip.")],
    to: Annotated[Target, typer.Option(help="Whose code it goes into.")],
) -> None:
    """Print the chosen sampler for a PyTorch loop, or as RecBole's configuration."""
    from autosample.bundle import export as targets
    from autosample.bundle.recommender import load

    write = targets.pytorch if to is Target.PYTORCH else targets.recbole
    typer.echo(write(load(bundle).sampler), nl=False)


@cache
def complete() -> typer.Typer:
    """Return all commands: those of the library, the service's, and plug-ins'."""
    from autosample.cli.audit import audit
    from autosample.cli.jobs import jobs
    from autosample.cli.search import search

    app.command()(search)
    app.command()(audit)
    app.add_typer(jobs, name="jobs")
    for point in entry_points(group="autosample.commands"):
        found = point.load()
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=point.name)
        else:
            app.command(point.name)(found)
    return app


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 a service that refuses or a job that failed,
    2 bad input, 130 Ctrl-C; what was wrong is one line."""
    try:
        with INTERRUPTS.remembered():
            complete()()
    except ServiceError as error:
        typer.echo(f"autosample: {error}", err=True)
        sys.exit(REFUSED)
    except AutoSampleError as error:
        typer.echo(f"autosample: {error}", err=True)
        sys.exit(BAD_INPUT)
