"""One chart, as data for Plotly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
    "#8c564b", "#6a51a3", "#7f7f7f", "#17a589", "#b03a2e", "#9a8700",
)  # fmt: skip
"""The first six are Okabe and Ito's, which the colour-blind can tell apart."""


LONG = 36
"""Characters of a name in a legend or beside an axis."""


@dataclass(frozen=True)
class Chart:
    """A figure, and what it shows in words and numbers."""

    id: str
    title: str
    about: str
    """What to look at, in a sentence."""
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def json(self) -> dict[str, Any]:
        """Return it as charts.js reads it."""
        return {
            "id": self.id,
            "title": self.title,
            "about": self.about,
            "data": [dict(each) for each in self.data],
            "layout": dict(self.layout),
            "table": {"columns": list(self.columns), "rows": [*map(list, self.rows)]},
        }


def short(name: str) -> str:
    """Return a name that fits beside a chart; what tells samplers apart stands last."""
    return name if len(name) <= LONG else f"…{name[1 - LONG :]}"


def _named(name: str) -> dict[str, str]:
    """Return a short name for the legend, and the whole one for who points at it."""
    told = name.replace("<", "&lt;")
    return {
        "name": short(name),
        "hovertemplate": f"{told}<br>%{{x}}: %{{y:.4f}}<extra></extra>",
    }


def _layout(x: str, y: str) -> dict[str, Any]:
    return {"xaxis": {"title": x}, "yaxis": {"title": y, "automargin": True}}
