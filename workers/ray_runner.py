"""Runs a job's trials on the actors of a pool, and again if their processes die."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayActorError

from autosample.data.splits import Split
from autosample.errors import SearchFailed
from autosample.trials import OnEpoch, Request, TrialResult, TrialRunner
from autosample.trials.checkpoints import Checkpoints
from autosample.trials.reuse import ReusingRunner, TrainingStore
from autosample.trials.study import Study, Tried
from workers.ray_pool import RayPool

_log = logging.getLogger(__name__)

LOOK = 0.2
"""Seconds between two looks at running trials."""
POLL = 2.0
"""Seconds that an actor may take to answer a poll."""
DEATHS = 3
"""Processes that one trial may lose before its search fails."""


@dataclass
class Running:
    """A trial that an actor runs."""

    at: int
    """Index of its request."""
    actor: Any
    ready: Any
    """Reference that Ray fulfils once the actor runs."""
    started: bool = False
    """Whether the actor was seen to run, or to have died."""
    moved: float = field(default_factory=time.monotonic)
    """When it last reported an epoch, or was started."""


@dataclass
class RayRunner:
    """Runs a job's trials on a pool; `tick` is called often and may raise to stop.

    Parameters go through the checkpoints, which the next attempt needs anyway. Through
    Ray go only settings, data, and results without their parameters.
    """

    pool: RayPool
    split: Split
    checkpoints: Checkpoints
    tick: Callable[[], None]
    _split_ref: Any = field(init=False)

    def __post_init__(self) -> None:
        self._split_ref = ray.put(self.split)  # once per job, shared by all its trials

    @property
    def parallel(self) -> int:
        return self.pool.size

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        batch = _Batch(self, requests, on_epoch)
        try:
            while batch.is_unfinished:
                batch.fill()
                ended = batch.wait()
                self.pool.watch.check()
                self.tick()
                batch.collect(ended)
        finally:
            batch.stop()
        return [batch.results[at] for at in range(len(requests))]

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        """Run a study on Ray Tune, which starts its own processes."""
        # Loading Ray Tune takes a second, so only studies do.
        from workers.tune import run_study  # noqa: PLC0415

        self.pool.kill_idle()
        gpus = self.pool.gpus
        return run_study(
            study, self.split, self.checkpoints, on_epoch, self.tick, gpus=gpus
        )

    def start(self, actor: Any, request: Request) -> Any:
        """Start a trial on an actor; returns the reference of its result."""
        for source in request.sources:
            if source.reused:
                # An earlier search ran it: it is not among the checkpoints of this one.
                raw = source.to_bytes(done=True)
                self.checkpoints.save(source.trial.digest, raw)
        text = request.trial.model_dump_json()
        return actor.run.remote(text, self._split_ref, self.checkpoints)


class _Batch:
    """The trials of one call of `run`: waiting, running or finished."""

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
    def is_unfinished(self) -> bool:
        return bool(self.waiting or self.running)

    def fill(self) -> None:
        """Start waiting trials while there are free cores."""
        while self.waiting and len(self.running) < self.pool.size:
            at = self.waiting.popleft()
            actor = self.pool.take()
            ready = actor.ready.remote()
            ref = self.runner.start(actor, self.requests[at])
            self.running[ref] = Running(at, actor, ready)

    def wait(self) -> list[Any]:
        """Return the references of trials that ended, after at most `LOOK` seconds."""
        refs = list(self.running)
        ended: list[Any] = ray.wait(refs, num_returns=1, timeout=LOOK)[0]
        return ended

    def collect(self, ended: Sequence[Any]) -> None:
        """Take the results of trials that ended, and the epochs of the others."""
        for ref, running in list(self.running.items()):
            if not _has_started(running):
                if self.pool.has_idle:
                    # Another trial holds the core that this actor waits for, and an
                    # idle actor holds one already: the trial is given to that one.
                    del self.running[ref]
                    self.pool.kill(running.actor)
                    self.waiting.appendleft(running.at)
                continue
            outcome = self._poll(ref, running, ref in ended)
            if outcome is not None:
                del self.running[ref]
                self._settle(running, outcome)

    def _poll(
        self, ref: Any, running: Running, done: bool
    ) -> TrialResult | Exception | None:
        """Report new epochs; returns the result, a death, or None while it runs."""
        trial = self.requests[running.at].trial
        try:
            epochs = running.actor.poll.remote()
            # Ray is slow to notice that a node is lost; the other trials must not wait.
            if ray.wait([epochs], timeout=POLL)[0]:
                for epoch in ray.get(epochs):
                    running.moved = time.monotonic()
                    self.on_epoch(trial, epoch)
            if not done:
                return self._kill_if_stalled(running)
            result = TrialResult.from_bytes(ray.get(ref))[0]
            return result.kept_in(self.runner.checkpoints)
        except RayActorError as error:
            _log.warning("the process of trial %s died: %s", trial.name, error)
            return error

    def _kill_if_stalled(self, running: Running) -> TimeoutError | None:
        """Kill an actor that hangs; returns the error that counts as its death."""
        if time.monotonic() - running.moved <= self.pool.stall:
            return None
        self.pool.kill(running.actor)
        name = self.requests[running.at].trial.name
        _log.warning("trial %s hangs; its process is replaced", name)
        return TimeoutError(f"no epoch ended in {self.pool.stall:.0f} seconds")

    def _settle(self, running: Running, outcome: TrialResult | Exception) -> None:
        """Keep a result, or let the trial wait for another actor after a death."""
        at = running.at
        if isinstance(outcome, TrialResult):
            self.results[at] = outcome
            self.pool.give_back(running.actor)
            return
        self.pool.watch.check(now=True)  # all its processes die with Ray
        self.deaths[at] += 1
        if self.deaths[at] >= DEATHS:
            name = self.requests[at].trial.name
            raise SearchFailed(f"{name}: its process died, {outcome}")
        self.waiting.appendleft(at)

    def stop(self) -> None:
        """Kill the actors of trials that still run."""
        for running in self.running.values():
            self.pool.kill(running.actor)


def _has_started(running: Running) -> bool:
    """Tell whether the actor of a trial runs, or has died while starting."""
    if not running.started:
        running.started = bool(ray.wait([running.ready], timeout=0)[0])
        running.moved = time.monotonic()
    return running.started


@dataclass(frozen=True)
class JobRunners:
    """Makes the runners of one job: on the pool, reusing trainings of its data set."""

    pool: RayPool
    trainings: TrainingStore

    def make(
        self, split: Split, checkpoints: Checkpoints, tick: Callable[[], None]
    ) -> TrialRunner:
        """Return the runner of the trials on a split."""
        runner = RayRunner(self.pool, split, checkpoints, tick)
        return ReusingRunner(runner, split, self.trainings)
