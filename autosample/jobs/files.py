"""Files that API and workers share: data sets, checkpoints, artifacts; by fsspec."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import fsspec

from autosample.jobs.state import Artifact

CHUNK = 1 << 20  # bytes


class Files:
    """Folders below one fsspec URL: `file:///srv/autosample`, `s3://bucket/path`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.system, self.root = fsspec.core.url_to_fs(self.url)

    def put(self, folder: Path, place: str) -> list[Artifact]:
        """Copy a folder's files to a place; nobody is to look before it is told."""
        target = f"{self.root}/{place}"
        self.system.makedirs(target, exist_ok=True)
        stored = []
        for path in sorted(folder.iterdir()):
            raw = path.read_bytes()
            self.system.pipe_file(f"{target}/{path.name}", raw)
            digest = sha256(raw).hexdigest()
            stored.append(Artifact(name=path.name, size=len(raw), sha256=digest))
        return stored

    @contextmanager
    def local(self, place: str) -> Iterator[Path]:
        """Give a place as a local folder, copied there if it is remote."""
        if "file" in self.system.protocol:
            yield Path(f"{self.root}/{place}")
            return
        with tempfile.TemporaryDirectory() as folder:
            self.system.get(f"{self.root}/{place}/", folder, recursive=True)
            yield Path(folder)

    def read(self, place: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes start .. end - 1 of a file, in chunks."""
        with self.system.open(f"{self.root}/{place}", "rb") as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(CHUNK, end - start))):
                start += len(chunk)
                yield chunk

    def free(self) -> int | None:
        """Return the bytes left where files lie; None where nobody can tell."""
        if "file" not in self.system.protocol:
            return None
        there = Path(self.root)
        while not there.exists():
            there = there.parent
        return shutil.disk_usage(there).free

    def names(self, place: str) -> list[str]:
        """Return the names in a folder; none if it is not there."""
        path = f"{self.root}/{place}"
        if not self.system.exists(path):
            return []
        return [name.rsplit("/", 1)[-1] for name in self.system.ls(path, detail=False)]

    def age(self, place: str) -> float | None:
        """Return the seconds since something in a folder changed; None: not there."""
        path = f"{self.root}/{place}"
        try:
            inside = self.system.find(path)
            local = [path] if "file" in self.system.protocol else []
            times = [self.system.modified(each) for each in (*inside, *local)]
        except FileNotFoundError:
            return None
        return time.time() - max(each.timestamp() for each in times) if times else None

    def used(self) -> int:
        """Return the bytes of all files; an object store is asked for every name."""
        return int(self.system.du(self.root)) if self.system.exists(self.root) else 0

    def delete(self, place: str) -> None:
        """Delete a folder, if it is there."""
        path = f"{self.root}/{place}"
        if self.system.exists(path):
            self.system.rm(path, recursive=True)

    def below(self, place: str) -> str:
        """Return the URL of a place."""
        return f"{self.url}/{place}"
