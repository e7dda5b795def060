"""Commands that other packages add through entry points, such as `autosample serve`.

They are listed by `--help` without being imported, because that takes seconds: their
summaries are read from their source.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

GROUP = "autosample.commands"


class Commands(TyperGroup):
    """The commands by name; one of a plug-in is imported when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        for point in entry_points(group=GROUP, name=name or ""):
            command = load(point)
        return name, command, rest


def add_plugins(app: typer.Typer) -> None:
    """List the commands of plug-ins; the app's class must be `Commands`."""
    for point in entry_points(group=GROUP):
        app.command(point.name, help=summary(point))(_placeholder)


def load(point: EntryPoint) -> Any:
    """Import a command: a function, or a Typer with commands of its own."""
    plugin: typer.Typer | Callable[..., None] = point.load()
    if isinstance(plugin, typer.Typer):
        return typer.main.get_group(plugin)
    app = typer.Typer(add_completion=False)
    app.command(point.name)(plugin)
    return typer.main.get_command(app)


def summary(point: EntryPoint) -> str:
    """Return the first line of a command's help, read without importing its module."""
    for node in ast.parse(_source(point.module)).body:
        match node:
            case ast.FunctionDef(name=point.attr):
                return (ast.get_docstring(node) or "").partition("\n\n")[0]
            case ast.Assign([ast.Name(point.attr)], ast.Call(keywords=keywords)):
                return next((_text(k.value) for k in keywords if k.arg == "help"), "")
    return ""


def _source(module: str) -> str:
    """Return the source of a module; empty where it is not installed or has none."""
    try:
        spec = find_spec(module)
    except ImportError:
        return ""
    source = spec and spec.origin and Path(spec.origin)
    return source.read_text("utf-8") if source and source.suffix == ".py" else ""


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _placeholder() -> None:
    """Stand for a command that has not been imported."""
