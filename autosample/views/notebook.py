"""What notebooks show: a result as tables, and its charts on request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autosample.experiment.report import Report
from autosample.views.charts import of_report
from autosample.views.page import environment, findings
from autosample.views.rows import candidate_rows

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def table(report: Report) -> str:
    """Return the verdict, the metrics and the candidates as HTML."""
    return (
        environment()
        .get_template("notebook.html")
        .render(
            report=report,
            findings=findings(report),
            candidates=candidate_rows(report),
        )
    )


def figures(report: Report) -> dict[str, Figure]:
    """Return the charts of a report as Plotly figures, by id.

    They are `curves`, `weights`, `candidates`, `training`, `bands` and `cost`; those
    that the search has no data for are left out.
    """
    # Loading Plotly takes half a second, which only those who draw should wait for.
    import plotly.graph_objects as go  # noqa: PLC0415

    return {
        chart.id: go.Figure(
            data=[dict(trace) for trace in chart.data],
            layout={
                "title": chart.title,
                "template": "plotly_white",
                **_titled(chart.layout),
            },
        )
        for chart in of_report(report)
    }


def _titled(layout: Mapping[str, Any]) -> dict[str, Any]:
    """Return a layout with the titles of axes as Plotly's Python classes take them."""
    return {
        name: {**value, "title": {"text": value.get("title", "")}}
        if name in ("xaxis", "yaxis")
        else value
        for name, value in layout.items()
    }
