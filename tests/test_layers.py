"""Each package imports only from those below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rooms import (
    ORDER,
    OUT,
    House,
    against,
    floors,
    imported,
    room_of,
)

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
    used = {name.split(".")[0] for name in imported(path)} & HEAVY
    assert used <= granted


LIBRARY = [
    path
    for path in sorted((ROOT / "autosample").rglob("*.py"))
    if path.parent.name != "autosample" or not path.name.startswith("__")
]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_imports_from_a_room_above(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = ORDER.index(room_of(module))
    for name in imported(path):
        if name.startswith("autosample."):
            assert ORDER.index(room_of(name)) <= own, f"{name} stands above {module}"


def test_no_room_imports_from_a_room_above_it() -> None:
    assert not against(House.read().graph())


def test_rooms_that_need_each_other_share_a_floor_and_are_counted(
    tmp_path: Path,
) -> None:
    for name, text in {
        "low": "",
        "left": "import autosample.right, autosample.low",
        "right": "from autosample import left",
        "top": "def late():\n    from autosample.right import anything",
    }.items():
        (tmp_path / "autosample").mkdir(exist_ok=True)
        (tmp_path / "autosample" / f"{name}.py").write_text(text)
    house = House.read(tmp_path)
    assert floors(house.graph()) == {"low": 1, "left": 2, "right": 2, "top": 3}
    counts = house.counts()
    assert counts["loose modules in the library"] == 4
    assert counts["imports between rooms"] == 4
    assert counts["imports on a circle"] == 2


def test_the_picture_of_the_rooms_is_as_the_imports_are() -> None:
    """`make rooms` draws it again."""
    assert OUT.read_text() == House.read().picture()
