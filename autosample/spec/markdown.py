"""The catalogue as Markdown tables, as docs/catalogue.md shows them; a test compares.

autosample catalogue --markdown
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from autosample.core.config import Config
from autosample.core.plugins import kind_of
from autosample.core.ranges import ranges
from autosample.samplers.choices import CHOICES
from autosample.samplers.proposals import PROPOSALS
from autosample.samplers.synthesis import SYNTHESES
from autosample.spec.catalogue import CATALOGUE

BEGIN = "<!-- made by: autosample catalogue --markdown -->"
END = "<!-- end of the catalogue -->"

PARTS: dict[str, Sequence[type[Config]]] = {
    "proposals of `custom`": PROPOSALS,
    "choices of `custom`": CHOICES,
    "syntheses of `custom`": SYNTHESES,
}


def markdown() -> str:
    """Return a table per part of the catalogue, and per part of a custom sampler."""
    tables = [_table(part, configs()) for part, configs in CATALOGUE.items()]
    tables[1:1] = [_table(part, configs) for part, configs in PARTS.items()]
    return "\n\n".join(tables)


def within(text: str) -> str:
    """Return a text with the tables between its two marks written anew."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


def _table(title: str, configs: Sequence[type[Config]]) -> str:
    head = (
        f"**{title.capitalize()}**\n\n| kind | | settings | source |\n|---|---|---|---|"
    )
    return "\n".join([head, *(_row(config) for config in configs)])


def _row(config: type[Config]) -> str:
    description = " ".join((inspect.getdoc(config) or "").split())
    helps = getattr(config, "helps", "")
    cells = [
        f"`{kind_of(config)}`",
        f"{description} *{helps}*" if helps else description,
        ", ".join(_settings(config)),
        getattr(config, "paper", ""),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _settings(config: type[Config]) -> list[str]:
    """Return each setting with its default, and the range a search may refine."""
    defaults = config.model_validate({"kind": kind_of(config)})
    allowed, cells = ranges(defaults), []
    for name, value in defaults.model_dump(mode="json").items():
        if name == "kind":
            continue
        text = f"`{name}` {_short(value)}"
        if name in allowed:
            text += f" ({allowed[name].low:g} to {allowed[name].high:g})"
        cells.append(text)
    return cells


def _short(value: object) -> str:
    """Return a default in few words; a part is shown by its kind."""
    if isinstance(value, dict):
        return str(value.get("kind", "...")) if "kind" in value else "{...}"
    if isinstance(value, list):
        return f"[{', '.join(_short(item) for item in value)}]"
    return json.dumps(value)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(within(page.read_text("utf-8")), "utf-8")
