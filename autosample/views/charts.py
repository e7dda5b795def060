"""Charts of a search, as plain data in Plotly's terms, each with its table.

One source for the page, the report and notebooks; how they look (colours of the theme,
fonts) is up to who shows them. A table tells the same to those who do not see charts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autosample.experiment.report import Report
from autosample.experiment.strategies.evidence import CandidateReport
from autosample.views.chart import COLOURS, Chart, _layout, _named, short
from autosample.views.rows import left_at
from autosample.views.story import Story

DASHES = ("solid", "dash", "dot")
"""Together with colours: three times twelve lines differ."""


def of_story(story: Story) -> list[Chart]:
    """Return the charts that a search has even before its end; empty ones are left
    out."""
    made = (_standings(story), *_moving(story))
    return [chart for chart in made if chart is not None]


def _moving(story: Story) -> tuple[Chart | None, ...]:
    return _curves(story), _weights(story), _training(story)


def of_report(report: Report) -> list[Chart]:
    """Return all charts of a finished search."""
    moving = [chart for chart in _moving(Story.of_report(report)) if chart]
    return [_candidates(report), *moving, _bands(report), _cost(report)]


def _curves(story: Story) -> Chart | None:
    if not story.curves:
        return None
    lost = _lost(story)
    data, rows = [], []
    for name, curve in story.curves.items():
        wide = 3.5 if name == story.chosen else 1.5
        ends = "x" if name in lost else "circle"
        symbols = ["circle-open"] * (len(curve) - 1) + [ends]
        sizes = [1] * (len(curve) - 1) + [8]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                **_named(name),
                "x": list(range(1, len(curve) + 1)),
                "y": list(curve),
                "line": _line(story, name) | {"width": wide},
                "marker": {"symbol": symbols, "size": sizes},
                "opacity": 0.55 if name in lost else 1.0,
            }
        )
        fate = "chosen" if name == story.chosen else lost.get(name, "in the race")
        best = f"{max(curve):.4f}"
        rows.append((name, str(len(curve)), f"{curve[-1]:.4f}", best, fate))
    return Chart(
        "curves",
        "The candidates compete",
        "Each line is a candidate's validation metric by passes; a cross is where it"
        " left the race.",
        data,
        _layout("passes", f"validation {story.metric}"),
        ("candidate", "passes", f"last {story.metric}", "best", "how it went"),
        rows,
    )


def _lost(story: Story) -> dict[str, str]:
    """Tell at which rung each candidate left."""
    fates: dict[str, str] = {}
    for rung in story.rungs:
        for name in rung.lost:
            if name != story.chosen:
                fates.setdefault(name, left_at(rung.rung))
    return fates


def _weights(story: Story) -> Chart | None:
    """Stacked shares, as they move from all alike to one."""
    told = list(story.weights)
    unit = "epochs"
    after_rungs = [rung.weights for rung in story.rungs if rung.weights is not None]
    if not told and after_rungs:
        names = story.candidates or tuple(after_rungs[0])
        alike = dict.fromkeys(names, 1 / max(len(names), 1))
        told, unit = [alike, *after_rungs], "rungs"
    if len(told) < 2:
        return None
    shown = list(dict.fromkeys(name for each in told for name in each))
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": "one",
            **_named(name),
            "x": list(range(len(told))),
            "y": [each.get(name, 0.0) for each in told],
            "line": _line(story, name) | {"width": 0.5},
        }
        for name in shown
    ]
    last = sorted(shown, key=lambda name: -told[-1].get(name, 0.0))
    return Chart(
        "weights",
        "Where the weight goes",
        "How much of the mixture each candidate holds; a race leaves it all to one.",
        data,
        {
            "xaxis": {"title": unit} | ({"dtick": 1} if unit == "rungs" else {}),
            "yaxis": {"title": "weight", "range": [0, 1]},
        },
        ("candidate", "first", "last"),
        [(n, f"{told[0].get(n, 0):.3f}", f"{told[-1].get(n, 0):.3f}") for n in last],
    )


def _training(story: Story) -> Chart | None:
    curve = story.training
    if not curve:
        return None
    name = story.chosen or "training"
    best = max(range(len(curve)), key=lambda at: curve[at])
    line = {
        "type": "scatter",
        "mode": "lines",
        **_named(name),
        "x": list(range(1, len(curve) + 1)),
        "y": list(curve),
        "line": _line(story, name) | {"width": 2.5},
    }
    star = {
        "type": "scatter",
        "mode": "markers",
        "name": "best pass",
        "x": [best + 1],
        "y": [curve[best]],
        "marker": {"symbol": "star", "size": 13, "color": COLOURS[1]},
    }
    return Chart(
        "training",
        "The final training",
        "The chosen candidate goes on to early stopping; the best pass is kept.",
        [line, star],
        _layout("passes", f"validation {story.metric}"),
        ("pass", f"validation {story.metric}"),
        [(str(at + 1), f"{value:.4f}") for at, value in enumerate(curve)],
    )


@dataclass(frozen=True)
class Standing:
    """Where a candidate stood when it was last measured."""

    name: str
    mean: float
    low: float
    high: float


def _standings(story: Story) -> Chart | None:
    """Return the same as of a report, as far as the rungs have told."""
    found: dict[str, Standing] = {}
    for rung in story.rungs:
        for name, (low, high) in (rung.intervals or {}).items():
            found[name] = Standing(name, rung.metrics[name], low, high)
    if not found:
        return None
    rows = [
        (each.name, f"{each.mean:.4f}", f"{each.low:.4f} to {each.high:.4f}")
        for each in sorted(found.values(), key=lambda each: -each.mean)
    ]
    columns = ("candidate", story.metric, "95 % interval")
    return _stood(list(found.values()), story.metric, story.chosen, (columns, rows))


def _candidates(report: Report) -> Chart:
    found = [
        Standing(each.name, each.metric.mean, each.metric.low, each.metric.high)
        for each in report.candidates
        if each.metric
    ]
    metric = report.spec.metric
    columns = ("candidate", metric, "95 % interval", "against uniform", "passes")
    rows = [_candidate_row(each) for each in report.candidates]
    return _stood(found, metric, report.chosen_label, (columns, rows))


def _stood(
    found: Sequence[Standing],
    metric: str,
    chosen: str | None,
    told: tuple[Sequence[str], Sequence[Sequence[str]]],
) -> Chart:
    order = sorted(found, key=lambda each: each.mean)
    dots = {
        "type": "scatter",
        "mode": "markers",
        "name": metric,
        "x": [each.mean for each in order],
        "y": [short(each.name) for each in order],
        "marker": {
            "size": 10,
            "color": [COLOURS[1 if each.name == chosen else 0] for each in order],
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [each.high - each.mean for each in order],
            "arrayminus": [each.mean - each.low for each in order],
        },
        "showlegend": False,
    }
    layout = _layout(f"validation {metric}, 95 % over users", "")
    height = 120 + 28 * len(order)
    return Chart(
        "candidates",
        "Where each candidate stood when it was last measured",
        "After different numbers of passes: who left early was measured early. The"
        " chosen one stands out.",
        [dots],
        layout | {"yaxis": {"automargin": True}, "height": height, "showlegend": False},
        *told,
    )


def _candidate_row(each: CandidateReport) -> tuple[str, ...]:
    if each.metric is None:
        return each.name, each.error or "not measured by itself", "", "", "0"
    gap = each.versus_uniform
    against = f"{gap.difference:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]" if gap else ""
    if gap and not each.was_beside_uniform:
        against += f" after {each.versus_uniform_after}"
    interval = f"{each.metric.low:.4f} to {each.metric.high:.4f}"
    return each.name, f"{each.metric.mean:.4f}", interval, against, str(each.epochs)


def _bands(report: Report) -> Chart:
    bands, k = report.reach.bands, report.reach.k
    names = [each.name for each in bands]
    series = (
        (f"recall@{k}", [each.recall for each in bands]),
        (f"ndcg@{k}", [each.ndcg for each in bands]),
        ("share of recommendations", [each.recommended for each in bands]),
    )
    data = [
        {"type": "bar", "name": name, "x": names, "y": values,
         "marker": {"color": COLOURS[at]}}
        for at, (name, values) in enumerate(series)
    ]  # fmt: skip
    return Chart(
        "bands",
        "Whom it serves",
        "Head, middle and tail are thirds of the interactions, by popularity of the"
        " item; on the test split.",
        data,
        _layout("third of the interactions", "") | {"barmode": "group"},
        ("band", "items", *(name for name, _ in series)),
        [
            (b.name, str(b.items), f"{b.recall:.4f}", f"{b.ndcg:.4f}",
             f"{b.recommended:.1%}")
            for b in bands
        ],
    )  # fmt: skip


def _cost(report: Report) -> Chart:
    """Passes, which are the same on any machine."""
    spent = {
        "search": report.costs.search.epochs,
        "final training": report.costs.retraining.epochs,
    }
    if report.verification is not None:
        spent["verification, asked for"] = report.verification.cost.epochs
    one = len(report.training.metric)
    all_of_them = one * len(report.candidates)
    data = [
        {"type": "bar", "orientation": "h", "name": name, "y": ["this search"],
         "x": [passes], "marker": {"color": COLOURS[at]}}
        for at, (name, passes) in enumerate(spent.items())
    ]  # fmt: skip
    data.append(
        {"type": "bar", "orientation": "h", "name": "exhaustive search, estimated",
         "y": ["every candidate to its end"], "x": [all_of_them],
         "marker": {"color": COLOURS[8]}}
    )  # fmt: skip
    rows = [(name, str(passes)) for name, passes in spent.items()]
    rows.append(("exhaustive, one seed, estimated", str(all_of_them)))
    layout = _layout("passes over the training pairs", "")
    extra = {"barmode": "stack", "yaxis": {"automargin": True}, "height": 230}
    return Chart(
        "cost",
        "What it cost",
        f"Training each of {len(report.candidates)} candidates as long as the winner"
        f" ({one} passes) is what exhaustive search would take, for one seed.",
        data,
        layout | extra,
        ("", "passes"),
        rows,
    )


def _line(story: Story, name: str) -> dict[str, Any]:
    """Return a colour that a candidate keeps in all charts."""
    known = story.candidates or tuple(story.curves)
    at = known.index(name) if name in known else len(known)
    dash = DASHES[(at // len(COLOURS)) % len(DASHES)]
    return {"color": COLOURS[at % len(COLOURS)], "dash": dash}
