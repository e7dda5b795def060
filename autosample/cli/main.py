"""The command line: its commands, and how each of them ends."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from autosample.cli.audit import audit
from autosample.cli.interrupts import INTERRUPTS
from autosample.cli.jobs import jobs
from autosample.cli.plugins import Commands, add_plugins
from autosample.cli.search import search
from autosample.errors import AutoSampleError, ServiceError

app = typer.Typer(
    cls=Commands,
    help="Find the negative sampler that fits a recommender and its data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

BAD_INPUT = 2
REFUSED = 1


@app.command()
def catalogue(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with schemas.")
    ] = False,
    markdown: Annotated[bool, typer.Option(help="Print Markdown tables.")] = False,
) -> None:
    """List samplers, models, losses and strategies."""
    from autosample.spec import catalogue
    from autosample.spec.markdown import markdown as tables

    parts = catalogue.catalogue()
    if markdown:
        typer.echo(tables())
    elif as_json:
        schemas = {
            part: [entry.model_dump(mode="json") for entry in entries]
            for part, entries in parts.items()
        }
        typer.echo(json.dumps(schemas, indent=1))
    else:
        for part, entries in parts.items():
            table = Table("kind", "what it is", "paper", title=part)
            table.title_justify = "left"
            for entry in entries:
                about = f"{entry.description} {entry.helps}".strip()
                table.add_row(entry.kind, about, entry.paper)
            Console().print(table)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Bundle: a folder or a zip.")],
) -> None:
    """Check that a bundle is whole and unchanged; exit code 2 if not."""
    from autosample.bundle.recommender import load

    model = load(bundle)
    typer.echo(
        f"{bundle} is whole: {len(model.users)} users, {len(model.items)} items,"
        f" sampler {model.sampler.label}"
    )


class Target(StrEnum):
    """Code that a sampler is exported for."""

    PYTORCH = "pytorch"
    RECBOLE = "recbole"


@app.command()
def export(
    bundle: Annotated[Path, typer.Argument(help="Bundle: a folder or a zip.")],
    to: Annotated[Target, typer.Option(help="Code that it is exported for.")],
) -> None:
    """Print the chosen recipe for a PyTorch loop, or as RecBole's configuration."""
    from autosample.bundle import export as targets
    from autosample.bundle import export_sequences
    from autosample.bundle.recommender import load

    found = load(bundle)
    chosen = found.recipe or found.sampler
    plain = to is Target.PYTORCH
    if found.model is not None and found.model.reads_history:
        of_sequences = export_sequences.pytorch if plain else export_sequences.recbole
        text = of_sequences(chosen, found.model)
    else:
        text = (targets.pytorch if plain else targets.recbole)(chosen)
    typer.echo(text, nl=False)


@cache
def complete() -> typer.Typer:
    """Return the app with all commands, those of plug-ins included."""
    app.command()(search)
    app.command()(audit)
    app.add_typer(jobs, name="jobs")
    add_plugins(app)
    return app


def main() -> None:
    """Run a command; an error is printed in one line.

    Exit codes: 0 done, 1 a service that refuses or a job that failed, 2 bad input,
    130 Ctrl-C.
    """
    try:
        with INTERRUPTS.remember():
            complete()()
    except ServiceError as error:
        typer.echo(f"autosample: {error}", err=True)
        sys.exit(REFUSED)
    except AutoSampleError as error:
        typer.echo(f"autosample: {error}", err=True)
        sys.exit(BAD_INPUT)
