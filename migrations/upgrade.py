"""Update a database to the newest schema, or undo updates."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config


def config(url: str) -> Config:
    """Return Alembic's configuration for a database."""
    options = Config()
    options.set_main_option("script_location", str(Path(__file__).parent))
    options.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return options


def upgrade(url: str, revision: str = "head") -> None:
    """Create or change tables up to a revision; does nothing if they are there."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(config(url), revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Undo changes down to a revision, by default all of them."""
    command.downgrade(config(url), revision)
