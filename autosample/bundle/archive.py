"""The downloadable result: written once, verified on every read, never unpickled.

The same inputs, seeds, engine and threads give the same bytes on a CPU in every file
but `trace.json` and `environment.json`, which hold clocks and machines.
"""

from __future__ import annotations

import json
import lzma
import struct
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

from autosample.errors import BundleError

SCHEMA = 2
"""Version of a bundle's files that is written."""
READABLE = (1, 2)
"""Versions that are read. In version 1 some JSON keys had other names, such as `passes`
for `epochs`; settings accept both."""
ARCHIVE = "bundle.zip"
MANIFEST = "manifest.json"
REQUIRED = (
    "config.json",
    "sampler.json",
    "model.safetensors",
    "users.parquet",
    "items.parquet",
)
MEMBERS = 64
"""Most files in a zip; a bundle has a dozen."""
RATIO, SMALL = 50, 256 << 20
"""A zip may unpack to RATIO times its size, and to SMALL bytes in any case."""
STRAYS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files that desktops leave in folders, which do not count."""
DAMAGED = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    KeyError,
    ValueError,
    OverflowError,
    RuntimeError,  # encrypted; NotImplementedError is one, too
    MemoryError,
)
"""What reading a damaged zip raises, according to which byte was hit."""


def verify(folder: Path) -> dict[str, Any]:
    """Return the manifest of a bundle; raises BundleError if any file was changed."""
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        files: dict[str, dict[str, Any]] = dict(manifest["files"])
        schema, digest = manifest["schema"], manifest["digest"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(
            f"{folder} is not a bundle: no readable {MANIFEST}"
        ) from error
    if schema not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise BundleError(f"bundle schema {schema} is not known here, only {known}")
    if digest != _digest_of(files):
        raise BundleError(f"{MANIFEST} has been altered: its digest does not fit")
    _check_files(folder, files)
    return manifest


def _check_files(folder: Path, files: dict[str, dict[str, Any]]) -> None:
    there = {each.name for each in folder.iterdir()} - {MANIFEST} - STRAYS
    for name in sorted(there ^ files.keys()):
        what = "is missing" if name in files else "does not belong to the bundle"
        raise BundleError(f"{name} {what}")
    for name in REQUIRED:
        if name not in files:
            raise BundleError(f"{name} is not in the manifest")
    for name, facts in files.items():
        if _facts(folder / name) != facts:
            raise BundleError(f"{name} has been altered: its sha256 does not fit")


def pack(folder: Path, archive: Path) -> None:
    """Zip a bundle so that equal files give equal bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for path in sorted(folder.iterdir()):
            if path.name == archive.name:
                continue
            entry = zipfile.ZipInfo(path.name)  # dated 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes())


def unpack(archive: Path, folder: Path) -> None:
    """Unzip a bundle; its files may lie in one folder, as when a folder was zipped.

    Raises BundleError where it is no zip, is damaged, would unpack to far more than a
    bundle does, or has names that reach outside; nothing is unpacked then.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = _entries(packed, archive)
            for name, entry in entries.items():
                (folder / name).write_bytes(packed.read(entry))
    except DAMAGED as error:
        raise BundleError(f"{archive} is not a readable zip: {error}") from error


def _entries(packed: zipfile.ZipFile, archive: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the files of a zip by their names without the folder that holds them."""
    entries = [
        entry
        for entry in packed.infolist()
        if not entry.is_dir() and not _is_stray(entry.filename)
    ]
    size, most = sum(entry.file_size for entry in entries), _most_bytes(archive)
    if len(entries) > MEMBERS or size > most:
        raise BundleError(
            f"{archive} holds {len(entries)} files of {size >> 20} MiB, and a bundle of"
            f" its size at most {MEMBERS} of {most >> 20} MiB"
        )
    manifests = [e.filename for e in entries if Path(e.filename).name == MANIFEST]
    prefix = manifests[0].removesuffix(MANIFEST) if len(manifests) == 1 else ""
    named = {entry.filename.removeprefix(prefix): entry for entry in entries}
    for name in named:
        if not name or Path(name).name != name or "\\" in name:
            raise BundleError(f"{name!r} is no plain file name")
    return named


def _most_bytes(archive: Path) -> int:
    """Return the most bytes that a zip of this size may unpack to."""
    return max(SMALL, RATIO * archive.stat().st_size)


def _is_stray(name: str) -> bool:
    """Tell what desktops add to folders and zips from a bundle's files."""
    return name.startswith("__MACOSX/") or Path(name).name in STRAYS


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return the manifest of the files in a folder."""
    files = {path.name: _facts(path) for path in sorted(folder.iterdir())}
    return {"schema": SCHEMA, "files": files, "digest": _digest_of(files)}


def _facts(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    return {"size": len(raw), "sha256": sha256(raw).hexdigest()}


def _digest_of(files: object) -> str:
    return sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
