"""Charts of a search, as plain data in Plotly's terms.

The job's page, the report page and notebooks all draw these, each in its own colours
and fonts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from autosample.core.events import FinalsEnded, RungEnded
from autosample.experiment.report import Report
from autosample.views.chart import COLOURS, Chart, axes, named, short
from autosample.views.rows import Rows, band_rows, candidate_rows, left_at, plus_minus
from autosample.views.story import Story

DASHES = ("solid", "dash", "dot")
"""Line styles; with twelve colours each they tell 36 candidates apart."""


def of_story(story: Story) -> list[Chart]:
    """Return the charts of a search so far; those without data are left out."""
    return [chart for chart in (_standings(story), *_course(story)) if chart]


def of_report(report: Report) -> list[Chart]:
    """Return all charts of a finished search."""
    course = [chart for chart in _course(Story.of_report(report)) if chart]
    return [_candidates(report), *course, _bands(report), _cost(report)]


def of_comparison(reports: Mapping[str, Report], datasets: Sequence[str]) -> Chart:
    """Return a chart of the test metrics of several searches.

    `reports` are by label, and `datasets` names the data set of each.
    """
    metric = next(iter(reports.values())).spec.metric
    values = [report.test[report.spec.metric] for report in reports.values()]
    bars = {
        "type": "bar", "x": list(reports), "y": values, "name": "test",
        "marker": {"color": COLOURS[0]},
    }  # fmt: skip
    cells = (f"{value:.4f}" for value in values)
    return Chart(
        "compared",
        f"Test {metric} of the returned models",
        "Each test split was opened once, at the end of its search.",
        [bars],
        {"xaxis": {"title": ""}, "yaxis": {"title": metric}, "showlegend": False},
        Rows(
            ("search", "data set", metric),
            list(zip(reports, datasets, cells, strict=True)),
        ),
    )


def _course(story: Story) -> tuple[Chart | None, ...]:
    """Return the charts that grow while a search runs; None for one without data."""
    return _curves(story), _weights(story), _training(story)


def _curves(story: Story) -> Chart | None:
    if not story.curves:
        return None
    lost = _lost(story)
    data, rows = [], []
    for name, curve in story.curves.items():
        wide = 3.5 if name == story.chosen else 1.5
        end = "x" if name in lost else "circle"
        symbols = ["circle-open"] * (len(curve) - 1) + [end]
        sizes = [1] * (len(curve) - 1) + [8]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                **named(name),
                "x": list(curve),
                "y": list(curve.values()),
                "line": _line(story, name) | {"width": wide},
                "marker": {"symbol": symbols, "size": sizes},
                "opacity": 0.55 if name in lost else 1.0,
            }
        )
        (*_, last), best = curve.items(), f"{max(curve.values()):.4f}"
        fate = _fate(story, name, lost)
        rows.append((name, str(last[0]), f"{last[1]:.4f}", best, fate))
    columns = ("candidate", "epochs", f"last {story.metric}", "best", "outcome")
    return Chart(
        "curves",
        "The candidates compete",
        "Each line is a candidate's validation metric by epoch. A cross marks where a"
        " candidate left the race.",
        data,
        axes("epoch", f"validation {story.metric}"),
        Rows(columns, rows),
    )


def _fate(story: Story, name: str, lost: Mapping[str, str]) -> str:
    """Return what became of a training; nothing of one that is no candidate's."""
    if name == story.chosen:
        return "chosen"
    if name in lost or (story.candidates and name not in story.candidates):
        return lost.get(name, "")
    return "in the race" if story.chosen is None else "not chosen"


def _lost(story: Story) -> dict[str, str]:
    """Return at which rung each candidate left, by name."""
    fates: dict[str, str] = {}
    for rung in story.rungs:
        for name in rung.lost:
            if name != story.chosen:
                fates.setdefault(name, left_at(rung.rung))
    return fates


def _weights(story: Story) -> Chart | None:
    """Draw the candidates' weights, stacked: by epoch, or by rung where they are known
    for rungs alone."""
    weights = list(story.weights)
    unit = "epoch"
    after_rungs = [rung.weights for rung in story.rungs if rung.weights is not None]
    if not weights and after_rungs:
        names = story.candidates or tuple(after_rungs[0])
        equal = dict.fromkeys(names, 1 / max(len(names), 1))
        weights, unit = [equal, *after_rungs], "rung"
    if len(weights) < 2:
        return None
    first, last = weights[0], weights[-1]
    names = tuple(dict.fromkeys(name for shares in weights for name in shares))
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": "one",
            **named(name),
            "x": list(range(len(weights))),
            "y": [shares.get(name, 0.0) for shares in weights],
            "line": _line(story, name) | {"width": 0.5},
        }
        for name in names
    ]
    rows = [
        (name, f"{first.get(name, 0):.3f}", f"{last.get(name, 0):.3f}")
        for name in sorted(names, key=lambda name: -last.get(name, 0.0))
    ]
    return Chart(
        "weights",
        "Where the weight goes",
        "The weight of each candidate in the mixture.",
        data,
        {
            "xaxis": {"title": unit} | ({"dtick": 1} if unit == "rung" else {}),
            "yaxis": {"title": "weight", "range": [0, 1]},
        },
        Rows(("candidate", "first", "last"), rows),
    )


def _training(story: Story) -> Chart | None:
    curve = story.training
    if not curve:
        return None
    name = story.chosen or "training"
    best = max(curve, key=lambda epoch: curve[epoch])
    line = {
        "type": "scatter",
        "mode": "lines",
        **named(name),
        "x": list(curve),
        "y": list(curve.values()),
        "line": _line(story, name) | {"width": 2.5},
    }
    star = {
        "type": "scatter",
        "mode": "markers",
        "name": "best epoch",
        "x": [best],
        "y": [curve[best]],
        "marker": {"symbol": "star", "size": 13, "color": COLOURS[1]},
    }
    return Chart(
        "training",
        "The final training",
        "The chosen candidate is trained until early stopping; the parameters of its"
        " best epoch are kept.",
        [line, star],
        axes("epoch", f"validation {story.metric}"),
        Rows(
            ("epoch", f"validation {story.metric}"),
            [(str(epoch), f"{value:.4f}") for epoch, value in curve.items()],
        ),
    )


class Standing(NamedTuple):
    """A candidate's validation metric when it was last measured."""

    name: str
    mean: float
    low: float
    """Lower end of the 95 % confidence interval."""
    high: float
    """Upper end of the 95 % confidence interval."""


def _standings(story: Story) -> Chart | None:
    """Draw the candidates as they stood at the rungs and in the finals so far."""
    latest: dict[str, Standing] = {}
    known: list[RungEnded | FinalsEnded] = [*story.rungs]
    known += [] if story.finals is None else [story.finals]
    for measured in known:
        for name, (low, high) in (measured.intervals or {}).items():
            latest[name] = Standing(name, measured.metrics[name], low, high)
    if not latest:
        return None
    best_first = sorted(latest.values(), key=lambda standing: -standing.mean)
    rows = [(each.name, plus_minus(each.mean, each)) for each in best_first]
    table = Rows(("candidate", f"validation {story.metric} ± 95 %"), rows)
    return _dots(best_first, story.metric, story.chosen, table)


def _candidates(report: Report) -> Chart:
    standings = [
        Standing(each.name, each.metric.mean, each.metric.low, each.metric.high)
        for each in report.candidates
        if each.metric
    ]
    table = candidate_rows(report)
    return _dots(standings, report.spec.metric, report.chosen_label, table)


def _dots(
    standings: Sequence[Standing], metric: str, chosen: str | None, table: Rows
) -> Chart:
    """Draw a dot with its interval per candidate, the best on top."""
    upwards = sorted(standings, key=lambda standing: standing.mean)
    dots = {
        "type": "scatter",
        "mode": "markers",
        "name": metric,
        "x": [each.mean for each in upwards],
        "y": [short(each.name) for each in upwards],
        "marker": {
            "size": 10,
            "color": [COLOURS[1 if each.name == chosen else 0] for each in upwards],
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [each.high - each.mean for each in upwards],
            "arrayminus": [each.mean - each.low for each in upwards],
        },
        "showlegend": False,
    }
    layout = axes(f"validation {metric} with its 95 % interval over users", "")
    height = 120 + 28 * len(upwards)
    return Chart(
        "candidates",
        "Where each candidate stood when it was last measured",
        "Candidates that left the race early were measured after fewer epochs. The"
        " chosen candidate has a colour of its own.",
        [dots],
        layout | {"yaxis": {"automargin": True}, "height": height, "showlegend": False},
        table,
    )


def _bands(report: Report) -> Chart:
    bands, k = report.reach.bands, report.reach.k
    names = [band.name for band in bands]
    series = {
        f"recall@{k}": [band.recall for band in bands],
        f"ndcg@{k}": [band.ndcg for band in bands],
        "share of recommendations": [band.recommended for band in bands],
    }
    data = [
        {"type": "bar", "name": name, "x": names, "y": values,
         "marker": {"color": COLOURS[at]}}
        for at, (name, values) in enumerate(series.items())
    ]  # fmt: skip
    return Chart(
        "bands",
        "Whom it serves",
        "Head, middle and tail each hold a third of the training interactions, from the"
        " most popular items to the rarest. Metrics are on the test split.",
        data,
        axes("third of the interactions", "") | {"barmode": "group"},
        band_rows(report.reach),
    )


def _cost(report: Report) -> Chart:
    """Draw the cost in epochs, which are the same on any machine."""
    epochs = {
        "search": report.costs.search.epochs,
        "final training": report.costs.retraining.epochs,
    }
    if report.verification is not None:
        epochs["verification"] = report.verification.cost.epochs
    if report.baseline is not None:
        epochs["baseline"] = report.baseline.cost.epochs
    alone = [c.epochs for c in report.candidates if c.name == report.chosen_label]
    winner = max([*report.training.points, *alone])
    exhaustive = winner * len(report.candidates)
    data = [
        {"type": "bar", "orientation": "h", "name": name, "y": ["this search"],
         "x": [count], "marker": {"color": COLOURS[at]}}
        for at, (name, count) in enumerate(epochs.items())
    ]  # fmt: skip
    data.append(
        {"type": "bar", "orientation": "h", "name": "exhaustive search, estimated",
         "y": ["exhaustive search"], "x": [exhaustive],
         "marker": {"color": COLOURS[8]}}
    )  # fmt: skip
    rows = [(name, str(count)) for name, count in epochs.items()]
    rows.append(("exhaustive search, estimated", str(exhaustive)))
    extra = {"barmode": "stack", "yaxis": {"automargin": True}, "height": 230}
    return Chart(
        "cost",
        "What it cost",
        f"An exhaustive search would train all {len(report.candidates)} candidates as"
        f" long as the winner, {winner} epochs each, under one seed.",
        data,
        axes("epochs over the training pairs", "") | extra,
        Rows(("", "epochs"), rows),
    )


def _line(story: Story, name: str) -> dict[str, Any]:
    """Return a candidate's line style, which is the same in all charts."""
    known = story.candidates or tuple(story.curves)
    at = known.index(name) if name in known else len(known)
    dash = DASHES[(at // len(COLOURS)) % len(DASHES)]
    return {"color": COLOURS[at % len(COLOURS)], "dash": dash}
