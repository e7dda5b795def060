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
    "errors",
    "core",
    "kernels",
    "losses",
    "data",
    "models",
    "samplers",
    "evaluation",
    "training",
    "trials",
    "spec",
    "experiment",
    "views",
    "bundle",
    "library",
    "client",
    "jobs",
    "testing",
    "cli",
]
"""Rooms of the library, lowest first."""


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


def room(module: str) -> str:
    """Return the room that a module of the library stands in."""
    return module.split(".")[1]


LIBRARY = [
    path
    for path in sorted((ROOT / "autosample").rglob("*.py"))
    if path.parent.name != "autosample" or not path.name.startswith("__")
]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_imports_from_a_room_above(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = ORDER.index(room(module))
    for name in imports(path):
        if name.startswith("autosample."):
            assert ORDER.index(room(name)) <= own, f"{name} stands above {module}"
