"""Runners for the library and the command line: this process, or a local Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

from autosample.errors import SpecError
from autosample.trials.reuse import TrainingStore, reusing
from autosample.trials.run import InProcessRunner
from autosample.trials.runner import Runners

GROUP = "autosample.runners"


@contextmanager
def runners_for(
    *, on_ray: bool = False, parallel: int | None = None, reuse: Path | None = None
) -> Iterator[Runners]:
    """Yield what makes the runner of a search, with `parallel` trials at a time.

    Several trials at a time run on a local Ray, which this context manager starts and
    stops; so do searches that need Ray Tune (`on_ray`), by default with one trial per
    core. `reuse` is the folder in which trainings from scratch are kept for later
    searches. Raises SpecError where Ray is needed and not installed.
    """
    store = None if reuse is None else TrainingStore(reuse)

    def with_store(runners: Runners) -> Runners:
        return runners if store is None else reusing(runners, store)

    if not (on_ray or (parallel or 1) > 1):
        yield with_store(InProcessRunner)
        return
    with _start_ray(parallel) as runners:
        yield with_store(runners)


@contextmanager
def _start_ray(parallel: int | None) -> Iterator[Runners]:
    # An entry point, since the library may not import `workers`, where Ray is used.
    points = entry_points(group=GROUP, name="ray")
    try:
        [local_ray] = [point.load() for point in points]
    except (ValueError, ImportError) as error:
        raise SpecError(
            "trials in parallel, strategy asha and `tune` run on Ray: install it with"
            " pip install 'autosample[service]'"
        ) from error
    with local_ray(parallel) as runners:
        yield runners
