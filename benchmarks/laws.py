"""The law of each sampler as a picture: `docs/laws.svg`.

A model is trained a little on synthetic pairs; each sampler then draws for them all.
A panel shows how often an item was drawn by its place: among the unobserved items of
the user by score (left), among all by popularity (right). The dashed line is uniform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

import autosample
from autosample.bundle.negatives import Negatives
from autosample.data.interactions import Interactions
from autosample.data.synthetic import Synthetic
from autosample.models import export
from autosample.samplers import Sampler, SamplerSpec
from autosample.spec.catalogue import catalogue

OUT = Path(__file__).parents[1] / "docs" / "laws.svg"
BINS = 12
LEFT_OUT = ("custom", "mixture", "schedule")  # whatever they are made of
COLUMNS, WIDE, HIGH, GAP = 4, 190, 92, 22
Floats = NDArray[np.float64]


def main() -> None:
    data = Synthetic(users=400, items=240, pairs_per_user=16).build().dataset
    found = autosample.search(
        data, candidates=[{"kind": "uniform"}], training={"epochs": 30}, refit=0
    )
    view = View(
        found.outcome.split.train,
        export(found.outcome.model, found.outcome.split.known),
    )
    samplers = [
        TypeAdapter(SamplerSpec).validate_python({"kind": entry.kind})
        for entry in catalogue()["samplers"]
        if entry.kind not in LEFT_OUT
    ]
    # Those that make embeddings draw no item that could be counted.
    plain = [s for s in samplers if not any(part.synthesis for part in s.all_parts)]
    OUT.write_text(picture([view.panel(sampler) for sampler in plain]))
    print(OUT)


class View:
    """Where items stand, for the model and by popularity."""

    def __init__(self, train: Interactions, tables: Mapping[str, torch.Tensor]) -> None:
        self.train = train
        self.users, self.items = tables["users"], tables["items"]
        scores_UI = (self.users @ self.items.T).detach().numpy()
        scores_UI[train.users_E, train.items_E] = -np.inf
        self.by_score_UI = (-scores_UI).argsort(1).argsort(1)
        self.by_popularity_I = (-train.popularity_I).argsort(kind="stable").argsort()

    def panel(self, sampler: Sampler) -> tuple[str, Floats, Floats]:
        """Draw for every pair, and count by place."""
        train = self.train
        ids = [torch.from_numpy(e.astype(int)) for e in (train.users_E, train.items_E)]
        draw = Negatives(sampler, train, seed=0)
        draw.start(self.users, self.items, epoch=10, epochs=30)
        parts = zip(*(torch.split(each, 512) for each in ids), strict=True)
        drawn = [draw(*part) for part in parts]
        chosen = torch.cat([each.items for each in drawn]).numpy()
        weights = torch.cat([each.weights for each in drawn]).numpy()
        users = np.broadcast_to(train.users_E[:, None], chosen.shape)
        unobserved_U = train.num_items - train.degrees_U
        score = self.by_score_UI[users, chosen] / unobserved_U[users]
        popular = self.by_popularity_I[chosen] / train.num_items
        return sampler.kind, _bars(score, weights), _bars(popular, weights)


def _bars(places: Floats, weights: Floats) -> Floats:
    """Return how often places in each part were drawn, over what is even."""
    counts, _ = np.histogram(places, BINS, (0, 1), weights=weights)
    shares: Floats = counts / max(counts.sum(), 1e-9) * BINS
    return shares


def picture(panels: Sequence[tuple[str, Floats, Floats]]) -> str:
    """Draw panels in rows; heights go up to eight times even."""
    rows = -(-len(panels) // COLUMNS)
    width, height = COLUMNS * (WIDE + GAP) + GAP, rows * (HIGH + 2 * GAP) + 2 * GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="system-ui, sans-serif" font-size="12" role="img">',
        "<title>How often a sampler draws an item, by score and popularity</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for at, (kind, score, popular) in enumerate(panels):
        left = GAP + at % COLUMNS * (WIDE + GAP)
        top = 2 * GAP + at // COLUMNS * (HIGH + 2 * GAP)
        half = (WIDE - 8) / 2
        lines.append(
            f'<text x="{left}" y="{top - 6}" font-weight="600" fill="#1c2430">'
            f"{kind}</text>"
        )
        lines += _panel(left, top, half, score, "#0072b2", "by score")
        lines += _panel(left + half + 8, top, half, popular, "#d55e00", "by popularity")
    return "\n".join([*lines, "</svg>", ""])


def _panel(
    left: float, top: float, wide: float, bars: Floats, colour: str, name: str
) -> list[str]:
    most = 8.0
    step = wide / len(bars)
    floor, even = top + HIGH, top + HIGH * (1 - 1 / most)
    lines = [
        f'<line x1="{left}" x2="{left + wide:.1f}" y1="{floor}" y2="{floor}"'
        ' stroke="#56616f"/>'
    ]
    for at, bar in enumerate(bars):
        tall = HIGH * min(bar, most) / most
        lines.append(
            f'<rect x="{left + at * step + 0.5:.1f}" y="{floor - tall:.1f}"'
            f' width="{step - 1:.1f}" height="{tall:.1f}" fill="{colour}"/>'
        )
    lines.append(
        f'<line x1="{left}" x2="{left + wide:.1f}" y1="{even:.1f}" y2="{even:.1f}"'
        ' stroke="#9aa3ad" stroke-dasharray="3 3"/>'
    )
    lines.append(
        f'<text x="{left}" y="{floor + 13}" font-size="10" fill="#56616f">{name}</text>'
    )
    return lines


if __name__ == "__main__":
    main()
