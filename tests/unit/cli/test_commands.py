"""How commands get their options, and how plug-ins' commands are listed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from autosample.cli.groups import with_options
from autosample.cli.main import complete
from autosample.cli.plugins import GROUP, summary


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Two options."""

    low: Annotated[int, typer.Option(help="Where it begins.")]
    high: int = 9


def test_a_command_has_an_option_for_each_field_of_a_group() -> None:
    app = typer.Typer()

    @app.command()
    @with_options
    def show(ends: Ends, loud: bool = False) -> None:
        typer.echo(f"{ends.low} to {ends.high}{'!' if loud else ''}")

    run = CliRunner().invoke
    assert run(app, ["--low", "3", "--loud"]).output == "3 to 9!\n"
    assert "Where it begins." in run(app, ["--help"]).output
    assert run(app, []).exit_code == 2  # --low has no default


@pytest.mark.parametrize(
    "command", ["", "search", "audit", "catalogue", "verify", "export", "jobs"]
)
def test_help_loads_neither_torch_nor_the_service(command: str) -> None:
    told = loads_little(*command.split(), "--help")
    assert "Usage" in told


def test_the_check_of_a_worker_loads_neither_torch_nor_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container asks every few seconds."""
    monkeypatch.setenv("AUTOSAMPLE_HOME", str(tmp_path))
    loads_little("worker", "--check")


def loads_little(*words: str) -> str:
    """Assert that a command loads nothing large; returns what it printed."""
    code = (
        "import contextlib, sys; from autosample.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(sorted({'torch', 'fastapi', 'ray'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n"), done.stdout
    return done.stdout


def test_the_list_of_commands_shows_those_of_the_service() -> None:
    listed = CliRunner().invoke(complete(), ["--help"]).output
    assert all(name in listed for name in ("search", "jobs", "serve", "Serve the API"))


def test_the_help_of_every_command_begins_as_its_summary_says() -> None:
    for point in entry_points(group=GROUP):
        command = point.load()
        told = command.info.help if isinstance(command, typer.Typer) else command
        text = told if isinstance(told, str) else told.__doc__ or ""
        assert " ".join(text.split()).startswith(" ".join(summary(point).split()))
        assert summary(point)


@pytest.mark.parametrize("value", ["nowhere.at:all", "autosample.errors:no_such"])
def test_a_command_whose_source_is_not_found_has_no_summary(value: str) -> None:
    assert summary(EntryPoint("x", value, GROUP)) == ""
