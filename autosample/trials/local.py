"""Who runs trials where there is no service: this process, or a local Ray."""

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
    """Return what runs a search's trials, `parallel` at a time, while the block lasts.

    More than one at a time run on a Ray of this machine's own, which the block starts
    and ends; so do searches that need Ray Tune (`on_ray`), by default with one trial
    per core. `reuse` is where trainings from scratch are kept and looked up. Raises
    SpecError where Ray is needed and not installed.
    """
    store = None if reuse is None else TrainingStore(reuse)

    def kept(runners: Runners) -> Runners:
        return runners if store is None else reusing(runners, store)

    if not (on_ray or (parallel or 1) > 1):
        yield kept(InProcessRunner)
        return
    with _ray(parallel) as runners:
        yield kept(runners)


@contextmanager
def _ray(parallel: int | None) -> Iterator[Runners]:
    # By name: the library does not import what runs it.
    found = entry_points(group=GROUP, name="ray")
    try:
        [local] = [point.load() for point in found]
    except (ValueError, ImportError) as error:
        raise SpecError(
            "trials in parallel, strategy asha and `tune` run on Ray: install it with"
            " pip install 'autosample[service]'"
        ) from error
    with local(parallel) as runners:
        yield runners
