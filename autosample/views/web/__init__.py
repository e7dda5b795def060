"""What pages are made of: scripts, a style, a template; and Plotly from its wheel."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def read(name: str) -> str:
    """Return a file of this folder."""
    return files(__name__).joinpath(name).read_text("utf-8")


@cache
def plotly() -> str:
    """Return Plotly's script, some 4.5 MB, as its wheel brings it."""
    return files("plotly").joinpath("package_data/plotly.min.js").read_text("utf-8")
