"""`autosample keys ...`: makes, lists and revokes keys, straight in the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from autosample.jobs.engine import connect
from autosample.jobs.keys import KeyInfo, Scope, SqlKeyStore
from autosample.jobs.settings import Settings
from migrations.upgrade import upgrade

keys = typer.Typer(
    help="Keys of the service whose AUTOSAMPLE_* settings are here.",
    no_args_is_help=True,
)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What or whom it is for.")],
    scope: Annotated[
        Scope, typer.Option(help="Each may do what those before it may.")
    ] = Scope.SUBMIT,
    owner: Annotated[
        str, typer.Option(help="Whose jobs it sees; keys of one owner share them.")
    ] = "",
    days: Annotated[float | None, typer.Option(help="Until it expires.")] = None,
) -> None:
    """Make a key and print it, which is the only time that it is told."""
    with _store() as store:
        made, text = store.create(name, scope, owner=owner, days=days)
    typer.echo(text)
    typer.echo(f"key {made.id}, scope {made.scope}, owner {made.owner}", err=True)


@keys.command("list")
def all_keys() -> None:
    """List keys, newest first, without their secrets."""
    table = Table()
    table.add_column("id", no_wrap=True)  # to be copied from here
    for name in ("name", "owner", "scope", "created", "expires", "state"):
        table.add_column(name)
    with _store() as store:
        for each in store.list():
            table.add_row(*_row(each))
    Console().print(table)


@keys.command()
def revoke(id: Annotated[str, typer.Argument(help="Id of a key.")]) -> None:
    """Make a key worthless from now on."""
    with _store() as store:
        typer.echo(f"key {store.revoke(id).id} is revoked")


def _row(each: KeyInfo) -> tuple[str, ...]:
    expires = f"{each.expires:%Y-%m-%d %H:%M}" if each.expires else "never"
    return (
        each.id,
        each.name,
        each.owner,
        each.scope,
        f"{each.created:%Y-%m-%d %H:%M}",
        expires,
        "revoked" if each.revoked else "",
    )


@contextmanager
def _store() -> Iterator[SqlKeyStore]:
    settings = Settings()
    if settings.embedded:
        upgrade(settings.database_url)
    engine = connect(settings.database_url)
    try:
        yield SqlKeyStore(engine)
    finally:
        engine.dispose()
