"""Trials on Ray: warm actors, one torch thread each, replaced when they die."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError

from autosample.checkpoints import Checkpoints
from autosample.data.splits import Split
from autosample.errors import SearchFailed
from autosample.jobs.settings import Settings
from autosample.training import Epoch
from autosample.trials import (
    OnEpoch,
    Request,
    Trial,
    TrialResult,
    run_trial,
    stored,
)

_log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between looks at running trials
DEATHS = 3  # actors that one trial may lose before the job is given up


class TrialActor:
    """Runs one trial at a time; a second thread answers `poll`."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._epochs: deque[Epoch] = deque()

    def ready(self) -> bool:
        """Answer once torch is loaded."""
        return True

    def run(self, text: str, split: Split, checkpoints: Checkpoints) -> bytes:
        """Run a trial and return what is told of it; its state stays in checkpoints."""
        self._epochs.clear()
        trial = Trial.model_validate_json(text)
        start = stored(trial.start, checkpoints) if trial.start else None
        told: OnEpoch = lambda _, epoch: self._epochs.append(epoch)  # noqa: E731
        result = run_trial(Request(trial, start), split, told, checkpoints)
        return result.without_state().to_bytes(done=True)

    def poll(self) -> list[Epoch]:
        """Return the passes made since the last look."""
        return [self._epochs.popleft() for _ in range(len(self._epochs))]


class RayPool:
    """Ray, and actors that stay warm from job to job."""

    def __init__(self, settings: Settings) -> None:
        self.size = settings.trials or os.cpu_count() or 1
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves here
        start: dict[str, Any] = {"address": settings.ray_address or "local"}
        if settings.ray_address is None:
            start |= {
                "num_cpus": self.size,
                "object_store_memory": settings.object_store,
                "include_dashboard": False,
            }
        ray.init(
            **start,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}},
        )
        # Trials share the machine's GPUs evenly; without a share Ray hides them.
        share = min(1.0, torch.cuda.device_count() / self.size)
        actor: Any = ray.remote(TrialActor)
        # Two threads: one trains, the other answers `poll`.
        self._make = actor.options(num_cpus=1, num_gpus=share, max_concurrency=2).remote
        self._idle = [self._make() for _ in range(self.size)]
        ray.get([actor.ready.remote() for actor in self._idle])

    def take(self) -> Any:
        """Return a warm actor, or a new one."""
        return self._idle.pop() if self._idle else self._make()

    def give_back(self, actor: Any) -> None:
        self._idle.append(actor)

    def kill(self, actor: Any) -> None:
        """End an actor, whatever it is doing; the next `take` makes another."""
        ray.kill(actor)

    def shutdown(self) -> None:
        ray.shutdown()


@dataclass
class Running:
    """A trial under way."""

    at: int
    actor: Any


@dataclass
class RayRunner:
    """Runs a job's trials on a pool; `tick` is called often and may raise to stop.

    Parameters travel by way of the checkpoints, which the next attempt needs anyway;
    through Ray go only settings, the data and what is told of a result.
    """

    pool: RayPool
    split: Split
    checkpoints: Checkpoints
    tick: Callable[[], None]
    _split_ref: Any = field(init=False)

    def __post_init__(self) -> None:
        self._split_ref = ray.put(self.split)  # once a job, shared by all its trials

    @property
    def parallel(self) -> int:
        return self.pool.size

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        waiting = deque(range(len(requests)))
        deaths = [0] * len(requests)
        results: dict[int, TrialResult] = {}
        running: dict[Any, Running] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.pool.size:
                    at = waiting.popleft()
                    actor = self.pool.take()
                    running[self._start(actor, requests[at])] = Running(at, actor)
                done, _ = ray.wait(list(running), num_returns=1, timeout=LOOK)
                self.tick()
                for ref, each in list(running.items()):
                    trial = requests[each.at].trial
                    ended = self._look(ref, each, ref in done, trial, on_epoch)
                    if ended is None:
                        continue
                    del running[ref]
                    if isinstance(ended, TrialResult):
                        results[each.at] = ended
                        self.pool.give_back(each.actor)
                        continue
                    deaths[each.at] += 1
                    if deaths[each.at] >= DEATHS:
                        raise SearchFailed(f"{trial.name}: its process died, {ended}")
                    waiting.appendleft(each.at)
        finally:
            for each in running.values():
                self.pool.kill(each.actor)
        return [results[at] for at in range(len(requests))]

    def _start(self, actor: Any, request: Request) -> Any:
        text = request.trial.model_dump_json()
        return actor.run.remote(text, self._split_ref, self.checkpoints)

    def _look(
        self, ref: Any, running: Running, done: bool, trial: Trial, on_epoch: OnEpoch
    ) -> TrialResult | RayActorError | None:
        """Tell of new passes; returns the result, a death, or None while it runs."""
        try:
            for epoch in ray.get(running.actor.poll.remote()):
                on_epoch(trial, epoch)
            if not done:
                return None
            return TrialResult.from_bytes(ray.get(ref))[0].kept_in(self.checkpoints)
        except RayActorError as error:
            _log.warning("the process of trial %s died: %s", trial.name, error)
            return error
