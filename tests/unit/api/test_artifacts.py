"""What a job leaves behind, to be downloaded whole or in parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.unit.api.calls import (
    is_problem,
    publish,
)


def test_a_file_is_served_with_its_digest(client: TestClient, tmp_path: Path) -> None:
    id, raw = publish(client, tmp_path)
    [listed] = client.get(f"/v1/jobs/{id}/artifacts").json()["artifacts"]
    path = f"/v1/jobs/{id}/artifacts/{listed['name']}"
    response = client.get(path)
    assert response.content == raw
    assert response.headers["ETag"] == f'"{listed["sha256"]}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    cached = client.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (cached.status_code, cached.content) == (304, b"")
    stale = client.get(path, headers={"If-None-Match": '"other"'})
    assert stale.status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=5000-", 5000, 5120), ("bytes=-20", 5100, 5120)],
)
def test_a_range_of_a_file_is_served(
    client: TestClient, tmp_path: Path, asked: str, start: int, end: int
) -> None:
    id, raw = publish(client, tmp_path)
    path = f"/v1/jobs/{id}/artifacts/model.safetensors"
    response = client.get(path, headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == raw[start:end]
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/5120"
    changed = {"Range": asked, "If-Range": '"other"'}
    assert client.get(path, headers=changed).content == raw


def test_a_range_outside_a_file_is_416(client: TestClient, tmp_path: Path) -> None:
    id, _ = publish(client, tmp_path)
    path = f"/v1/jobs/{id}/artifacts/model.safetensors"
    response = client.get(path, headers={"Range": "bytes=9999-"})
    is_problem(response, 416, "range")
    assert response.headers["Content-Range"] == "bytes */5120"


@pytest.mark.parametrize(
    "name", ["nothing.json", "..%2F..%2Fautosample.db", "%2Fetc%2Fpasswd"]
)
def test_only_published_names_are_served(
    client: TestClient, tmp_path: Path, name: str
) -> None:
    id, _ = publish(client, tmp_path)
    response = client.get(f"/v1/jobs/{id}/artifacts/{name}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
