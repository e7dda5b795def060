"""Whether this checkout computes what another commit computed, byte for byte.

    python -m benchmarks.same_bytes --before 2f2bc27

Both run the same searches on the same synthetic data, on this machine. Every tensor of
every bundle must be equal to the bit, and so must every number in its JSON files, once
keys that were renamed since then go by their new names. Clocks and prose may differ.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[1]

SHORT = {"epochs": 12, "batch_size": 256, "seed": 3}
RUNGS = [{"epochs": 1, "keep": 3}, {"epochs": 2, "keep": 1}]
CASES: Mapping[str, dict[str, Any]] = {
    "mf, race": {"model": {"kind": "mf", "width": 16}},
    "mf, race from a supernet, verified": {
        "model": {"kind": "mf", "width": 16},
        "strategy": {"kind": "race", "warmup": 2, "rungs": RUNGS},
        "verify": True,
    },
    "mf, race in order, last left out": {
        "model": {"kind": "mf", "width": 16},
        "split": {"kind": "leave_last_out"},
        "strategy": {"kind": "race", "rungs": RUNGS},
    },
    "mf, mixture": {
        "model": {"kind": "mf", "width": 16},
        "strategy": {"kind": "mixture", "epochs": 4},
    },
    "mf, exhaustive, cosines": {
        "model": {"kind": "mf", "width": 16},
        "loss": {"kind": "bsl"},
        "strategy": {"kind": "exhaustive"},
        "candidates": [
            {"kind": "uniform", "shared": True, "negatives": 64},
            {"kind": "popularity", "negatives": 8},
        ],
    },
    "lightgcn, race": {"model": {"kind": "lightgcn", "width": 16, "layers": 2}},
    "lightgcn, mixture": {
        "model": {"kind": "lightgcn", "width": 16, "layers": 2},
        "strategy": {"kind": "mixture", "epochs": 3},
    },
}

RENAMED = {
    "passes": "epochs",
    "pass_seconds": "epoch_seconds",
    "report": "report_metrics",
}
"""Keys of the commit before, and what they are called now."""

PROSE = {"text", "note", "title"}


def run_cases(out: Path) -> None:
    """Run every case with the package that Python finds, and write its bundles."""
    import autosample  # noqa: PLC0415 - whichever checkout is on the path

    data = autosample.from_arrays(*_arrays())
    timed = autosample.from_arrays(*_arrays(), times=np.arange(len(_arrays()[0])))
    for name, settings in CASES.items():
        has_order = settings.get("split", {}).get("kind") == "leave_last_out"
        fields = {"training": SHORT, "seeds": [0, 1], **settings}
        result = autosample.search(timed if has_order else data, **fields)
        result.save(out / name)


def _arrays() -> tuple[np.ndarray, np.ndarray]:
    """Return 300 users' and 120 items' interactions in eight tastes: (E,) and (E,)."""
    rng = np.random.default_rng(11)
    users_E = rng.integers(300, size=9000)
    tastes_E = np.where(rng.random(9000) < 0.7, users_E % 8, rng.integers(8, size=9000))
    items_E = tastes_E + 8 * np.minimum(rng.geometric(0.2, size=9000) - 1, 14)
    return users_E, items_E


def differences(before: Path, after: Path) -> Iterator[str]:
    """Yield what differs between the bundles of one case."""
    old, new = (load_file(path / "model.safetensors") for path in (before, after))
    if old.keys() != new.keys():
        yield f"tensors are {sorted(new)}, were {sorted(old)}"
    for name in old.keys() & new.keys():
        if old[name].tobytes() != new[name].tobytes():
            yield f"tensor {name} differs"
    for file in ("sampler.json", "config.json", "metrics.json", "trace.json"):
        left, right = (
            json.loads((path / file).read_text()) for path in (before, after)
        )
        yield from _unlike(renamed(left), right, file)


def renamed(value: Any) -> Any:
    """Return JSON of the commit before with the keys of today."""
    if isinstance(value, dict):
        return {RENAMED.get(key, key): renamed(inner) for key, inner in value.items()}
    return [renamed(inner) for inner in value] if isinstance(value, list) else value


def _unlike(left: Any, right: Any, where: str) -> Iterator[str]:
    """Yield where two JSON values differ; keys that are new today are no difference."""
    if isinstance(left, dict) and isinstance(right, dict):
        # What ends in "seconds" is a clock.
        kept = (k for k in sorted(left.keys() - PROSE) if not k.endswith("seconds"))
        pairs = [(f"{where}.{k}", left[k], right.get(k, "missing")) for k in kept]
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = [
            (f"{where}[{at}]", *pair)
            for at, pair in enumerate(zip(left, right, strict=True))
        ]
    else:
        if left != right:
            yield f"{where} is {right!r}, was {left!r}"
        return
    for inner, before, after in pairs:
        yield from _unlike(before, after, inner)


def _run_in(checkout: Path, out: Path) -> None:
    script = Path(__file__).resolve()
    paths = {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), "--run", str(out)]
    subprocess.run(command, cwd=checkout, env=os.environ | paths, check=True)


def compare(commit: str) -> int:
    """Run both checkouts and print what differs; returns the number of differences."""
    count = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkout = folder / "checkout"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", str(checkout), commit], check=True)
        try:
            _run_in(checkout, folder / "before")
        finally:
            subprocess.run([*git, "remove", "--force", str(checkout)], check=True)
        _run_in(ROOT, folder / "after")
        for case in CASES:
            lines = list(differences(folder / "before" / case, folder / "after" / case))
            print(f"{case}: {'equal' if not lines else f'{len(lines)} differences'}")
            print("".join(f"    {line}\n" for line in lines[:20]), end="")
            count += len(lines)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", help="commit to compare with")
    parser.add_argument("--run", type=Path, help="run the cases and write them here")
    options = parser.parse_args()
    if options.run:
        run_cases(options.run)
    else:
        sys.exit(min(compare(options.before), 1))


if __name__ == "__main__":
    main()
