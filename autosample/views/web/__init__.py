"""Scripts, style sheet and templates of the pages, and Plotly from its wheel."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def read(name: str) -> str:
    """Return a file of this folder."""
    return files(__name__).joinpath(name).read_text("utf-8")


@cache
def plotly() -> str:
    """Return Plotly's script, which its Python package contains; about 4.5 MB."""
    return files("plotly").joinpath("package_data/plotly.min.js").read_text("utf-8")
