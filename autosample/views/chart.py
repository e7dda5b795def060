"""One chart: data for Plotly, and a table of the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autosample.views.rows import Rows

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
    "#8c564b", "#6a51a3", "#7f7f7f", "#17a589", "#b03a2e", "#9a8700",
)  # fmt: skip
"""The first six are Okabe and Ito's, which colour-blind people can tell apart."""


LONG = 36
"""Most characters of a name in a legend or beside an axis."""


@dataclass(frozen=True)
class Chart:
    """A figure, and a table of what it shows."""

    id: str
    """Name of the chart, by which pages and notebooks find it."""
    title: str
    """Heading of the chart."""
    about: str
    """Sentences that say what the chart shows."""
    data: Sequence[Mapping[str, Any]]
    """Plotly's traces."""
    layout: Mapping[str, Any]
    """Plotly's layout; colours and fonts are up to who draws it."""
    table: Rows
    """The chart in numbers, for those who do not see it."""

    def json(self) -> dict[str, Any]:
        """Return the chart as charts.js reads it."""
        rows = [list(cells) for cells in self.table.rows]
        return {
            "id": self.id,
            "title": self.title,
            "about": self.about,
            "data": [dict(trace) for trace in self.data],
            "layout": dict(self.layout),
            "table": {"columns": list(self.table.columns), "rows": rows},
        }


def short(name: str) -> str:
    """Return a name that fits beside a chart.

    The end of a long name is kept, where the names of similar samplers differ.
    """
    return name if len(name) <= LONG else f"…{name[1 - LONG :]}"


def named(name: str) -> dict[str, str]:
    """Return a trace's short name for the legend, and its full name on hovering."""
    escaped = name.replace("<", "&lt;")
    return {
        "name": short(name),
        "hovertemplate": f"{escaped}<br>%{{x}}: %{{y:.4f}}<extra></extra>",
    }


def axes(x: str, y: str) -> dict[str, Any]:
    """Return the layout of a chart whose axes have these titles."""
    return {"xaxis": {"title": x}, "yaxis": {"title": y, "automargin": True}}
