"""Files that API and workers share through fsspec: data sets, checkpoints, bundles."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import fsspec

from autosample.jobs.state import Artifact

CHUNK = 1 << 20  # bytes read at a time


class Files:
    """Folders below one fsspec URL: `file:///srv/autosample`, `s3://bucket/path`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.system, self.root = fsspec.core.url_to_fs(self.url)
        self._checked: dict[str, tuple[int, str]] = {}

    def put(self, folder: Path, place: str) -> list[Artifact]:
        """Copy a folder's files to a place and return them with sizes and digests.

        Not atomic: readers must not be told of the place before this returns.
        """
        target = f"{self.root}/{place}"
        self.system.makedirs(target, exist_ok=True)
        stored = []
        for path in sorted(folder.iterdir()):
            raw = path.read_bytes()
            self.system.pipe_file(f"{target}/{path.name}", raw)
            self._sync(f"{target}/{path.name}")
            digest = sha256(raw).hexdigest()
            stored.append(Artifact(name=path.name, size=len(raw), sha256=digest))
        return stored

    def _sync(self, path: str) -> None:
        """Make sure that a file outlives a power cut, as object stores do."""
        if "file" not in self.system.protocol:
            return
        with open(path, "rb") as file:
            os.fsync(file.fileno())

    def replace(self, folder: Path, place: str) -> None:
        """Copy a folder's files to a place, instead of what may be there.

        They are written beside it and renamed, so that readers see all or nothing.
        """
        aside = f"{place}.{uuid4().hex}"
        old = f"{aside}.old"
        try:
            self.put(folder, aside)
        except OSError:  # of a full disk: nothing half-written stays
            self.delete(aside)
            raise
        if self.system.exists(f"{self.root}/{place}"):
            self._rename(place, old)
        self._rename(aside, place)
        self.delete(old)

    def _rename(self, place: str, to: str) -> None:
        self.system.mv(f"{self.root}/{place}", f"{self.root}/{to}", recursive=True)

    @contextmanager
    def local(self, place: str) -> Iterator[Path]:
        """Yield a place as a local folder: itself, or a copy if files are remote."""
        if "file" in self.system.protocol:
            yield Path(f"{self.root}/{place}")
            return
        with tempfile.TemporaryDirectory() as folder:
            self.system.get(f"{self.root}/{place}/", folder, recursive=True)
            yield Path(folder)

    def read(self, place: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end` - 1 of a file, in chunks."""
        with self.system.open(f"{self.root}/{place}", "rb") as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(CHUNK, end - start))):
                start += len(chunk)
                yield chunk

    def holds(self, place: str, artifact: Artifact) -> bool:
        """Tell whether a file is the one that was stored.

        The digest of a file is computed once, and again when the file has changed.
        """
        path = f"{self.root}/{place}"
        try:
            facts = self.system.info(path)
        except FileNotFoundError:
            return False
        if facts["size"] != artifact.size:
            return False
        version = (facts["size"], str(facts.get("mtime") or facts.get("ETag")))
        if self._checked.get(path) != version:
            digest = sha256()
            for chunk in self.read(place, 0, artifact.size):
                digest.update(chunk)
            if digest.hexdigest() != artifact.sha256:
                return False
            self._checked[path] = version
        return True

    def free(self) -> int | None:
        """Return the free bytes of the files' disk; None for an object store."""
        if "file" not in self.system.protocol:
            return None
        folder = Path(self.root)
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def names(self, place: str) -> list[str]:
        """Return the names in a folder; none if the folder does not exist."""
        path = f"{self.root}/{place}"
        if not self.system.exists(path):
            return []
        return [name.rsplit("/", 1)[-1] for name in self.system.ls(path, detail=False)]

    def age(self, place: str) -> float | None:
        """Return the seconds since a folder last changed; None if it does not exist."""
        path = f"{self.root}/{place}"
        try:
            inside = self.system.find(path)
            local = [path] if "file" in self.system.protocol else []
            times = [self.system.modified(name) for name in (*inside, *local)]
        except FileNotFoundError:
            return None
        return time.time() - max(at.timestamp() for at in times) if times else None

    def used(self) -> int:
        """Return the bytes of all files; slow on an object store, which lists them."""
        return int(self.system.du(self.root)) if self.system.exists(self.root) else 0

    def delete(self, place: str) -> None:
        """Delete a folder and all in it, if it exists."""
        path = f"{self.root}/{place}"
        if self.system.exists(path):
            self.system.rm(path, recursive=True)

    def url_of(self, place: str) -> str:
        """Return the URL of a place."""
        return f"{self.url}/{place}"
