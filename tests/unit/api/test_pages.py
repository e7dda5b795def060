"""The pages: who sees them, and what they are made of; a browser tests what they do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from api.pages import ASSETS
from autosample.core.events import EpochEnded
from autosample.core.progress import Stage
from autosample.jobs.keys import Scope, SqlKeyStore
from autosample.jobs.settings import Settings
from autosample.jobs.state import Failure
from tests.unit.api.calls import CSV, claimed, dataset, store, submit

PAGES = ("/", "/new", "/compare")


@pytest.mark.parametrize("path", PAGES)
def test_pages_ask_no_other_host_for_anything(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", answer.text)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_every_asset_that_pages_name_is_there(client: TestClient) -> None:
    submit(client)
    job = f"/jobs/{client.get('/v1/jobs').json()['jobs'][0]['id']}"
    named = {
        name
        for path in (*PAGES, job, "/login")
        for name in re.findall(r'"/assets/([^"]+)"', client.get(path).text)
    }
    assert named == set(ASSETS)
    for name in named:
        assert client.get(f"/assets/{name}").status_code == 200
    assert client.get("/assets/..%2Fpages.py").status_code == 404
    assert client.get("/assets/none.js").status_code == 404


def test_names_of_files_are_text_and_not_markup(client: TestClient) -> None:
    sent = {"file": ("<img src=x onerror=alert(1)>.csv", CSV.encode())}
    id = client.post("/v1/datasets", files=sent).json()["id"]
    client.post("/v1/jobs", json={"dataset": id})
    job = client.get("/v1/jobs").json()["jobs"][0]["id"]
    for path in ("/", "/new", f"/jobs/{job}"):
        text = client.get(path).text
        assert "<img" not in text
        assert "&lt;img src=x" in text


def test_a_job_that_failed_says_why(client: TestClient) -> None:
    submit(client)
    held = claimed(client)
    store(client).fail(held, Failure(reason="data", detail="too <few> pairs"))
    text = client.get(f"/jobs/{held.job.id}").text
    assert "too &lt;few&gt; pairs" in text
    assert 'id="retry"' in text
    assert client.get("/jobs/00000000-0000-7000-8000-000000000000").status_code == 404


def test_charts_of_a_job_grow_with_its_events(client: TestClient) -> None:
    submit(client)
    held = claimed(client)
    url = f"/v1/jobs/{held.job.id}/charts"
    assert client.get(url).json() == {"charts": []}
    epochs = [
        (
            Stage.SEARCHING,
            EpochEnded(trial="dns", epoch=at, loss=0.5, metric=0.1 * at, best=0.1 * at),
        )
        for at in range(1, 701)
    ]
    store(client).record_progress(held, Stage.SEARCHING, 0.5, epochs)
    [chart] = client.get(url).json()["charts"]
    assert chart["id"] == "curves"
    assert len(chart["data"][0]["y"]) == 700


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[tuple[TestClient, str]]:
    settings = Settings(home=tmp_path / "home", rate=1e6, burst=10**6)
    with TestClient(create_app(settings), follow_redirects=False) as client:
        keys: SqlKeyStore = client.app.state.keys  # type: ignore[attr-defined]
        yield client, keys.create("ann", Scope.SUBMIT)[1]


@pytest.mark.parametrize("path", [*PAGES, "/jobs/00000000-0000-7000-8000-000000000000"])
def test_who_has_no_key_is_asked_for_it(
    keyed: tuple[TestClient, str], path: str
) -> None:
    answer = keyed[0].get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/login?next={path}"


def test_a_key_opens_pages_and_api_to_a_browser(keyed: tuple[TestClient, str]) -> None:
    client, key = keyed
    wrong = client.post("/login", data={"key": "no"})
    assert wrong.status_code == 401
    assert "not known" in wrong.text
    right = client.post("/login", data={"key": key, "next": "/new"})
    assert right.status_code == 303
    assert right.headers["Location"] == "/new"
    told = right.headers["Set-Cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert client.get("/new").status_code == 200
    assert client.get("/v1/jobs").status_code == 200
    client.post("/logout")
    assert client.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize("next", ["https://evil.example", "//evil.example", "/\\evil"])
def test_a_key_leads_nowhere_else(keyed: tuple[TestClient, str], next: str) -> None:
    client, key = keyed
    answer = client.post("/login", data={"key": key, "next": next})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_change_nothing(client: TestClient, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    sent = {"file": ("a.csv", CSV.encode())}
    refused = client.post("/v1/datasets", files=sent, headers=headers)
    assert refused.status_code == 403
    assert client.get("/v1/datasets", headers=headers).json() == {"datasets": []}
    own = {"Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/datasets", files=sent, headers=own).status_code == 201


def test_a_preview_keeps_nothing(client: TestClient) -> None:
    sent = {"file": ("a.csv", CSV.encode())}
    told = client.post("/v1/datasets/preview", files=sent).json()
    assert told["columns"] == CSV.splitlines()[0].split(",")
    assert told["guessed"]["user"] == "user"
    assert client.get("/v1/datasets").json() == {"datasets": []}
    assert dataset(client)
