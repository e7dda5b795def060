"""Each package imports only from those below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HEAVY = {"alembic", "fastapi", "psutil", "ray", "sqlalchemy", "starlette", "uvicorn"}
HEAVY |= {
    "optuna",
    "prometheus_client",
    "pydantic_settings",
    "api",
    "workers",
    "migrations",
}

MAY: dict[str, set[str]] = {
    "autosample/jobs/": {"sqlalchemy", "pydantic_settings"},
    "api/": {
        "api",
        "fastapi",
        "migrations",
        "prometheus_client",
        "sqlalchemy",
        "starlette",
        "uvicorn",
    },
    "workers/": {"migrations", "optuna", "psutil", "ray", "sqlalchemy", "workers"},
    "migrations/": {"alembic", "migrations", "sqlalchemy"},
}

ORDER = [
    {"errors", "config", "seeds", "types", "relaxation", "progress", "validation"},
    {"plugins", "kernels"},
    {"data"},
    {"models", "samplers", "losses", "optim", "state", "checkpoints"},
    {"compatibility"},
    {"candidates"},
    {"evaluation"},
    {"supernet"},
    {"steps"},
    {"training"},
    {"mixture", "strategies"},
    {"trials", "spec", "study", "tuning"},
    {"running"},
    {"reuse", "forecast", "refit"},
    {"runners"},
    {"budget"},
    {"false_negatives", "verification"},
    {"verdict"},
    {"report", "catalogue", "tables"},
    {"experiment"},
    {"audit"},
    {"story"},
    {"charts"},
    {"web"},
    {"card", "bundle"},
    {"interrupts", "loop", "notebook", "export", "trackers"},
    {"recommender", "library"},
]
"""Layers of the library, lowest first; strategies, trials and spec are one knot of
settings and functions, ordered file by file below."""

WITHIN_SEARCH = [
    "strategies/specs.py", "mixture.py", "trials.py", "spec.py", "strategies/plan.py",
    "study.py", "tuning.py", "strategies/base.py", "strategies/gradient.py",
    "strategies/exhaustive.py", "strategies/race.py", "strategies/asha.py",
    "strategies/tuned.py", "strategies/run.py",
]  # fmt: skip


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


FILES = [
    path
    for top in ("autosample", "api", "workers", "migrations")
    for path in sorted((ROOT / top).rglob("*.py"))
]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_parts_are_imported_only_where_they_belong(path: Path) -> None:
    where = str(path.relative_to(ROOT))
    granted = next(
        (may for start, may in MAY.items() if where.startswith(start)), set()
    )
    used = {name.split(".")[0] for name in imports(path)} & HEAVY
    assert used <= granted


def rank(name: str) -> float | None:
    """Place of a module of the library in the order of layers; None: on top."""
    parts = name.split(".")[1:]
    file = "/".join(parts) + ".py"
    if file in WITHIN_SEARCH:
        at = ORDER.index({"mixture", "strategies"})
        return at + WITHIN_SEARCH.index(file) / len(WITHIN_SEARCH)
    return next(
        (at for at, layer in enumerate(ORDER) if parts and parts[0] in layer), None
    )


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


LAYERED = [
    path
    for path in FILES
    if path.name != "__init__.py"
    and module(path).startswith("autosample.")
    and rank(module(path)) is not None
]


@pytest.mark.parametrize("path", LAYERED, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_imports_from_a_layer_above(path: Path) -> None:
    own = rank(module(path))
    assert own is not None
    for name in imports(path):
        if not name.startswith("autosample."):
            continue
        other = rank(name)
        assert other is not None, f"{name} stands above all layers"
        assert other <= own, f"{name} stands above {path.name}"
