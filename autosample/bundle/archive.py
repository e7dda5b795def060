"""The downloadable result: written once, verified on every read, never unpickled.

The same inputs, seeds, engine and threads give the same bytes on a CPU in every file
but `trace.json` and `environment.json`, which hold clocks and machines.
"""

from __future__ import annotations

import json
import zipfile
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


def verify(folder: Path) -> dict[str, Any]:
    """Return the manifest of a bundle; raises BundleError if any file was changed."""
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        files: dict[str, dict[str, Any]] = manifest["files"]
        schema, digest = manifest["schema"], manifest["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
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
    there = {each.name for each in folder.iterdir()} - {MANIFEST}
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
    """Unzip a bundle; BundleError where it is no zip, or names reach outside."""
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if Path(entry.filename).name != entry.filename:
                    raise BundleError(f"{entry.filename!r} is no plain file name")
                (folder / entry.filename).write_bytes(packed.read(entry))
    except (OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"{archive} is not a readable zip: {error}") from error


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return the manifest of the files in a folder."""
    files = {path.name: _facts(path) for path in sorted(folder.iterdir())}
    return {"schema": SCHEMA, "files": files, "digest": _digest_of(files)}


def _facts(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    return {"size": len(raw), "sha256": sha256(raw).hexdigest()}


def _digest_of(files: object) -> str:
    return sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
