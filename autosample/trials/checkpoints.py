"""Stores of checkpoints, from which a later attempt at a trial goes on."""

from __future__ import annotations

from typing import Protocol
from uuid import uuid4

import fsspec


class Checkpoints(Protocol):
    """A store of bytes under names."""

    def load(self, name: str) -> bytes | None:
        """Return what was last saved under a name; None: nothing was."""
        ...

    def save(self, name: str, raw: bytes) -> None:
        """Save under a name; a reader sees all of the old bytes or all of the new."""
        ...


class NoCheckpoints:
    """A store that keeps nothing, for the library and the command line."""

    def load(self, name: str) -> bytes | None:
        return None

    def save(self, name: str, raw: bytes) -> None:
        """Do nothing."""


class FolderCheckpoints:
    """A store in a folder at an fsspec URL; it can be pickled for another process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def load(self, name: str) -> bytes | None:
        files, root = fsspec.core.url_to_fs(self.url)
        try:
            raw: bytes = files.cat_file(f"{root}/{name}")
        except FileNotFoundError:
            return None
        return raw

    def save(self, name: str, raw: bytes) -> None:
        files, root = fsspec.core.url_to_fs(self.url)
        files.makedirs(root, exist_ok=True)
        aside = f"{root}/.{name}.{uuid4().hex}"
        files.pipe_file(aside, raw)
        files.mv(aside, f"{root}/{name}")

    def clear(self) -> None:
        """Delete the folder with everything in it."""
        files, root = fsspec.core.url_to_fs(self.url)
        if files.exists(root):
            files.rm(root, recursive=True)
