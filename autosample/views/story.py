"""What happened in a search, so far or to its end: what charts are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autosample.core.progress import Stage
from autosample.experiment.report import Report

Happening = tuple[str, Mapping[str, Any]]
"""A kind of event and its data, which holds the stage."""


@dataclass(frozen=True)
class Story:
    """A search as told by its events, or by its report."""

    metric: str
    candidates: tuple[str, ...] = ()
    """Names, in the order of the spec."""
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Validation metric after each pass, by training."""
    rungs: Sequence[Mapping[str, Any]] = ()
    """`metrics` by candidate, who was `kept`, and of a race their `weights`, and the
    `intervals` that metrics lie between."""
    weights: Sequence[Mapping[str, float]] = ()
    """Of a mixture: weights by candidate after each pass."""
    training: Sequence[float] = ()
    """The final training."""
    chosen: str | None = None

    @classmethod
    def of_report(cls, report: Report) -> Story:
        """Tell a search that has ended."""
        return cls(
            metric=report.spec.metric,
            candidates=tuple(each.name for each in report.candidates),
            # Who fails in the first pass has no curve.
            curves={each.name: each.metric for each in report.curves if each.metric},
            rungs=[each for each in report.trace if each["kind"] == "rung"],
            weights=[each["weights"] for each in report.trace if _is_pass(each)],
            training=report.training.metric,
            chosen=report.chosen_label,
        )

    @classmethod
    def of_events(cls, metric: str, happened: Iterable[Happening]) -> Story:
        """Tell a search by what a worker wrote; passes made twice, by an attempt that
        was lost and by the one after it, count once."""
        candidates: tuple[str, ...] = ()
        chosen: str | None = None
        passes: dict[str, dict[int, float]] = {}
        last: dict[int, float] = {}
        rungs: dict[int, Mapping[str, Any]] = {}
        weights: dict[int, Mapping[str, float]] = {}
        for kind, data in happened:
            stage = data.get("stage")
            candidates = tuple(data.get("candidates", candidates))
            chosen = data.get("chosen", chosen)
            if kind == "rung":
                rungs[data["rung"]] = data
            elif kind == "epoch" and stage == Stage.SEARCHING:
                passes.setdefault(data["trial"], {})[data["epoch"]] = data["metric"]
                if "weights" in data:
                    weights[data["epoch"]] = data["weights"]
            elif kind == "epoch" and stage == Stage.RETRAINING:
                last[data["epoch"]] = data["metric"]
        curves = {name: _in_order(each) for name, each in passes.items()}
        return cls(
            metric=metric,
            candidates=candidates,
            curves=curves,
            rungs=[rungs[number] for number in sorted(rungs)],
            weights=[weights[number] for number in sorted(weights)],
            training=_in_order(last),
            chosen=chosen,
        )


def _is_pass(each: Mapping[str, Any]) -> bool:
    return bool(each["kind"] == "weights")


def _in_order(passes: Mapping[int, float]) -> list[float]:
    return [passes[number] for number in sorted(passes)]
