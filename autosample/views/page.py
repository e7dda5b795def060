"""`report.html`: a search to look at, in one file that asks nobody for anything."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autosample.experiment.report import Report
from autosample.views import charts, web


@cache
def environment() -> Environment:
    """Return templates that escape whatever is put into them."""
    return Environment(
        loader=PackageLoader("autosample.views", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def findings(report: Report) -> Markup:
    """Render what was found, without charts."""
    made = environment().get_template("findings.html")
    return Markup(made.render(report=report))


def report_page(report: Report) -> str:
    """Render a report; the same report gives the same bytes."""
    told = [chart.json() for chart in charts.of_report(report)]
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            findings=findings(report),
            sampler=json.dumps(
                report.chosen.model_dump(mode="json"), indent=1, sort_keys=True
            ),
            charts=in_script(told),
            style=Markup(web.read("style.css")),
            plotly=Markup(web.plotly()),
            script=Markup(web.read("charts.js")),
        )
    )


def in_script(value: Any) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))
