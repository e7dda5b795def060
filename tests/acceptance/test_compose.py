"""docker-compose.yml, where no engine is at hand: its schema, and what it runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from autosample.cli.main import complete
from autosample.jobs.engine import connect
from autosample.jobs.settings import Settings
from autosample.jobs.store import SqlJobStore
from migrations.upgrade import upgrade
from tests.acceptance.service import Service

pytestmark = pytest.mark.slow

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


def test_what_stays_up_is_looked_after_and_has_limits() -> None:
    for name in ("db", "api", "worker"):
        service = COMPOSE["services"][name]
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]
        assert service["mem_limit"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "\nUSER autosample\n" in dockerfile


def test_the_checks_of_api_and_worker_tell_the_truth(tmp_path: Path) -> None:
    _, *command = COMPOSE["services"]["worker"]["healthcheck"]["test"]
    settings = Settings(home=tmp_path)
    env = os.environ | {"AUTOSAMPLE_HOME": str(tmp_path)}
    program = [sys.executable, "-m", *command]
    upgrade(settings.database_url)
    assert subprocess.run(program, env=env, check=False).returncode == 1
    engine = connect(settings.database_url)
    SqlJobStore(engine).record_heartbeat(f"{socket.gethostname()}-1-x")
    engine.dispose()
    assert subprocess.run(program, env=env, check=False).returncode == 0

    _, python, *look = COMPOSE["services"]["api"]["healthcheck"]["test"]
    assert python == "python"
    service = Service(tmp_path / "served")
    at = [part.replace("http://127.0.0.1:8000", service.url) for part in look]
    try:
        service.serve("--no-worker")
        assert subprocess.run([sys.executable, *at], check=False).returncode == 0
    finally:
        service.stop()
    failed = subprocess.run(
        [sys.executable, *at], check=False, stderr=subprocess.DEVNULL
    )
    assert failed.returncode == 1
