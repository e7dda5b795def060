"""`autosample jobs`: submit, follow and manage the jobs of a running service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from autosample.client import Client
from autosample.core.events import EpochEnded
from autosample.jobs.events import EventRow, StateChanged, WebhookCalled
from autosample.views.live import describe, describe_epoch
from autosample.views.terminal import show_report

jobs = typer.Typer(
    help="Submit, follow and manage jobs of a running service.", no_args_is_help=True
)

Url = Annotated[
    str, typer.Option(envvar="AUTOSAMPLE_URL", help="Address of the service.")
]
Key = Annotated[
    str | None,
    typer.Option(envvar="AUTOSAMPLE_KEY", help="Key that the service asks for."),
]
Id = Annotated[str, typer.Argument(help="Id of a job.")]

HERE = "http://127.0.0.1:8000"


@jobs.command("list")
def all_jobs(url: Url = HERE, key: Key = None) -> None:
    """List jobs, newest first."""
    table = Table()
    table.add_column("id", no_wrap=True)  # so that it can be copied
    for name in ("state", "stage", "progress", "created"):
        table.add_column(name)
    with Client(url, key=key) as client:
        for job in client.jobs():
            progress = f"{job['progress']:.0%}"
            table.add_row(
                job["id"], job["state"], job["stage"] or "", progress, job["created"]
            )
    Console().print(table)


@jobs.command()
def submit(
    file: Annotated[Path, typer.Argument(help="File of interactions to upload.")],
    test: Annotated[Path | None, typer.Option(help="File of test pairs.")] = None,
    valid: Annotated[
        Path | None,
        typer.Option(help="File of validation pairs, like those of the test file."),
    ] = None,
    spec: Annotated[
        str, typer.Option(help="Fields of the SearchSpec, as JSON.")
    ] = "{}",
    options: Annotated[
        str, typer.Option(help="How to read the file: ReadOptions, as JSON.")
    ] = "{}",
    url: Url = HERE,
    key: Key = None,
) -> None:
    """Upload a file, queue a search, and print the job's id."""
    with Client(url, key=key) as client:
        fields, read = _object(spec, "--spec"), _object(options, "--options")
        dataset = client.upload(file, test=test, valid=valid, **read)
        typer.echo(client.submit(dataset["id"], **fields).id)


@jobs.command()
def show(id: Id, url: Url = HERE, key: Key = None) -> None:
    """Print a job as JSON."""
    with Client(url, key=key) as client:
        typer.echo(json.dumps(client.job(id).status(), indent=1))


@jobs.command()
def watch(
    id: Id,
    quiet: Annotated[
        bool, typer.Option(help="Wait without printing anything.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON.")
    ] = False,
    url: Url = HERE,
    key: Key = None,
) -> None:
    """Follow a job to its end, and print its result; exit with 1 if it has none."""
    with Client(url, key=key) as client:
        job = client.job(id)
        job.wait(progress=not (quiet or as_json))
        if as_json:
            typer.echo(json.dumps(job.result(), indent=1))
        elif not quiet:
            show_report(Console(), job.report())


@jobs.command()
def logs(
    id: Id,
    epochs: Annotated[bool, typer.Option(help="Also print every epoch.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    url: Url = HERE,
    key: Key = None,
) -> None:
    """Print the events of a job."""
    with Client(url, key=key) as client:
        for row in client.job(id).history():
            if as_json:
                typer.echo(json.dumps(row))
            elif epochs or row["kind"] != "epoch":
                typer.echo(f"{row['time'][:19]}  {_line(row)}")


@jobs.command()
def delete(id: Id, url: Url = HERE, key: Key = None) -> None:
    """Delete a job that has ended, with its files."""
    with Client(url, key=key) as client:
        client.job(id).delete()


@jobs.command()
def cancel(id: Id, url: Url = HERE, key: Key = None) -> None:
    """Cancel a job."""
    with Client(url, key=key) as client:
        typer.echo(client.job(id).cancel()["state"])


@jobs.command()
def retry(id: Id, url: Url = HERE, key: Key = None) -> None:
    """Queue a failed or cancelled job again."""
    with Client(url, key=key) as client:
        typer.echo(client.job(id).retry()["state"])


@jobs.command()
def download(
    id: Id,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("bundle.zip"),
    name: Annotated[
        str, typer.Option(help="Name of the file in the bundle.")
    ] = "bundle.zip",
    url: Url = HERE,
    key: Key = None,
) -> None:
    """Download the bundle, or one file of it."""
    with Client(url, key=key) as client:
        typer.echo(str(client.job(id).download(out, name)))


def _line(row: dict[str, Any]) -> str:
    """Describe an event of a job in one line."""
    match (stored := EventRow.model_validate(row)).event:
        case StateChanged(state=state, failure=failure):
            return f"{state}: {failure.detail}" if failure else state
        case WebhookCalled(answer=answer):
            return f"webhook: {answer}"
        case EpochEnded() as event:
            return describe_epoch(event)
        case None:
            return stored.kind
        case event:
            return describe(event) or stored.stage or event.kind


def _object(text: str, option: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{option} must be a JSON object")
    return value
