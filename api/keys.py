"""`autosample keys ...`: make, list and revoke API keys, directly in the database."""

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
    help="Make, list and revoke keys of the service that AUTOSAMPLE_* describes.",
    no_args_is_help=True,
)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What or whom the key is for.")],
    scope: Annotated[
        Scope,
        typer.Option(help="What the key may do; each scope includes those before it."),
    ] = Scope.SUBMIT,
    owner: Annotated[
        str,
        typer.Option(help="Whose jobs the key reaches; keys of one owner share them."),
    ] = "",
    days: Annotated[
        float | None, typer.Option(help="Days until the key expires.")
    ] = None,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    with _store() as store:
        key, text = store.create(name, scope, owner=owner, days=days)
    typer.echo(text)
    typer.echo(f"key {key.id}, scope {key.scope}, owner {key.owner}", err=True)


@keys.command("list")
def all_keys() -> None:
    """List keys, newest first, without their secrets."""
    table = Table()
    table.add_column("id", no_wrap=True)  # so that it can be copied
    for name in ("name", "owner", "scope", "created", "expires", "state"):
        table.add_column(name)
    with _store() as store:
        for key in store.list():
            table.add_row(*_row(key))
    Console().print(table)


@keys.command()
def revoke(id: Annotated[str, typer.Argument(help="Id of the key.")]) -> None:
    """Revoke a key; requests with it are refused from now on."""
    with _store() as store:
        typer.echo(f"key {store.revoke(id).id} is revoked")


def _row(key: KeyInfo) -> tuple[str, ...]:
    expires = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires else "never"
    return (
        key.id,
        key.name,
        key.owner,
        key.scope,
        f"{key.created:%Y-%m-%d %H:%M}",
        expires,
        "revoked" if key.revoked else "",
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
