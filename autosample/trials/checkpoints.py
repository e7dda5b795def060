"""Stores of checkpoints, from which a later attempt at a trial goes on."""

from __future__ import annotations

import logging
from hashlib import sha256
from typing import Protocol
from uuid import uuid4

import fsspec

SEAL = b"\nautosample-sha256:"
DIGEST = 32
BEHIND = len(SEAL) + DIGEST
"""Bytes behind the content: a mark, and a SHA-256."""

_log = logging.getLogger(__name__)


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


def sealed(raw: bytes) -> bytes:
    """Return bytes with their digest behind them."""
    return raw + SEAL + sha256(raw).digest()


def unsealed(stored: bytes) -> bytes:
    """Return the bytes that `sealed` was given; raises ValueError if any was changed.

    Bytes without a digest, from earlier versions, are returned as they are.
    """
    raw, digest = stored[:-BEHIND], stored[-DIGEST:]
    if stored[-BEHIND:-DIGEST] != SEAL:
        if SEAL in stored[-2 * BEHIND :]:
            raise ValueError("its end is missing")
        return stored
    if sha256(raw).digest() != digest:
        raise ValueError("its digest does not fit")
    return raw


class FolderCheckpoints:
    """A store in a folder at an fsspec URL; it can be pickled for another process.

    A damaged checkpoint counts as none.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def load(self, name: str) -> bytes | None:
        files, root = fsspec.core.url_to_fs(self.url)
        try:
            return unsealed(files.cat_file(f"{root}/{name}"))
        except FileNotFoundError:
            return None
        except ValueError:
            _log.warning("checkpoint %s is damaged, and its trial starts anew", name)
            return None

    def save(self, name: str, raw: bytes) -> None:
        files, root = fsspec.core.url_to_fs(self.url)
        files.makedirs(root, exist_ok=True)
        aside = f"{root}/.{name}.{uuid4().hex}"
        files.pipe_file(aside, sealed(raw))
        files.mv(aside, f"{root}/{name}")

    def clear(self) -> None:
        """Delete the folder with everything in it."""
        files, root = fsspec.core.url_to_fs(self.url)
        if files.exists(root):
            files.rm(root, recursive=True)
