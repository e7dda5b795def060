"""docker-compose.yml, where no engine is at hand: its schema, and what it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from autosample.cli import complete

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_it_follows_the_compose_specification() -> None:
    command = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [sys.executable, "-m", *command, str(ROOT / "docker-compose.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_starts_what_there_is() -> None:
    known = {command.name for command in complete().registered_commands}
    known |= {command.callback.__name__ for command in complete().registered_commands}  # type: ignore[union-attr]
    for name in ("api", "worker"):
        program, command, *_ = COMPOSE["services"][name]["command"]
        assert program == "autosample"
        assert command in known
    assert COMPOSE["services"]["migrate"]["command"] == ["python", "-m", "migrations"]
    assert (ROOT / "migrations" / "__main__.py").exists()


def test_nothing_works_before_the_database_and_its_schema() -> None:
    services = COMPOSE["services"]
    assert services["migrate"]["depends_on"]["db"]["condition"] == "service_healthy"
    for name in ("api", "worker"):
        waits = services[name]["depends_on"]["migrate"]["condition"]
        assert waits == "service_completed_successfully"


def test_the_key_has_no_default() -> None:
    key = COMPOSE["services"]["api"]["environment"]["AUTOSAMPLE_ADMIN_KEY"]
    assert key.startswith("${AUTOSAMPLE_ADMIN_KEY:?")
