"""A search's metrics where a team keeps its others: TensorBoard, MLflow, or elsewhere.

    autosample.search(data, tell=tensorboard("runs/first"))

Each training of the search becomes a curve `search/<candidate>`, the final one
`training`, by passes; a mixture's weights become `weight/<candidate>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from autosample.core.progress import (
    Progress,
    Report,
    Stage,
)
from autosample.errors import SpecError

Log = Callable[[str, float, int], None]
"""Is called with a name, a value and a step."""


def tracker(log: Log) -> Report:
    """Return a listener for `autosample.search(tell=...)` that logs by a function."""

    def tell(progress: Progress) -> None:
        data = progress.data
        if progress.kind != "epoch":
            return
        step = int(data["epoch"])
        if progress.stage is Stage.SEARCHING:
            log(f"search/{data['trial']}", data["metric"], step)
            for name, weight in data.get("weights", {}).items():
                log(f"weight/{name}", weight, step)
        elif progress.stage is Stage.RETRAINING:
            log("training", data["metric"], step)

    return tell


def both(first: Report, second: Report) -> Report:
    """Return a listener that tells two."""

    def tell(progress: Progress) -> None:
        first(progress)
        second(progress)

    return tell


def tensorboard(folder: Path | str) -> Report:
    """Log to a folder that TensorBoard reads; needs the package tensorboardX.

    Raises SpecError where that is not installed.
    """
    try:
        from tensorboardX import SummaryWriter  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SpecError(
            "logging to TensorBoard needs tensorboardX: pip install tensorboardX"
        ) from error
    writer = SummaryWriter(str(folder), flush_secs=10)

    def log(name: str, value: float, step: int) -> None:
        writer.add_scalar(name, value, step)
        writer.flush()

    return tracker(log)


def mlflow(experiment: str | None = None) -> Report:
    """Log to MLflow's current run, or to a new one of an experiment; needs mlflow.

    Raises SpecError where that is not installed.
    """
    try:
        import mlflow as client  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SpecError("logging to MLflow needs it: pip install mlflow") from error
    if experiment is not None:
        client.set_experiment(experiment)

    def log(name: str, value: float, step: int) -> None:
        client.log_metric(_plain(name), value, step=step)

    return tracker(log)


def _plain(name: str) -> str:
    """Return a name of the characters that MLflow takes."""
    return re.sub(r"[^\w\-. /]", "_", name)
