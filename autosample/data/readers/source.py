"""The bytes of a file, whatever it is packed in."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from autosample.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""Beginnings of a zip; the second of one that holds nothing."""
FOREIGN = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "HDF5",
    b"ORC": "ORC",
    b"ARROW1": "Arrow IPC",
    b"Obj\x01": "Avro",
    b"\x80\x04\x95": "a pickle",
}
"""Beginnings of files that are often given and not read."""


class Source(NamedTuple):
    """A file that is ready to be parsed."""

    name: str
    """Name of the file, or of the one file in a zip; it may tell the format."""
    raw: bytes
    notes: tuple[str, ...] = ()


def open_source(path: Path) -> Source:
    """Return a file's bytes, unpacked where it is gzip or a zip of one file.

    A pipe is read to its end. Raises DataError where the file cannot be read or holds
    nothing, and where it is packed in a way that is not read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    source = _unpacked(Source(path.name, raw))
    if not source.raw.strip():
        raise DataError(f"{path.name} is empty")
    for magic, what in FOREIGN.items():
        if source.raw.startswith(magic):
            raise DataError(
                f"{source.name} is {what}, which is not read; give CSV, Parquet or"
                " JSON lines, plain or gzip"
            )
    return source


def _unpacked(source: Source) -> Source:
    if source.raw.startswith(GZIP_MAGIC):
        return Source(source.name.removesuffix(".gz"), _gunzip(source))
    if source.raw.startswith(ZIP_MAGIC):
        return _only_member(source)
    return source


def _gunzip(source: Source) -> bytes:
    try:
        return gzip.decompress(source.raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{source.name} is damaged gzip: {error}") from error


def _only_member(source: Source) -> Source:
    """Return the one file of a zip; an office document is refused by its name."""
    try:
        with zipfile.ZipFile(io.BytesIO(source.raw)) as archive:
            names = [n for n in archive.namelist() if _is_data(n)]
            if len(names) != 1:
                shown = ", ".join(names[:5]) + (", ..." if names[5:] else "")
                raise DataError(
                    f"{source.name} is a zip of {len(names)} files ({shown}); unpack it"
                    " and give the one with the interactions"
                )
            raw = archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{source.name} is a damaged zip: {error}") from error
    except (NotImplementedError, RuntimeError) as error:  # encrypted, among others
        raise DataError(f"{source.name} cannot be unpacked: {error}") from error
    name = names[0].rpartition("/")[2]
    return _unpacked(Source(name, raw, (f"read from {source.name}",)))


def _is_data(name: str) -> bool:
    """Tell files from folders and from what macOS and Windows add."""
    last = name.rpartition("/")[2]
    added = name.startswith("__MACOSX/") or last in {".DS_Store", "Thumbs.db"}
    return bool(last) and not added
