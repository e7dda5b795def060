"""What notebooks show: a table by itself, and charts when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autosample.experiment.report import Report
from autosample.views.charts import of_report
from autosample.views.page import environment, findings

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def table(report: Report) -> str:
    """Return the verdict, the metrics and the candidates as HTML."""
    [candidates] = [chart for chart in of_report(report) if chart.id == "candidates"]
    return (
        environment()
        .get_template("notebook.html")
        .render(report=report, findings=findings(report), candidates=candidates)
    )


def figures(report: Report) -> dict[str, Figure]:
    """Return the charts of a report as Plotly figures, by name: `curves`, `weights`,
    `candidates`, `training`, `bands` and `cost`, as far as the search has them."""
    # Half a second to load, for those who draw.
    import plotly.graph_objects as go  # noqa: PLC0415

    return {
        chart.id: go.Figure(
            data=[dict(each) for each in chart.data],
            layout={
                "title": chart.title,
                "template": "plotly_white",
                **_titled(chart.layout),
            },
        )
        for chart in of_report(report)
    }


def _titled(layout: object) -> dict[str, object]:
    """Return a layout whose titles are as Plotly's Python wants them."""
    assert isinstance(layout, dict)
    return {
        name: {**each, "title": {"text": each.get("title", "")}}
        if name in ("xaxis", "yaxis")
        else each
        for name, each in layout.items()
    }
