"""Log a search's metrics to TensorBoard, MLflow or another tracker.

    autosample.search(data, tell=tensorboard("runs/first"))

Each training of the search is logged by epoch under `search/<candidate>`, the final
training under `training`, and a mixture's weights under `weight/<candidate>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from autosample.core.events import EpochEnded
from autosample.core.progress import Listener, Progress, Stage
from autosample.errors import SpecError

LogMetric = Callable[[str, float, int], None]
"""Logs a value, its second argument, under a name and at a step."""


def tracker(log: LogMetric) -> Listener:
    """Return a listener for `autosample.search(tell=...)` that calls `log`."""

    def listen(progress: Progress) -> None:
        event = progress.event
        if not isinstance(event, EpochEnded):
            return
        if progress.stage is Stage.SEARCHING:
            log(f"search/{event.trial}", event.metric, event.epoch)
            for name, weight in (event.weights or {}).items():
                log(f"weight/{name}", weight, event.epoch)
        elif progress.stage is Stage.RETRAINING:
            log("training", event.metric, event.epoch)

    return listen


def both(first: Listener, second: Listener) -> Listener:
    """Return a listener that calls two listeners with each report of progress."""

    def listen(progress: Progress) -> None:
        first(progress)
        second(progress)

    return listen


def tensorboard(folder: Path | str) -> Listener:
    """Return a listener that logs to a folder that TensorBoard reads.

    Raises SpecError where tensorboardX is not installed.
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
    """Return a listener that logs to MLflow's current run, or to one of `experiment`.

    Raises SpecError where mlflow is not installed.
    """
    try:
        import mlflow as client  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SpecError("logging to MLflow needs mlflow: pip install mlflow") from error
    if experiment is not None:
        client.set_experiment(experiment)

    def log(name: str, value: float, step: int) -> None:
        client.log_metric(_plain(name), value, step=step)

    return tracker(log)


def _plain(name: str) -> str:
    """Return a name with the characters that MLflow does not take replaced."""
    return re.sub(r"[^\w\-. /]", "_", name)
