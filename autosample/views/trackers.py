"""Log a search's metrics to TensorBoard, MLflow or another tracker.

    autosample.search(data, tell=tensorboard("runs/first"))

Each training of the search becomes a curve `search/<candidate>`, the final one
`training`, by epochs; a mixture's weights become `weight/<candidate>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from autosample.core.events import EpochEnded
from autosample.core.progress import Listener, Progress, Stage
from autosample.errors import SpecError

LogMetric = Callable[[str, float, int], None]
"""Logs a value under a name at a step."""


def tracker(log: LogMetric) -> Listener:
    """Return a listener for `autosample.search(tell=...)` that logs with a function."""

    def tell(progress: Progress) -> None:
        event = progress.event
        if not isinstance(event, EpochEnded):
            return
        if progress.stage is Stage.SEARCHING:
            log(f"search/{event.trial}", event.metric, event.epoch)
            for name, weight in (event.weights or {}).items():
                log(f"weight/{name}", weight, event.epoch)
        elif progress.stage is Stage.RETRAINING:
            log("training", event.metric, event.epoch)

    return tell


def both(first: Listener, second: Listener) -> Listener:
    """Return a listener that passes each report on to two."""

    def tell(progress: Progress) -> None:
        first(progress)
        second(progress)

    return tell


def tensorboard(folder: Path | str) -> Listener:
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


def mlflow(experiment: str | None = None) -> Listener:
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
