"""Trials on Ray: warm actors, one torch thread each, replaced when they die."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError

from autosample.data.splits import Split
from autosample.errors import SearchFailed
from autosample.jobs.settings import Settings
from autosample.training import Epoch
from autosample.trials import OnEpoch, Request, Trial, TrialResult, stored
from autosample.trials.checkpoints import Checkpoints
from autosample.trials.run import run_trial
from autosample.trials.study import Study, Tried

_log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between looks at running trials
POLL = 2.0  # seconds that an actor may take to tell how far it is
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

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        """Start Ray, with its files in a folder that somebody deletes, or connect."""
        self.size = settings.trials or os.cpu_count() or 1
        self.stall = settings.stall
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves here
        start: dict[str, Any] = {"address": settings.ray_address or "local"}
        if settings.ray_address is None:
            start |= {
                "num_cpus": self.size,
                "object_store_memory": settings.object_store,
                "include_dashboard": False,
            }
            if folder is not None:
                start["_temp_dir"] = str(folder)
        ray.init(
            **start,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}},
        )
        # Trials share the machine's GPUs evenly; without a share Ray hides them.
        self.gpus = min(1.0, torch.cuda.device_count() / self.size)
        actor: Any = ray.remote(TrialActor)
        # Two threads: one trains, the other answers `poll`.
        options = {"num_cpus": 1, "num_gpus": self.gpus, "max_concurrency": 2}
        self._make = actor.options(**options).remote
        self._idle = [self._make() for _ in range(self.size)]
        ray.get([actor.ready.remote() for actor in self._idle])

    def take(self) -> Any:
        """Return a warm actor, or a new one, which may have to wait for its place."""
        return self._idle.pop() if self._idle else self._make()

    @property
    def has_idle(self) -> bool:
        """Whether a warm actor waits for work."""
        return bool(self._idle)

    def give_back(self, actor: Any) -> None:
        self._idle.append(actor)

    def kill(self, actor: Any) -> None:
        """End an actor, whatever it is doing; the next `take` makes another."""
        ray.kill(actor)

    def rest(self) -> None:
        """End idle actors, whose places others are to have."""
        while self._idle:
            ray.kill(self._idle.pop())

    def shutdown(self) -> None:
        ray.shutdown()


@dataclass
class Running:
    """A trial under way."""

    at: int
    actor: Any
    ready: Any
    """Is there once the actor has a place to run."""
    started: bool = False
    moved: float = field(default_factory=time.monotonic)
    """When it last told of a pass, or began."""


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
        under_way = _Round(self, requests, on_epoch)
        try:
            while under_way.left:
                under_way.fill()
                done = under_way.wait()
                self.tick()
                under_way.look(done)
        finally:
            under_way.stop()
        return [under_way.results[at] for at in range(len(requests))]

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        """Run a study on Ray Tune, which starts processes of its own."""
        # A second to load, for those who tune.
        from workers.tune import run_study  # noqa: PLC0415

        self.pool.rest()
        gpus = self.pool.gpus
        return run_study(
            study, self.split, self.checkpoints, on_epoch, self.tick, gpus=gpus
        )

    def start(self, actor: Any, request: Request) -> Any:
        """Let an actor run a trial; returns what will be its result."""
        if request.start is not None and request.start.reused:
            # An earlier search ran it, so that its state is not where this one's are.
            started = request.start.to_bytes(done=True)
            self.checkpoints.save(request.start.trial.digest, started)
        text = request.trial.model_dump_json()
        return actor.run.remote(text, self._split_ref, self.checkpoints)


class _Round:
    """Trials that run together, and where each stands."""

    def __init__(
        self, runner: RayRunner, requests: Sequence[Request], on_epoch: OnEpoch
    ) -> None:
        self.runner, self.pool = runner, runner.pool
        self.requests, self.on_epoch = requests, on_epoch
        self.waiting = deque(range(len(requests)))
        self.deaths = [0] * len(requests)
        self.running: dict[Any, Running] = {}
        self.results: dict[int, TrialResult] = {}

    @property
    def left(self) -> bool:
        return bool(self.waiting or self.running)

    def fill(self) -> None:
        """Start what there is room for."""
        while self.waiting and len(self.running) < self.pool.size:
            at = self.waiting.popleft()
            actor = self.pool.take()
            ready = actor.ready.remote()
            started = self.runner.start(actor, self.requests[at])
            self.running[started] = Running(at, actor, ready)

    def wait(self) -> list[Any]:
        """Return what ended, after a little while at most."""
        done: list[Any] = ray.wait(list(self.running), num_returns=1, timeout=LOOK)[0]
        return done

    def look(self, done: Sequence[Any]) -> None:
        """Take in what ended and how far the others are."""
        for ref, each in list(self.running.items()):
            if not _has_started(each):
                if self.pool.has_idle:  # its place is taken: there is another actor
                    del self.running[ref]
                    self.pool.kill(each.actor)
                    self.waiting.appendleft(each.at)
                continue
            ended = self._ended(ref, each, ref in done)
            if ended is not None:
                del self.running[ref]
                self._settle(each, ended)

    def _ended(
        self, ref: Any, running: Running, done: bool
    ) -> TrialResult | Exception | None:
        """Tell of new passes; returns the result, a death, or None while it runs."""
        trial = self.requests[running.at].trial
        try:
            told = running.actor.poll.remote()
            # Of a node that is gone, Ray takes its time to say so: others go on.
            if ray.wait([told], timeout=POLL)[0]:
                for epoch in ray.get(told):
                    running.moved = time.monotonic()
                    self.on_epoch(trial, epoch)
            if not done:
                return self._stalled(running)
            result = TrialResult.from_bytes(ray.get(ref))[0]
            return result.kept_in(self.runner.checkpoints)
        except RayActorError as error:
            _log.warning("the process of trial %s died: %s", trial.name, error)
            return error

    def _stalled(self, running: Running) -> TimeoutError | None:
        """Kill an actor that hangs; returns what it died of."""
        if time.monotonic() - running.moved <= self.pool.stall:
            return None
        self.pool.kill(running.actor)
        name = self.requests[running.at].trial.name
        _log.warning("trial %s hangs, its process is replaced", name)
        return TimeoutError(f"no pass ended in {self.pool.stall:.0f} seconds")

    def _settle(self, running: Running, ended: TrialResult | Exception) -> None:
        """Keep a result, or let the trial wait for another actor."""
        at = running.at
        if isinstance(ended, TrialResult):
            self.results[at] = ended
            self.pool.give_back(running.actor)
            return
        self.deaths[at] += 1
        if self.deaths[at] >= DEATHS:
            name = self.requests[at].trial.name
            raise SearchFailed(f"{name}: its process died, {ended}")
        self.waiting.appendleft(at)

    def stop(self) -> None:
        """Kill what still runs."""
        for each in self.running.values():
            self.pool.kill(each.actor)


def _has_started(running: Running) -> bool:
    """Tell whether an actor runs, or has died trying."""
    if not running.started:
        running.started = bool(ray.wait([running.ready], timeout=0)[0])
        running.moved = time.monotonic()
    return running.started
