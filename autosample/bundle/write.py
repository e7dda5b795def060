"""Writing a bundle."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save

from autosample.bundle.archive import MANIFEST, manifest_of
from autosample.data.dataset import write_pairs
from autosample.errors import BundleError
from autosample.experiment.run import Outcome
from autosample.models import export
from autosample.training import Training
from autosample.trials.recipe import Recipe
from autosample.views.card import model_card
from autosample.views.page import report_page

PARAMETERS = "model."
"""What the names of a model's own parameters begin with, among its weights."""


def write(outcome: Outcome, folder: Path, *, seen: bool = True) -> None:
    """Write a bundle into an empty or new folder; BundleError on weights with NaN."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BundleError(f"{folder} is not empty; give a new folder for the bundle")
    report = outcome.report.model_dump(mode="json")
    trace, costs = report.pop("trace"), report.pop("costs")
    curves = {name: report.pop(name) for name in ("curves", "training")}
    verification, baseline = report["verification"], report["baseline"]
    costs["baseline"] = baseline.pop("cost") if baseline else None
    costs["verification"] = verification.pop("cost") if verification else None
    trial = outcome.trial.model_dump(
        mode="json",
        exclude={
            "name",
            "start",
            "start_with",
            "seconds",
            "own_epochs",
            "with_validation",
            "with_test",
        },
    )
    _json(folder / "config.json", trial)
    _json(folder / "sampler.json", outcome.sampler.model_dump(mode="json"))
    _json(folder / "recipe.json", recipe_of(outcome).model_dump(mode="json"))
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
        known = replace(outcome.known, times_E=None)
        write_pairs(known, folder / "seen.parquet")
    (folder / "README.md").write_text(model_card(outcome.report), "utf-8")
    (folder / "report.html").write_text(report_page(outcome.report), "utf-8")
    _json(folder / MANIFEST, manifest_of(folder))


def recipe_of(outcome: Outcome) -> Recipe:
    """Return what the winner was trained with, complete: nothing is null but an
    optimiser that is the model's own."""
    training = outcome.trial.training
    return Recipe(
        sampler=outcome.sampler,
        loss=outcome.trial.loss,
        optimizer=training.optimizer,
        learning_rate=training.learning_rate,
        l2=training.l2,
    )


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
    """Return `users` (U, D) and `items` (I, D); what the sampler has learned, such as
    gates, under `sampler.`; and under `model.` the parameters of a model that reads
    histories, which recommends to users that it has never seen."""
    learned = {f"sampler.{name}": t for name, t in outcome.sampler_state.items()}
    exported = export(outcome.model, outcome.known)
    if outcome.trial.model.reads_history:
        parameters = outcome.model.state_dict()
        exported |= {f"{PARAMETERS}{n}": t.clone() for n, t in parameters.items()}
    exported = {
        name: tensor.contiguous() for name, tensor in (exported | learned).items()
    }
    for name, tensor in exported.items():
        if not bool(torch.isfinite(tensor).all()):
            raise BundleError(f"the weights of {name} are not all numbers")
    return save(exported, metadata={"format": "pt"})


def _json(path: Path, value: object) -> None:
    path.write_text(
        json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n", "utf-8"
    )
