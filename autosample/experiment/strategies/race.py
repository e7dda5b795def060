"""Race: successive halving on the validation metric, by where curves are heading.

Successive halving: Jamieson and Talwalkar, AISTATS 2016, arXiv:1502.07943. By what they
have reached, whoever is fast wins a short rung; so candidates are ranked by what they
would reach if they went on as in their last doubling of passes. Branches may part from
a warmed-up supernet instead of fresh parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, exp, log2

from autosample.errors import SearchFailed
from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import Comparison, compare, estimate
from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.plan import likely_passes
from autosample.experiment.strategies.task import Task
from autosample.samplers import Sampler, UniformSampler
from autosample.samplers.ranges import neighbours
from autosample.spec.compatibility import sampler_refusal
from autosample.spec.strategies import Race, Rung
from autosample.training import Training
from autosample.trials import Request, Start, TrialResult

Z_AT_ONE = 2.0  # standard errors behind the leader that cost a factor e in weight
SMOOTH = 2  # passes at least that a point of a curve is the mean of
RECENT = 4  # or the last quarter of the passes, where that is more


@dataclass(frozen=True)
class Runner:
    """A candidate in the race."""

    sampler: Sampler
    result: TrialResult | None = None
    versus_uniform: Comparison | None = None
    versus_uniform_after: int | None = None
    """Passes of each then."""
    weight: float = 0.0
    error: str | None = None
    curve: tuple[float, ...] = ()
    """Validation metric after each pass of its own."""

    @property
    def values_U(self) -> Values:
        assert self.result is not None
        return self.result.last_U

    @property
    def metric(self) -> float:
        return float(self.values_U.mean())

    def heading(self, doublings: float, planned: int) -> float:
        """Return the metric after so many more doublings of its passes, if each gained
        as much as the last: curves are near straight over the logarithm of passes.

        Of doublings there are no more than the passes `planned` have room for. It is
        never less than the best it has been at, which early stopping would keep.
        """
        half = len(self.curve) // 2
        if not doublings or half == 0:
            return self.curve[-1]
        doublings = min(doublings, max(log2(planned / len(self.curve)), 0.0))
        now, then = _level(self.curve), _level(self.curve[:half])
        best = max(_level(self.curve[:end]) for end in range(2, len(self.curve) + 1))
        return max(now + doublings * max(now - then, 0.0), best)


def race(task: Task, settings: Race) -> SearchResult:
    """Warm up, then let branches train on in rungs, each dropping the worse."""
    samplers = task.spec.samplers
    task.planned = likely_passes(task.spec)
    supernet = _warm_up(task, settings)
    field = [Runner(sampler, weight=1 / len(samplers)) for sampler in samplers]
    left = field
    for number, rung in enumerate(settings.rungs or (), start=1):
        ran = {runner.sampler for runner in left}
        left = _run_rung(task, settings, rung, left, supernet)
        known = {runner.sampler: runner for runner in left}
        field = [
            known.get(runner.sampler, replace(runner, weight=0.0)) for runner in field
        ]
        left = _keep(left, rung.keep, settings, task.spec.training.epochs)
        left = _weighted(left)
        known = {runner.sampler: runner for runner in left}
        field = [
            known.get(runner.sampler, replace(runner, weight=0.0)) for runner in field
        ]
        task.note("rung", **_told(number, field, left, ran))
        if not left:
            raise SearchFailed(_failures(field))
        if len(left) == 1:
            break
    winner = left[0]
    for _ in range(settings.refine):
        field, better = _refined(task, settings, field, winner, supernet)
        if better is winner:
            break
        winner = better
    return _result(task, field, winner)


def _refined(
    task: Task,
    settings: Race,
    field: list[Runner],
    winner: Runner,
    supernet: TrialResult | None,
) -> tuple[list[Runner], Runner]:
    """Let neighbours of the winner that are new train as long; the best goes on."""
    assert winner.result is not None
    met = {runner.sampler for runner in field}
    near = [
        Runner(sampler)
        for sampler in neighbours(winner.sampler)
        if sampler not in met and sampler_refusal(task.spec.loss, sampler) is None
    ]
    length = len(winner.curve)
    task.planned += len(near) * length
    ran = _run_rung(task, settings, Rung(epochs=length, keep=1), near, supernet)
    sound = [runner for runner in ran if runner.error is None]
    best = max([winner, *sound], key=lambda runner: runner.metric)
    field = _weighed([*field, *ran], winner, best)
    task.note(
        "refined",
        tried={runner.sampler.label: round(runner.metric, 6) for runner in sound},
        kept=best.sampler.label,
    )
    return field, next(each for each in field if each.sampler == best.sampler)


def _weighed(field: list[Runner], winner: Runner, best: Runner) -> list[Runner]:
    """Hand the winner's mixture weight to who beat it."""
    if best is winner:
        return field
    weight = next(each.weight for each in field if each.sampler == winner.sampler)
    passed = {winner.sampler: 0.0, best.sampler: weight}
    return [
        replace(each, weight=passed.get(each.sampler, each.weight)) for each in field
    ]


def _warm_up(task: Task, settings: Race) -> TrialResult | None:
    samplers = task.spec.samplers
    if settings.warmup == 0 or len(samplers) == 1:
        return None
    training = _passes(task.spec.resolved_training, settings.warmup)
    trial = task.trial("supernet", samplers, training=training, stop_early=False)
    [result] = task.run([Request(trial)])
    if result.error is not None:
        # One candidate can spoil the mixture; by itself each gets its own chance.
        task.note("note", text=f"warm-up dropped, branches start fresh: {result.error}")
        return None
    return result


def _run_rung(
    task: Task,
    settings: Race,
    rung: Rung,
    runners: list[Runner],
    supernet: TrialResult | None,
) -> list[Runner]:
    # Who has made all the passes that a training may waits for the others.
    going = [each for each in runners if len(each.curve) < task.spec.training.epochs]
    requests = [_branch(task, settings, rung, runner, supernet) for runner in going]
    names = [each.sampler for each in going]
    ran = dict(zip(names, task.run(requests), strict=True))
    after = [_after(runner, ran.get(runner.sampler)) for runner in runners]
    uniform = next(
        (each for each in after if _is_uniform(each) and not each.error),
        None,
    )
    if uniform is None:
        return after
    return [
        runner
        if runner.error or runner is uniform
        else replace(
            runner,
            versus_uniform=compare(
                runner.values_U, uniform.values_U, comparisons=max(len(after) - 1, 1)
            ),
            versus_uniform_after=len(uniform.curve),
        )
        for runner in after
    ]


def _after(runner: Runner, result: TrialResult | None) -> Runner:
    if result is None:
        return runner
    if result.error is not None:
        return replace(runner, error=result.error)
    curve = runner.curve + tuple(epoch.metric for epoch in result.history)
    return replace(runner, result=result, curve=curve)


def _branch(
    task: Task,
    settings: Race,
    rung: Rung,
    runner: Runner,
    supernet: TrialResult | None,
) -> Request:
    base, planned = runner.result, task.spec.training.epochs
    start = base or supernet
    fresh = Start.PARAMETERS if settings.reset else Start.OPTIMIZER
    kind = Start.EVERYTHING if base else fresh
    trial = task.trial(
        runner.sampler.label,
        [runner.sampler],
        # What is planned stays the whole training: curricula go on at their own pace.
        passes=min(rung.epochs, planned - len(runner.curve)),
        stop_early=False,
        start=start.trial.digest if start else None,
        start_with=kind,
    )
    return Request(trial, start)


def _level(curve: tuple[float, ...]) -> float:
    """Return a curve's end, less noisy than its last point."""
    last = curve[-max(SMOOTH, ceil(len(curve) / RECENT)) :]
    return sum(last) / len(last)


def _keep(
    runners: list[Runner], most: int, settings: Race, planned: int
) -> list[Runner]:
    """Keep the best, at most so many.

    Who is surely worse than the leader is dropped as well, where they are ranked by
    what they have reached; by where they are heading, nobody is yet.
    """
    sound = [runner for runner in runners if runner.error is None]
    ranked = sorted(sound, key=lambda each: -each.heading(settings.doublings, planned))
    if settings.doublings or not ranked:
        return ranked[:most]
    leader, confidence = ranked[0], settings.confidence
    return [leader] + [
        runner
        for runner in ranked[1:most]
        if not _surely_worse(runner, leader, len(ranked) - 1, confidence)
    ]


def _is_uniform(runner: Runner) -> bool:
    return isinstance(runner.sampler, UniformSampler)


def _surely_worse(
    runner: Runner, leader: Runner, comparisons: int, sure: float
) -> bool:
    gap = compare(
        runner.values_U, leader.values_U, comparisons=comparisons, confidence=sure
    )
    return gap.high < 0


def _weighted(left: list[Runner]) -> list[Runner]:
    """Let the mixture weights follow the evidence: e^-(standard errors behind / 2)."""
    if not left:
        return left
    behind = [max(_errors_behind(runner, left[0]), 0.0) for runner in left]
    raw = [exp(-each / Z_AT_ONE) for each in behind]
    return [
        replace(runner, weight=each / sum(raw))
        for runner, each in zip(left, raw, strict=True)
    ]


def _errors_behind(runner: Runner, leader: Runner) -> float:
    gap = compare(leader.values_U, runner.values_U)
    half = (gap.high - gap.low) / 2 / 1.96
    return gap.difference / half if half > 0 else 0.0


def _result(task: Task, field: list[Runner], winner: Runner) -> SearchResult:
    result = winner.result
    assert result is not None
    # From fresh parameters the branch is the beginning of an ordinary training, and
    # goes on as one. From a supernet's it gets a fresh optimiser's step sizes, which on
    # Last.fm gained 1 to 6 % in NDCG@20 over going on with the branch's own.
    fresh = getattr(task.spec.strategy, "warmup", 0) == 0
    trial = task.trial(
        f"retrain {winner.sampler.label}",
        [winner.sampler],
        start=result.trial.digest,
        start_with=Start.EVERYTHING if fresh else Start.PARAMETERS,
    )
    return SearchResult(
        chosen=winner.sampler,
        candidates=tuple(_report(runner, task) for runner in field),
        start=Request(trial, result),
        trace=tuple(task.trace),
        cost=task.cost,
        runner_up=_runner_up(field, winner),
    )


def _runner_up(field: list[Runner], winner: Runner) -> Sampler | None:
    """Return the best of those who trained longest beside the winner."""
    others = [each for each in field if each.result and each.sampler != winner.sampler]
    best = max(others, key=lambda each: (_passes_of(each), each.metric), default=None)
    return best.sampler if best else None


def _passes_of(runner: Runner) -> int:
    return len(runner.curve)


def _report(runner: Runner, task: Task) -> CandidateReport:
    measured = runner.result
    warmup = getattr(task.spec.strategy, "warmup", 0)
    after = runner.versus_uniform_after
    return CandidateReport(
        sampler=runner.sampler.model_dump(mode="json"),
        name=runner.sampler.label,
        metric=estimate(runner.values_U) if measured else None,
        epochs=warmup + len(runner.curve) if measured else 0,
        versus_uniform=runner.versus_uniform,
        versus_uniform_after=after and warmup + after,
        weight=runner.weight,
        error=runner.error,
    )


def _told(
    number: int, field: list[Runner], left: list[Runner], ran: set[Sampler]
) -> dict[str, object]:
    measured = [each for each in field if each.sampler in ran and not each.error]
    return {
        "rung": number,
        "kept": [runner.sampler.label for runner in left],
        "metrics": {r.sampler.label: round(r.metric, 6) for r in measured},
        "intervals": {r.sampler.label: _interval(r) for r in measured},
        "weights": {r.sampler.label: round(r.weight, 6) for r in field},
        "errors": {r.sampler.label: r.error for r in field if r.error},
    }


def _interval(runner: Runner) -> list[float]:
    """Return what the metric lies between, with 95 % confidence over users."""
    found = estimate(runner.values_U)
    return [round(found.low, 6), round(found.high, 6)]


def _failures(field: list[Runner]) -> str:
    told = "; ".join(f"{r.sampler.label}: {r.error}" for r in field if r.error)
    return f"every candidate failed ({told})"


def _passes(training: Training, epochs: int) -> Training:
    return training.model_copy(update={"epochs": epochs})
