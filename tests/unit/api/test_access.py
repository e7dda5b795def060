"""Every route, and who may use it: the access matrix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.main import create_app
from api.rate_limit import RateLimit
from autosample.errors import LimitReached
from autosample.jobs.keys import Scope, SqlKeyStore
from autosample.jobs.settings import Settings
from autosample.jobs.tables import keys as keys_table
from autosample.jobs.tables import now
from autosample.spec.catalogue import CATALOGUE
from tests.unit.api.calls import CSV, is_problem

# Method, path, the scope it needs, and whether it names a thing that has an owner.
ROUTES: list[tuple[str, str, Scope, bool]] = [
    ("POST", "/v1/datasets", Scope.SUBMIT, False),
    ("POST", "/v1/datasets/preview", Scope.SUBMIT, False),
    ("GET", "/v1/datasets", Scope.READ, False),
    ("GET", "/v1/datasets/{dataset}", Scope.READ, True),
    ("DELETE", "/v1/datasets/{dataset}", Scope.SUBMIT, True),
    ("POST", "/v1/jobs", Scope.SUBMIT, True),
    ("GET", "/v1/jobs", Scope.READ, False),
    ("GET", "/v1/jobs/{job}", Scope.READ, True),
    ("POST", "/v1/jobs/{job}/cancel", Scope.SUBMIT, True),
    ("POST", "/v1/jobs/{job}/retry", Scope.SUBMIT, True),
    ("DELETE", "/v1/jobs/{job}", Scope.SUBMIT, True),
    ("GET", "/v1/jobs/{job}/result", Scope.READ, True),
    ("GET", "/v1/jobs/{job}/charts", Scope.READ, True),
    ("GET", "/v1/jobs/{job}/events?after=0", Scope.READ, True),
    ("GET", "/v1/jobs/{job}/artifacts", Scope.READ, True),
    ("GET", "/v1/jobs/{job}/artifacts/model.safetensors", Scope.READ, True),
    ("GET", "/v1/samplers", Scope.READ, False),
    ("GET", "/v1/models", Scope.READ, False),
    ("GET", "/v1/losses", Scope.READ, False),
    ("GET", "/v1/optimizers", Scope.READ, False),
    ("GET", "/v1/schedules", Scope.READ, False),
    ("GET", "/v1/strategies", Scope.READ, False),
    ("GET", "/metrics", Scope.READ, False),
]
OPEN = {"/healthz", "/readyz", "/", "/openapi.json", "/docs"}
IDS = [f"{method} {path}" for method, path, *_ in ROUTES]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path / "home", rate=1e6, burst=10**6)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def keys(app: TestClient) -> SqlKeyStore:
    found: SqlKeyStore = app.app.state.keys  # type: ignore[attr-defined]
    return found


def ask(app: TestClient, method: str, path: str, key: str | None, **ids: str) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    kind: dict[str, Any] = {}
    if method == "POST" and path.startswith("/v1/datasets"):
        kind = {"files": {"file": ("a.csv", CSV.encode())}}
    if (method, path) == ("POST", "/v1/jobs"):
        kind = {"json": {"dataset": ids["dataset"]}}
    return app.request(method, path.format(**ids), headers=headers, **kind)


def things(app: TestClient, key: str) -> dict[str, str]:
    """Upload and submit with a key; returns the ids."""
    dataset = ask(app, "POST", "/v1/datasets", key).json()["id"]
    job = ask(app, "POST", "/v1/jobs", key, dataset=dataset).json()["id"]
    return {"dataset": dataset, "job": job}


def test_the_matrix_names_every_route(app: TestClient) -> None:
    routes = json.loads(app.get("/openapi.json").text)["paths"]
    named = {path.partition("?")[0] for _, path, *_ in ROUTES}
    shown = {path for path in routes if path not in OPEN}
    alike = {
        path.replace("{dataset}", "{id}")
        .replace("{job}", "{id}")
        .replace("model.safetensors", "{name}")
        for path in named
    }
    parts = {f"/v1/{part}" for part in CATALOGUE}
    assert alike - parts == shown - {"/v1/{part}"}


@pytest.mark.parametrize(("method", "path", "scope", "owned"), ROUTES, ids=IDS)
def test_who_has_no_key_is_turned_away(
    app: TestClient, method: str, path: str, scope: Scope, owned: bool
) -> None:
    _, good = keys(app).create("me", Scope.ADMIN)
    ids = things(app, good)
    store = keys(app)
    revoked, gone = store.create("gone", Scope.ADMIN)
    store.revoke(revoked.id)
    expired, late = store.create("late", Scope.ADMIN, days=1)
    with store.engine.begin() as db:
        mine = update(keys_table).where(keys_table.c.id == expired.id)
        db.execute(mine.values(expires=now() - 1))
    for key in (None, "as_0_wrong", good[:-1], gone, late):
        response = ask(app, method, path, key, **ids)
        is_problem(response, 401, "not-allowed")
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "scope", "owned"), ROUTES, ids=IDS)
def test_a_scope_reaches_no_farther_than_it_says(
    app: TestClient, method: str, path: str, scope: Scope, owned: bool
) -> None:
    _, good = keys(app).create("me", Scope.SUBMIT, owner="me")
    ids = things(app, good)
    for each in Scope:
        _, key = keys(app).create("other", each, owner="me")
        response = ask(app, method, path, key, **ids)
        if each.allows(scope):
            assert response.status_code not in (401, 403)
        else:
            is_problem(response, 403, "not-permitted")


OWNED = [route for route in ROUTES if route[3]]


@pytest.mark.parametrize(
    ("method", "path", "scope", "owned"), OWNED, ids=[f"{r[0]} {r[1]}" for r in OWNED]
)
def test_another_owners_things_are_not_there(
    app: TestClient, method: str, path: str, scope: Scope, owned: bool
) -> None:
    _, mine = keys(app).create("me", Scope.SUBMIT, owner="me")
    _, yours = keys(app).create("you", Scope.SUBMIT, owner="you")
    _, admin = keys(app).create("root", Scope.ADMIN)
    ids = things(app, mine)
    hidden = ask(app, method, path, yours, **ids)
    assert hidden.status_code == 404
    missing = {"dataset": "0" * 32, "job": "00000000-0000-7000-8000-000000000000"}
    unknown = ask(app, method, path, yours, **missing)
    assert unknown.json()["type"] == hidden.json()["type"]
    assert ask(app, method, path, admin, **ids).status_code != 404


def test_lists_hold_ones_own_things_alone(app: TestClient) -> None:
    texts = {n: keys(app).create(n, Scope.SUBMIT, owner=n)[1] for n in ("me", "you")}
    ids = {name: things(app, key) for name, key in texts.items()}
    assert ids["me"]["dataset"] != ids["you"]["dataset"]  # though of the same bytes
    for name, key in texts.items():
        jobs = ask(app, "GET", "/v1/jobs", key).json()["jobs"]
        assert [job["id"] for job in jobs] == [ids[name]["job"]]
        found = ask(app, "GET", "/v1/datasets", key).json()["datasets"]
        assert [each["id"] for each in found] == [ids[name]["dataset"]]


def test_every_route_of_the_version_asks_for_a_key(app: TestClient) -> None:
    """Also one that somebody adds and forgets in the matrix."""
    _ = keys(app).create("me", Scope.READ)
    routes = [r for r in app.app.routes if isinstance(r, APIRoute)]  # type: ignore[attr-defined]
    for route in routes:
        if route.path in OPEN:
            continue
        path = route.path.replace("{id}", "x").replace("{part}", "samplers")
        for method in route.methods or ():
            assert app.request(method, path.replace("{name}", "x")).status_code == 401


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", rate=0.01, burst=3)
    with TestClient(create_app(settings)) as client:
        for _ in range(3):
            assert client.get("/v1/samplers").status_code == 200
        refused = client.get("/v1/samplers")
        is_problem(refused, 429, "limit-reached")
        assert 60 < int(refused.headers["Retry-After"]) <= 100
        assert client.get("/healthz").status_code == 200


def test_a_bucket_fills_again_and_keys_do_not_share_it() -> None:
    at = 0.0
    rates = RateLimit(rate=2.0, burst=2, clock=lambda: at)
    for _ in range(2):
        rates.take("a")
    with pytest.raises(LimitReached) as refused:
        rates.take("a")
    assert refused.value.after == pytest.approx(0.5)
    rates.take("b")
    at = 0.5
    rates.take("a")
    with pytest.raises(LimitReached):
        rates.take("a")
    at = 100.0
    for _ in range(2):
        rates.take("a")


def test_data_sets_take_no_more_room_than_one_owner_may_have(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", bytes_per_owner=100)
    with TestClient(create_app(settings)) as client:
        refused = client.post("/v1/datasets", files={"file": ("a.csv", CSV.encode())})
        is_problem(refused, 429, "limit-reached")
        assert client.get("/v1/datasets").json()["datasets"] == []
