"""Read an uploaded file in a process of its own, within limits.

A Parquet file of a few hundred bytes can ask for gigabytes, a gzip file of a few KiB
can unpack to gigabytes, and a parser may crash. Each of these ends only the child
process, and the parent says why.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autosample.data.dataset import Dataset, load_dataset
from autosample.data.options import ReadOptions
from autosample.data.preview import Preview, preview
from autosample.errors import DataError

BAD, TOO_MUCH, UNFORESEEN = 3, 4, 5
"""Exit codes of the child: the file breaks a rule, it needs too much memory, or the
reader met something that it was not written for."""

_log = logging.getLogger(__name__)


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
    request = {
        "paths": [str(path) for path in paths],
        "options": options.model_dump(mode="json"),
        "folder": str(folder),
    }
    _run_child(request, memory, seconds)
    return Dataset.load(folder)


def preview_apart(path: Path, *, memory: int, seconds: float) -> Preview:
    """Return the preview of a file, as `preview` does.

    `memory` is in bytes of address space. Raises DataError as `read_apart` does.
    """
    answer = _run_child({"preview": str(path)}, memory, seconds)
    return Preview.model_validate_json(answer)


def _run_child(request: Mapping[str, Any], memory: int, seconds: float) -> str:
    """Return what a child process prints in answer to a request."""
    command = [sys.executable, "-P", "-m", "autosample.data.apart"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps({**request, "memory": memory}),
            capture_output=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONUTF8": "1"},
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(
            f"reading the file took more than {seconds:g} s; give a smaller one, or"
            " Parquet, which is read faster"
        ) from None
    if done.returncode == 0:
        return done.stdout
    if done.returncode in (BAD, UNFORESEEN):
        if done.stderr:
            _log.error("the reader of a file failed:\n%s", done.stderr)
        raise DataError(json.loads(done.stdout)["error"])
    if done.returncode != TOO_MUCH:
        _log.error("the reader of a file ended with %d", done.returncode)
        _log.error("%s", done.stderr[-4000:])
    raise DataError(_ended(done.returncode, memory))


def _ended(code: int, memory: int) -> str:
    """Say why a child ended without an answer."""
    limit = f"{memory >> 20} MiB"
    if code == TOO_MUCH:
        return f"reading the file needs more than {limit}; give a smaller one"
    return (
        f"reading the file ended with signal {-code}: it is damaged, or it needs more"
        f" than {limit}"
    )


def _child() -> int:
    request = json.loads(sys.stdin.read())
    limit = request["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.stdout.write(_answer(request))
    except DataError as error:
        sys.stdout.write(json.dumps({"error": str(error)}))
        return BAD
    except MemoryError:  # Arrow's is one, too
        return TOO_MUCH
    except Exception as error:  # the boundary of the child: its words go to the answer
        traceback.print_exc()
        words = str(error).partition("\n")[0][:200]
        what = f"the file cannot be read ({type(error).__name__}: {words})"
        sys.stdout.write(json.dumps({"error": what}))
        return UNFORESEEN
    return 0


def _answer(request: Mapping[str, Any]) -> str:
    if "preview" in request:
        return preview(Path(request["preview"])).model_dump_json()
    paths = [Path(path) for path in request["paths"]]
    options = ReadOptions.model_validate(request["options"])
    test = paths[1] if paths[1:] else None
    load_dataset(paths[0], options, test=test).save(Path(request["folder"]))
    return ""


if __name__ == "__main__":
    sys.exit(_child())
