"""Warm Ray actors that train: one torch thread each, replaced when they die."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import torch

from autosample.data.splits import Split
from autosample.errors import SpecError
from autosample.jobs.settings import Settings
from autosample.training import Epoch
from autosample.trials import Request, Trial, load_stored
from autosample.trials.checkpoints import Checkpoints
from autosample.trials.run import run_trial
from workers.ray_watch import RayWatch, addresses_of_ray

STARTING = 180.0
"""Seconds after which a process for trials must have started."""


class TrialActor:
    """A process that runs one trial at a time; a second thread answers `poll`."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._epochs: deque[Epoch] = deque()

    def ready(self) -> bool:
        """Answer, once the process runs and has loaded torch."""
        return True

    def run(self, text: str, split: Split, checkpoints: Checkpoints) -> bytes:
        """Run a trial and return its result without the state that checkpoints hold."""
        self._epochs.clear()
        trial = Trial.model_validate_json(text)
        sources = [load_stored(digest, checkpoints) for digest in trial.sources]
        request = Request.from_sources(trial, sources)
        result = run_trial(request, split, self._queue, checkpoints)
        return result.without_state().to_bytes(done=True)

    def _queue(self, _: Trial, epoch: Epoch) -> None:
        self._epochs.append(epoch)

    def poll(self) -> list[Epoch]:
        """Return the epochs that ended since the last poll."""
        return [self._epochs.popleft() for _ in range(len(self._epochs))]


class RayPool:
    """A connection to Ray, and actors that stay warm from job to job."""

    def __init__(
        self,
        settings: Settings,
        folder: Path | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        """Connect to the settings' cluster, or start Ray with its files in a folder.

        `on_lost` is called, in a thread of its own, if Ray is lost later.

        A Ray that this process is connected to already is used as it is. Raises
        SpecError where Ray cannot be reached, or has no room for as many trials.
        """
        self.size = settings.trials or os.cpu_count() or 1
        self.is_own = not ray.is_initialized()
        if self.is_own:
            _start(settings, self.size, folder)
        self.size = _size_within(self.size, settings)
        self.stall = settings.stall
        # Trials share the machine's GPUs evenly; without a share Ray hides them.
        self.gpus = min(1.0, torch.cuda.device_count() / self.size)
        actor: Any = ray.remote(TrialActor)
        # Two threads: one trains, the other answers `poll`.
        options = {"num_cpus": 1, "num_gpus": self.gpus, "max_concurrency": 2}
        self._make = actor.options(**options).remote
        self._idle = [self._make() for _ in range(self.size)]
        self._await_actors()
        self.watch = RayWatch(addresses_of_ray(), on_lost)

    def _await_actors(self) -> None:
        """Wait until all actors run; raises SpecError where one does not start."""
        asked = [actor.ready.remote() for actor in self._idle]
        ready, late = ray.wait(asked, num_returns=len(asked), timeout=STARTING)
        try:
            ray.get(ready)
        except ray.exceptions.RayError as error:
            raise SpecError(f"a process for trials did not start: {error}") from error
        if late:
            raise SpecError(
                f"{len(late)} of {self.size} processes for trials did not start in"
                f" {STARTING:.0f} s: Ray has no free CPU for them; run fewer trials at"
                " a time, or free some"
            )

    def take(self) -> Any:
        """Return a warm actor, or a new one, which may wait for a free core."""
        return self._idle.pop() if self._idle else self._make()

    @property
    def has_idle(self) -> bool:
        """Whether an idle actor is there to take."""
        return bool(self._idle)

    def give_back(self, actor: Any) -> None:
        """Keep an actor that has done its work for the next trial."""
        self._idle.append(actor)

    def kill(self, actor: Any) -> None:
        """Kill an actor, even while it trains; the next `take` makes another."""
        ray.kill(actor)

    def kill_idle(self) -> None:
        """Kill idle actors, so that other processes get their cores."""
        while self._idle:
            ray.kill(self._idle.pop())

    def shutdown(self) -> None:
        """End Ray, or leave the cluster; a Ray that is not ours stays as it was."""
        self.watch.stop()
        if self.is_own:
            ray.shutdown()
        else:
            self.kill_idle()


def _start(settings: Settings, size: int, folder: Path | None) -> None:
    """Start a Ray of this machine, or connect to a cluster."""
    # No reports to Ray's makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    start: dict[str, Any] = {"address": settings.ray_address or "local"}
    if settings.ray_address is None:
        start |= {
            "num_cpus": size,
            "object_store_memory": settings.object_store,
            "include_dashboard": False,
        }
        if folder is not None:
            start["_temp_dir"] = str(folder)
    try:
        ray.init(
            **start,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}},
        )
    except (ConnectionError, RuntimeError, OSError, ValueError) as error:
        where = settings.ray_address or "a Ray of this machine"
        first = str(error).strip().partition("\n")[0]
        raise SpecError(
            f"{where} cannot be used ({first}); check AUTOSAMPLE_RAY_ADDRESS, the"
            " cluster's RAY_AUTH_TOKEN if it asks for one, and the free disk space"
        ) from error


def _size_within(size: int, settings: Settings) -> int:
    """Return how many trials run at a time: those that were asked for, or as many as a
    Ray of this process has CPUs. Raises SpecError where a cluster has fewer."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cpus = int(resources.get("CPU", 0))
    if size <= cpus:
        return size
    if settings.ray_address is not None and settings.trials is not None:
        raise SpecError(
            f"the cluster has {cpus} CPUs, and AUTOSAMPLE_TRIALS asks for {size} trials"
            " at a time; ask for fewer, or add nodes"
        )
    if cpus < 1:
        raise SpecError("Ray has no CPU for trials; start it with at least one")
    return cpus
