"""The downloadable result: written once, verified on every read, never unpickled.

The same inputs, seeds, engine and threads give the same bytes on a CPU in every file
but `trace.json` and `environment.json`, which hold clocks and machines.
"""

from __future__ import annotations

import json
import platform
import subprocess
import zipfile
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save

from autosample.errors import BundleError
from autosample.experiment.run import Outcome
from autosample.training import Training
from autosample.views.card import model_card
from autosample.views.page import report_page

SCHEMA = 1
ARCHIVE = "bundle.zip"
MANIFEST = "manifest.json"
REQUIRED = (
    "config.json",
    "sampler.json",
    "model.safetensors",
    "users.parquet",
    "items.parquet",
)


def write(outcome: Outcome, folder: Path, *, seen: bool = True) -> None:
    """Write a bundle into an empty or new folder; BundleError on weights with NaN."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BundleError(f"{folder} is not empty; give a new folder for the bundle")
    report = outcome.report.model_dump(mode="json")
    trace, costs = report.pop("trace"), report.pop("costs")
    curves = {name: report.pop(name) for name in ("curves", "training")}
    verification = report["verification"]
    costs["verification"] = verification.pop("cost") if verification else None
    trial = outcome.trial.model_dump(
        mode="json",
        exclude={"name", "start", "start_with", "seconds", "passes", "whole"},
    )
    _json(folder / "config.json", trial)
    _json(folder / "sampler.json", outcome.sampler.model_dump(mode="json"))
    _json(folder / "metrics.json", report)
    _json(folder / "trace.json", {"costs": costs, "trace": trace, **curves})
    _json(folder / "environment.json", environment(outcome))
    (folder / "model.safetensors").write_bytes(_weights(outcome))
    for name, ids in (
        ("users", outcome.dataset.users),
        ("items", outcome.dataset.items),
    ):
        pq.write_table(
            pa.table({"row": pa.array(range(len(ids)), pa.int32()), "id": ids}),
            folder / f"{name}.parquet",
        )
    if seen:
        known = outcome.split.known
        pairs = pa.table({"user": known.users_E.astype("int32"), "item": known.items_E})
        pq.write_table(pairs, folder / "seen.parquet")
    (folder / "README.md").write_text(model_card(outcome.report))
    (folder / "report.html").write_text(report_page(outcome.report))
    _json(folder / MANIFEST, _manifest(folder))


def verify(folder: Path) -> dict[str, Any]:
    """Return the manifest of a sound bundle; BundleError on any change to it."""
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        files: dict[str, dict[str, Any]] = manifest["files"]
        told = (manifest["schema"], manifest["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{folder} is not a bundle: no readable {MANIFEST}"
        ) from error
    if told[0] != SCHEMA:
        raise BundleError(f"bundle schema {told[0]} is not known here, only {SCHEMA}")
    if told[1] != _digest_of(files):
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


def _device(training: Training) -> str:
    return torch.cuda.get_device_name() if training.device == "cuda" else "cpu"


def environment(outcome: Outcome) -> dict[str, Any]:
    """Tell what the result was made with."""
    spec = outcome.report.spec
    packages = ("autosample", "numpy", "pyarrow", "pydantic", "safetensors", "torch")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in packages},
        "device": _device(spec.training),
        "threads_per_trial": 1,
        "seeds": {"search": spec.training.seed, "verify": list(spec.seeds)},
        "git": _git(),
        "data_fingerprint": outcome.dataset.fingerprint,
        "spec_digest": spec.digest,
    }


def _git() -> str | None:
    """The commit of a checkout; None where it is installed from elsewhere."""
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _weights(outcome: Outcome) -> bytes:
    """Return `users` (U, D) and `items` (I, D), and what the sampler has learned, such
    as gates, under `sampler.`"""
    learned = {f"sampler.{name}": t for name, t in outcome.sampler_state.items()}
    exported = {
        name: tensor.contiguous()
        for name, tensor in (outcome.model.export() | learned).items()
    }
    for name, tensor in exported.items():
        if not bool(torch.isfinite(tensor).all()):
            raise BundleError(f"the weights of {name} are not all numbers")
    return save(exported, metadata={"format": "pt"})


def _manifest(folder: Path) -> dict[str, Any]:
    files = {path.name: _facts(path) for path in sorted(folder.iterdir())}
    return {"schema": SCHEMA, "files": files, "digest": _digest_of(files)}


def _facts(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    return {"size": len(raw), "sha256": sha256(raw).hexdigest()}


def _digest_of(files: object) -> str:
    return sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")
