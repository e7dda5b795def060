"""What the tests of the API ask of it, and what a worker would do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response

from autosample.jobs.state import Claim
from autosample.jobs.store import SqlJobStore

CSV = "user,item\n" + "".join(
    f"{user},{(user * 7 + n * n) % 40}\n" for user in range(30) for n in range(6)
)


def upload(
    client: TestClient, content: str | bytes = CSV, name: str = "a.csv", **options: Any
) -> Response:
    raw = content.encode() if isinstance(content, str) else content
    return client.post(
        "/v1/datasets",
        files={"file": (name, raw)},
        data={"options": json.dumps(options)},
    )


def dataset(client: TestClient) -> str:
    id: str = upload(client).json()["id"]
    return id


def submit(client: TestClient, **spec: Any) -> Response:
    headers = spec.pop("headers", {})
    body = {"dataset": dataset(client)} | spec
    return client.post("/v1/jobs", json=body, headers=headers)


def is_problem(response: Response, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:autosample:problem:{kind}"
    assert body["status"] == status
    assert body["detail"]
    return body


def store(client: TestClient) -> SqlJobStore:
    found: SqlJobStore = client.app.state.jobs  # type: ignore[attr-defined]
    return found


def claimed(client: TestClient) -> Claim:
    held = store(client).claim("w1")
    assert held is not None
    return held


def publish(client: TestClient, tmp_path: Path) -> tuple[str, bytes]:
    """Finish a job as a worker does; returns its id and the bytes of a file."""
    id = submit(client).json()["id"]
    held, raw = claimed(client), bytes(range(256)) * 20
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(raw)
    files = client.app.state.files.put(folder, f"jobs/{id}/1")  # type: ignore[attr-defined]
    store(client).publish(held, {"version": "x"}, f"jobs/{id}/1", files)
    return id, raw
