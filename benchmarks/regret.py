"""Draws regret against cost: `python -m benchmarks.regret`.

It reads `benchmarks/results/search.json` and writes `search.svg` beside it. A point is
the mean over seeds of one strategy with one data set and model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from math import log10
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
COLOURS = {
    "race": "#4477aa",
    "warm race": "#66ccee",
    "asha": "#ee6677",
    "mixture": "#ccbb44",
}
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 900, 520, 80, 50, 30, 60
LEAST, MOST = 0.0005, 1.0
"""Ends of the axis of regrets; smaller regrets are drawn at its lower end."""
GOAL = (2.0, 0.005)
"""Goal of the default strategy: cost in ordinary trainings, and regret."""


def picture(points: Iterable[tuple[str, str, float, float]]) -> str:
    """Return an SVG of points: strategy, cell, cost in trainings, regret."""
    points = list(points)
    farthest = max([*(cost for *_, cost, _ in points), 3.0]) * 1.05

    def x(cost: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * cost / farthest

    def y(regret: float) -> float:
        share = log10(max(regret, LEAST) / LEAST) / log10(MOST / LEAST)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<rect x="{x(0)}" y="{y(GOAL[1]):.1f}" width="{x(GOAL[0]) - x(0):.1f}"'
        f' height="{y(LEAST) - y(GOAL[1]):.1f}" fill="#228833" opacity=".12"/>',
        f'<text x="{x(0) + 8}" y="{y(GOAL[1]) + 18:.1f}" fill="#228833">goal</text>',
    ]
    for regret in (LEAST, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0):
        label = f"{regret:.2%}" if regret < 0.001 else f"{regret:.1%}"
        lines += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(regret):.1f}"'
            f' y2="{y(regret):.1f}" stroke="#dddddd"/>',
            f'<text x="{LEFT - 8}" y="{y(regret) + 4:.1f}"'
            f' text-anchor="end">{label}</text>',
        ]
    for cost in range(int(farthest) + 1):
        lines.append(
            f'<text x="{x(cost):.1f}" y="{HEIGHT - BOTTOM + 20}"'
            f' text-anchor="middle">{cost}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(
        f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">cost of search and'
        " final training, in ordinary trainings of the chosen sampler</text>"
    )
    lines.append(f'<text x="{LEFT - 70}" y="{TOP - 30}">regret</text>')
    drawn = {strategy for strategy, *_ in points}
    legend = [item for item in COLOURS.items() if item[0] in drawn]
    for at, (strategy, colour) in enumerate(legend):
        left = LEFT + 60 + at * 130
        lines.append(f'<circle cx="{left}" cy="18" r="6" fill="{colour}"/>')
        lines.append(f'<text x="{left + 12}" y="23">{strategy}</text>')
    for strategy, cell, paid, lost in points:
        title = f"{strategy}, {cell}: {lost:.2%}, {paid:.2f} trainings"
        lines.append(
            f'<circle cx="{x(paid):.1f}" cy="{y(lost):.1f}" r="6" opacity=".85"'
            f' fill="{COLOURS.get(strategy, "#000000")}">'
            f"<title>{escape(title)}</title></circle>"
        )
    return "\n".join([*lines, "</svg>", ""])


def points_of(
    rows: Iterable[Mapping[str, Any]],
) -> list[tuple[str, str, float, float]]:
    """Return the points of a picture: the mean over seeds per strategy and cell."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        cell = f"{row['dataset']}/{row['model']}"
        groups.setdefault((row["strategy"], cell), []).append(row)
    return [
        (
            *names,
            float(np.mean([row["cost_in_trainings"] for row in group])),
            float(np.mean([row["regret"] for row in group])),
        )
        for names, group in groups.items()
    ]


def main() -> None:
    rows = json.loads((RESULTS / "search.json").read_text())
    (RESULTS / "search.svg").write_text(picture(points_of(rows)))


if __name__ == "__main__":
    main()
