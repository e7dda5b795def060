"""The rooms of the code: counts them and draws `docs/rooms.svg` from the imports.

python -m benchmarks.rooms [--root CHECKOUT] [--out FILE]

A room is a package or a loose module directly in `autosample/`, or one of the service's
packages (`api`, `workers`, `migrations`). A room's floor is the longest path of imports
below it.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "rooms.svg"
SERVICE = ("migrations", "workers", "api")

ROOMS = {
    "errors": "the tree of errors",
    "core": "settings, seeds, events",
    "kernels": "compiled loops",
    "losses": "what is minimised",
    "optimizers": "who takes the steps",
    "data": "reading and splitting",
    "models": "recommenders",
    "samplers": "proposals, choices",
    "evaluation": "metrics, significance",
    "training": "how one model trains",
    "trials": "a training as a value",
    "spec": "what is asked for",
    "experiment": "a search, to its report",
    "views": "pages, tables, charts",
    "bundle": "what is taken away",
    "library": "autosample.search",
    "client": "talks to a service",
    "jobs": "the service's record",
    "testing": "suites for plug-ins",
    "cli": "the command line",
    "migrations": "the database's schema",
    "workers": "run jobs on Ray",
    "api": "REST and pages",
}
"""What each room holds, lowest room first. A room may import only from itself and from
those before it."""
ORDER = list(ROOMS)

Graph = Mapping[str, set[str]]
"""For each room the rooms that it imports from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout to count")
    parser.add_argument("--out", type=Path, help="SVG file to write")
    options = parser.parse_args()
    house = House.read(options.root)
    for name, value in house.counts().items():
        print(f"{name}: {value}")
    out = options.out or (OUT if options.root == ROOT else None)
    if out is not None:
        out.write_text(house.picture())
        print(out)


@dataclass(frozen=True)
class House:
    """The modules of a checkout and what they import."""

    imports: Mapping[str, set[str]]
    """What each module imports, all by dotted names."""

    @classmethod
    def read(cls, root: Path = ROOT) -> House:
        """Parse every module of the library and of the service."""
        return cls(
            {
                ".".join(path.relative_to(root).with_suffix("").parts): imported(path)
                for top in ("autosample", *SERVICE)
                for path in sorted((root / top).rglob("*.py"))
                if path.parent != root / "autosample" or not path.match("__*__.py")
            }
        )

    def graph(self) -> dict[str, set[str]]:
        """Return for each room the other rooms that it imports from."""
        graph: dict[str, set[str]] = {room_of(module): set() for module in self.imports}
        for module, names in self.imports.items():
            rooms = {room_of(name) for name in names} & graph.keys()
            graph[room_of(module)] |= rooms - {room_of(module)}
        return graph

    def counts(self) -> dict[str, int | str]:
        """Return what there is to count, by a description."""
        graph = self.graph()
        edges = [(room, below) for room in graph for below in graph[room]]
        packages = {room_of(name) for name in self.imports if len(name.split(".")) > 2}
        library = graph.keys() - set(SERVICE)
        known = graph.keys() <= set(ORDER)
        return {
            "modules": len(self.imports),
            "rooms": len(graph),
            "packages in the library": len(packages & library),
            "loose modules in the library": len(library - packages),
            "imports between rooms": len(edges),
            "imports on a circle": sum(room in reach(graph, to) for room, to in edges),
            "imports against the order": len(against(graph)) if known else "no order",
            "floors": max(floors(graph).values()),
        }

    def picture(self) -> str:
        """Return the rooms as an SVG; arrows that follow from others are left out."""
        graph = self.graph()
        return drawing(reduced(graph), floors(graph))


def imported(path: Path) -> set[str]:
    """Return the dotted names that a module imports, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "autosample":
            names |= {f"autosample.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def room_of(module: str) -> str:
    """Return the room of a module, by its dotted name."""
    top, *rest = module.split(".")
    return rest[0] if top == "autosample" and rest else top


def against(graph: Graph) -> list[tuple[str, str]]:
    """Return the imports from a room that stands later in the order."""
    place = {room: at for at, room in enumerate(ORDER)}
    edges = [(room, below) for room in graph for below in graph[room]]
    return [(room, below) for room, below in edges if place[below] > place[room]]


def reach(graph: Graph, start: str) -> set[str]:
    """Return all rooms that a room needs, directly or through others."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = graph[waiting.pop()] - seen
        seen |= fresh
        waiting += fresh
    return seen


def floors(graph: Graph) -> dict[str, int]:
    """Return each room's floor, from 1; rooms on a circle share one."""
    needs = {room: reach(graph, room) for room in graph}
    floor: dict[str, int] = {}
    # A circle of rooms goes before a room that needs nothing but that circle.
    for room in sorted(graph, key=lambda r: (len(needs[r]), r not in needs[r])):
        below = [floor[to] for to in needs[room] if room not in needs[to]]
        floor[room] = 1 + max(below, default=0)
    return floor


def reduced(graph: Graph) -> dict[str, set[str]]:
    """Return the imports that no chain of other imports implies."""
    needs = {room: reach(graph, room) for room in graph}
    return {
        room: {
            to
            for to in graph[room]
            if not any(to in needs[other] for other in graph[room] - {to})
        }
        for room in graph
    }


BOX, HIGH, GAP, LANE = 140, 42, 20, 26  # pixels: box, space beside it, a passing line
FLOOR = 76  # pixels from floor to floor
STYLE = """
 .paper { fill: #ffffff } .box { fill: #eef3f8; stroke: #4477aa }
 .arrow { fill: none; stroke: #8899aa; stroke-width: 1.3 } .head { fill: #8899aa }
 .name { fill: #1a2733; font-weight: 600 } .about { fill: #566573; font-size: 11px }
 @media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117 } .box { fill: #182534; stroke: #66aadd }
  .arrow { stroke: #6f8296 } .head { fill: #6f8296 }
  .name { fill: #e6edf3 } .about { fill: #9fb0c0 } }
"""

Layers = list[list[str]]
"""Names of boxes and of passing lines, from left to right, for each floor."""


def drawing(graph: Graph, floor: Mapping[str, int]) -> str:
    """Return an SVG with a box for each room and an arrow for each import."""
    links, layers = routed(graph, floor)
    for _ in range(24):
        for layer in layers:
            middle = centres(layer, links, layers)
            layer.sort(key=lambda name: middle[name])
    x = placed(layers, links)
    left = min(x.values()) - BOX
    width, height = max(x.values()) - left + BOX, FLOOR * len(layers)
    y = {
        name: height - FLOOR * at - FLOOR // 2
        for at, layer in enumerate(layers)
        for name in layer
    }
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif"'
            f' font-size="13" viewBox="{left:.0f} 0 {width:.0f} {height}">',
            "<title>The rooms of the code and what they import</title>",
            f"<style>{STYLE}</style>",
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
            ' markerHeight="7" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/>'
            "</marker>",
            f'<rect class="paper" x="{left:.0f}" width="{width:.0f}"'
            f' height="{height}"/>',
            *(arrow([(x[name], y[name]) for name in link]) for link in links),
            *(box(room, x[room], y[room]) for room in sorted(graph)),
            "</svg>\n",
        ]
    )


def routed(graph: Graph, floor: Mapping[str, int]) -> tuple[list[list[str]], Layers]:
    """Return each arrow as the names it passes, and all names floor by floor.

    An arrow over several floors passes each of those between on a lane of its own.
    """
    layers: Layers = [[] for _ in range(max(floor.values()))]
    for room in sorted(graph):
        layers[floor[room] - 1].append(room)
    links = []
    for room in sorted(graph):
        for to in sorted(graph[room]):
            between = range(floor[room] - 1, floor[to], -1)
            lanes = [f"{room}>{to}@{at}" for at in between]
            for at, lane in zip(between, lanes, strict=True):
                layers[at - 1].append(lane)
            links.append([room, *lanes, to])
    return links, layers


def neighbours(links: list[list[str]]) -> dict[str, list[str]]:
    """Return for each name those directly above and below it on an arrow."""
    beside: dict[str, list[str]] = {}
    for link in links:
        for upper, lower in pairwise(link):
            beside.setdefault(upper, []).append(lower)
            beside.setdefault(lower, []).append(upper)
    return beside


def centres(
    layer: list[str], links: list[list[str]], layers: Layers
) -> dict[str, float]:
    """Return the mean place of each name's neighbours, from 0 (left) to 1 (right)."""
    place = {
        name: (at + 0.5) / len(names)
        for names in layers
        for at, name in enumerate(names)
    }
    beside = neighbours(links)
    return {
        name: mean([place[other] for other in beside.get(name, [name])])
        for name in layer
    }


def placed(layers: Layers, links: list[list[str]]) -> dict[str, float]:
    """Return the x of each name: near its neighbours, and clear of those beside it."""
    x = {
        name: at * (BOX + GAP) - len(layer) * (BOX + GAP) / 2
        for layer in layers
        for at, name in enumerate(layer)
    }
    beside = neighbours(links)
    for _ in range(40):
        for layer in layers:
            wanted = [
                mean([x[other] for other in beside.get(name, [name])]) for name in layer
            ]
            x |= dict(zip(layer, spread(layer, wanted), strict=True))
    return x


def spread(layer: list[str], wanted: list[float]) -> Iterator[float]:
    """Yield places as wanted, moved apart where names would overlap."""
    halves = [(LANE if "@" in name else BOX + GAP) / 2 for name in layer]
    places: list[float] = []
    for at, place in enumerate(wanted):
        least = places[-1] + halves[at - 1] + halves[at] if places else place
        places.append(max(place, least))
    shift = mean([want - place for want, place in zip(wanted, places, strict=True)])
    yield from (place + shift for place in places)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def arrow(points: list[tuple[float, float]]) -> str:
    """Return a curve from the foot of the first box to the top of the last."""
    (x, y), *rest = points
    y += HIGH / 2
    path = f"M{x:.0f} {y:.0f}"
    for at, (to_x, to_y) in enumerate(rest, 1):
        end = to_y - HIGH / 2
        half = (end - y) / 2
        path += f"C{x:.0f} {y + half:.0f} {to_x:.0f} {end - half:.0f}"
        path += f" {to_x:.0f} {end:.0f}"
        x, y = to_x, end
        if at < len(rest):  # straight down past the boxes of this floor
            y += HIGH
            path += f"V{y:.0f}"
    return f'<path class="arrow" marker-end="url(#head)" d="{path}"/>'


def box(room: str, x: float, y: float) -> str:
    """Return a room's box with its name and what stands in it."""
    return (
        f'<rect class="box" x="{x - BOX / 2:.0f}" y="{y - HIGH / 2:.0f}" rx="6"'
        f' width="{BOX}" height="{HIGH}"/>'
        f'<text class="name" text-anchor="middle" x="{x:.0f}" y="{y - 3:.0f}">'
        f"{room}</text>"
        f'<text class="about" text-anchor="middle" x="{x:.0f}" y="{y + 13:.0f}">'
        f"{ROOMS.get(room, '')}</text>"
    )


if __name__ == "__main__":
    main()
