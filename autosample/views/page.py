"""`report.html`: a search's result in one file, which loads nothing from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autosample.experiment.report import Report
from autosample.views import charts, web
from autosample.views.rows import (
    about_false_negatives,
    about_reach,
    about_tuning,
    metric_rows,
    remarks,
    tuning_rows,
)


@cache
def environment(package: str = "autosample.views") -> Environment:
    """Return the templates in a package's folder `web`; they escape what they show."""
    return Environment(
        loader=PackageLoader(package, "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def findings(report: Report) -> Markup:
    """Render the facts and tables of a report, without its charts."""
    tuning = report.tuning
    return Markup(
        environment()
        .get_template("findings.html")
        .render(
            report=report,
            metrics=metric_rows(report),
            remarks=" ".join(remarks(report)),
            about=f"{about_reach(report.reach)} {about_false_negatives(report)}",
            tuning=tuning_rows(tuning) if tuning else None,
            about_tuning=about_tuning(tuning) if tuning else "",
        )
    )


def report_page(report: Report) -> str:
    """Render a report; the same report gives the same bytes."""
    drawn = [chart.json() for chart in charts.of_report(report)]
    chosen = (report.recipe or report.chosen).model_dump(mode="json")
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            findings=findings(report),
            chosen=json.dumps(chosen, indent=1, sort_keys=True),
            charts=in_script(drawn),
            style=Markup(web.read("style.css")),
            plotly=Markup(web.plotly()),
            script=Markup(web.read("charts.js")),
        )
    )


def in_script(value: Any) -> Markup:
    """Return JSON to put into a script element, which nothing in it can end."""
    text = json.dumps(value, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))
