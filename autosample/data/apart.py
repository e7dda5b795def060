"""Reads what somebody uploaded in a process of its own, within limits.

A Parquet file of a few hundred bytes can ask for gigabytes, a gzip of a few KiB unpack
to them, and a parser may crash. Here that ends the child, and the parent says why.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from autosample.data.dataset import Dataset, load_dataset
from autosample.data.options import ReadOptions
from autosample.errors import DataError

BAD, TOO_MUCH = 3, 4
"""Exit codes: what was read breaks a rule, or needs too much memory."""


def read_apart(
    paths: Sequence[Path],
    options: ReadOptions,
    folder: Path,
    *,
    memory: int,
    seconds: float,
) -> Dataset:
    """Read a file, perhaps with a test file, as `load_dataset` does.

    `folder` is a new one for what was read; `memory` is in bytes of address space.
    Raises DataError, also where a limit was met or the reader crashed.
    """
    asked = {
        "paths": [str(path) for path in paths],
        "options": options.model_dump(mode="json"),
        "folder": str(folder),
        "memory": memory,
    }
    command = [sys.executable, "-P", "-m", "autosample.data.apart"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(
            f"reading the file took more than {seconds:g} s; give a smaller one, or"
            " Parquet, which is read faster"
        ) from None
    if done.returncode == 0:
        return Dataset.load(folder)
    if done.returncode == BAD:
        raise DataError(json.loads(done.stdout)["error"])
    raise DataError(
        f"reading the file needs more than {memory >> 20} MiB, or it is damaged; give a"
        " smaller one"
    )


def _child() -> int:
    asked = json.loads(sys.stdin.read())
    limit = asked["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    paths = [Path(path) for path in asked["paths"]]
    options = ReadOptions.model_validate(asked["options"])
    try:
        test = paths[1] if paths[1:] else None
        load_dataset(paths[0], options, test=test).save(Path(asked["folder"]))
    except DataError as error:
        sys.stdout.write(json.dumps({"error": str(error)}))
        return BAD
    except MemoryError:  # Arrow's is one, too
        return TOO_MUCH
    return 0


if __name__ == "__main__":
    sys.exit(_child())
