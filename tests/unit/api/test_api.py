"""The catalogue, health, access, and what no route foresaw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.main import create_app
from api.openapi import schema
from api.security import check_bind
from autosample.errors import SpecError
from autosample.jobs.keys import Scope, SqlKeyStore
from autosample.jobs.settings import Settings
from tests.unit.api.calls import (
    is_problem,
    store,
)


@pytest.mark.parametrize("part", ["samplers", "models", "losses", "strategies"])
def test_the_catalogue_describes_what_a_spec_may_name(
    client: TestClient, part: str
) -> None:
    entries = client.get(f"/v1/{part}").json()["entries"]
    assert entries
    for entry in entries:
        assert entry["defaults"]["kind"] == entry["kind"]
        assert entry["description"]
        assert entry["json_schema"]["properties"]


def test_every_setting_has_a_description(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for name in ("SearchSpec", "Training", "DNS", "Race"):
        for field, told_of in schemas[name]["properties"].items():
            told = "description" in told_of or "$ref" in told_of or field == "kind"
            assert told, f"{name}.{field}"


def test_the_schema_is_the_one_that_was_agreed_on() -> None:
    """Where it changes on purpose: make openapi."""
    frozen = Path(__file__).parents[3] / "docs" / "openapi.json"
    assert json.loads(schema()) == json.loads(frozen.read_text())


def test_health_tells_the_truth(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    waiting = client.get("/readyz")
    assert waiting.status_code == 503
    told = {"ready": False, "database": True, "worker": False, "disk": True}
    assert waiting.json() == told
    store(client).record_heartbeat("w1")
    assert client.get("/readyz").json()["ready"] is True


def test_the_root_leads_to_the_docs(client: TestClient) -> None:
    assert client.get("/").status_code == 200


def test_with_a_key_nothing_works_without_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, admin_key=SecretStr("s3cret" * 3))
    with TestClient(create_app(settings)) as client:
        for path in ("/v1/jobs", "/v1/datasets", "/v1/samplers", f"/v1/jobs/{uuid4()}"):
            response = client.get(path)
            is_problem(response, 401, "not-allowed")
            assert response.headers["WWW-Authenticate"] == "Bearer"
            wrong = client.get(path, headers={"Authorization": "Bearer s3crets3cret"})
            is_problem(wrong, 401, "not-allowed")
        right = {"Authorization": "Bearer s3crets3crets3cret"}
        assert client.get("/v1/jobs", headers=right).status_code == 200
        assert client.get("/healthz").status_code == 200


def test_without_a_key_only_this_machine_is_served(client: TestClient) -> None:
    settings: Settings = client.app.state.settings  # type: ignore[attr-defined]
    keys: SqlKeyStore = client.app.state.keys  # type: ignore[attr-defined]
    for host in ("127.0.0.1", "::1", "localhost"):
        check_bind(host, settings, keys)
    others = ("0.0.0.0", "::", "10.0.0.1", "example")
    admin = settings.model_copy(update={"admin_key": SecretStr("s" * 16)})
    for host in others:
        with pytest.raises(SpecError, match="AUTOSAMPLE_ADMIN_KEY"):
            check_bind(host, settings, keys)
        check_bind(host, admin, keys)
    keys.create("mine", Scope.ADMIN)
    for host in others:
        check_bind(host, settings, keys)


def test_an_unforeseen_error_is_a_problem_and_tells_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(store(client), "page", broken)
    body = is_problem(client.get("/v1/jobs"), 500, "internal")
    assert "hunter2" not in json.dumps(body)
