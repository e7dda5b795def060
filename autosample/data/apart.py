"""Read an uploaded file in a process of its own, within limits."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autosample.core.apart import Limits, answer_request, run_apart
from autosample.data.dataset import Dataset, load_dataset
from autosample.data.options import ReadOptions
from autosample.data.preview import Preview, preview

READING = "reading the file"


def read_apart(
    paths: Sequence[Path], options: ReadOptions, folder: Path, limits: Limits
) -> Dataset:
    """Read a file, perhaps with a test file and a validation file, as `load_dataset`
    does; `paths` are in this order.

    `folder` is a new one for what was read. Raises DataError, also where a limit was
    met or the reader crashed.
    """
    request = {
        "paths": [str(path) for path in paths],
        "options": options.model_dump(mode="json"),
        "folder": str(folder),
    }
    run_apart("autosample.data.apart", request, limits, READING)
    return Dataset.load(folder)


def preview_apart(path: Path, limits: Limits) -> Preview:
    """Return the preview of a file, as `preview` does.

    Raises DataError as `read_apart` does.
    """
    request = {"preview": str(path)}
    answer = run_apart("autosample.data.apart", request, limits, READING)
    return Preview.model_validate_json(answer)


def _answer(request: Mapping[str, Any]) -> str:
    if "preview" in request:
        return preview(Path(request["preview"])).model_dump_json()
    paths = [Path(path) for path in request["paths"]]
    options = ReadOptions.model_validate(request["options"])
    train, test, valid = (*paths, None, None)[:3]
    dataset = load_dataset(train, options, test=test, valid=valid)
    dataset.save(Path(request["folder"]))
    return ""


if __name__ == "__main__":
    sys.exit(answer_request(_answer))
