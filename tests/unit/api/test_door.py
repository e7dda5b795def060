"""What strangers send is refused before it is read, stored or worked on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.types import Message, Scope

from api.door import Door
from api.main import create_app
from autosample.jobs.settings import Settings
from tests.unit.api.calls import is_problem, upload

KEY = "k" * 20


@pytest.fixture
def guarded(tmp_path: Path) -> TestClient:
    settings = Settings(home=tmp_path, admin_key=SecretStr(KEY))
    return TestClient(create_app(settings), raise_server_exceptions=False)


SENT = {"type": "http.request", "body": b"x" * 100, "more_body": True}


def knock(
    app: Any, messages: list[Message], headers: dict[str, str], path: str
) -> tuple[list[Message], int]:
    """Send a request by hand; returns the answer and how many messages were read."""
    answer: list[Message] = []
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.sleep(60)
        return left.pop(0)

    async def send(message: Message) -> None:
        answer.append(message)

    scope: Scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "app": app, "server": ("127.0.0.1", 80), "scheme": "http", "root_path": "",
        "http_version": "1.1", "client": ("127.0.0.1", 1), "raw_path": path.encode(),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return answer, len(messages) - len(left)


def test_an_upload_without_a_key_is_refused_before_its_body_is_read(
    guarded: TestClient,
) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x", "host": "127.0.0.1"}
    answer, read = knock(guarded.app, [SENT] * 50, headers, "/v1/datasets")
    assert answer[0]["status"] == 401
    assert read == 0


def test_a_client_that_falls_silent_is_answered_in_time(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, body_seconds=0.2)
    headers = {"content-type": "application/json", "host": "127.0.0.1"}
    answer, read = knock(create_app(settings), [SENT], headers, "/v1/jobs")
    assert answer[0]["status"] == 408
    assert read == 1


def test_a_silent_upload_is_answered_in_time(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, body_seconds=0.2)
    headers = {"content-type": "multipart/form-data; boundary=x", "host": "127.0.0.1"}
    begun = SENT | {"body": b"--x\r\n"}
    answer, _ = knock(create_app(settings), [begun], headers, "/v1/datasets")
    assert answer[0]["status"] == 408


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"dataset": "x", "seeds": [NaN]}', "NaN is no number"),
        ('{"budget": {"seconds": Infinity}}', "Infinity is no number"),
        ('{"budget": {"seconds": 1e999}}', "body/budget/seconds is too large"),
        ('{"seeds": [18446744073709551616]}', "body/seeds/0 is an integer of more"),
        ('{"dataset": "a\\u0000b"}', "body/dataset holds U+0000"),
        ('{"dataset": "\\ud800"}', "body/dataset holds U+D800"),
        ('{"a\\u0007": 1}', "a key of the body holds U+0007"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 99 + "]" * 99, "nested more than 64 deep"),
    ],
)
def test_json_that_nothing_can_store_is_refused(
    client: TestClient, body: str, message: str
) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.post("/v1/jobs", content=body, headers=headers)
    assert message in is_problem(response, 422, "spec")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/datasets/%00", {}),
        ("GET", "/v1/jobs?page_token=%00", {}),
        ("DELETE", "/v1/datasets/a%1Fb", {}),
    ],
)
def test_signs_that_are_no_text_are_refused_in_paths_and_queries(
    client: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    response = client.request(method, path, headers=headers)
    assert "which is no sign of a text" in is_problem(response, 422, "spec")["detail"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.csv", '{"user": "a\\u0000"}'), ("a.csv", '{"min_rating": NaN}')],
)
def test_options_of_an_upload_are_checked_likewise(
    client: TestClient, name: str, options: str
) -> None:
    files = {"file": (name, b"user,item\n1,2\n")}
    response = client.post("/v1/datasets", files=files, data={"options": options})
    is_problem(response, 422, "spec")


@pytest.mark.parametrize("number", [2**63, 2**70, -1])
def test_integers_beyond_64_bits_are_refused_wherever_they_stand(
    client: TestClient, number: int
) -> None:
    upload(client, "user,item\n" + "".join(f"{u},{u % 7}\n{u},8\n" for u in range(9)))
    for path in (f"/v1/jobs?limit={number}", f"/v1/datasets/{number}"):
        assert client.get(path).status_code in (404, 422)
    body = json.dumps({"dataset": "x", "training": {"seed": number}})
    response = client.post("/v1/jobs", content=body)
    assert response.status_code == 422


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.9"])
def test_without_keys_another_name_for_this_machine_is_refused(
    client: TestClient, host: str
) -> None:
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/jobs")):
        response = client.request(method, path, headers={"Host": host})
        assert response.status_code in (403, 404), path
    response = client.get("/v1/jobs", headers={"Host": host})
    assert "AUTOSAMPLE_HOSTS" in is_problem(response, 403, "not-permitted")["detail"]
    for own in ("localhost:8000", "127.0.0.1", "[::1]:8000", "testserver"):
        assert client.get("/v1/jobs", headers={"Host": own}).status_code == 200


def test_with_a_key_any_name_will_do(guarded: TestClient) -> None:
    headers = {"Host": "autosample.example", "Authorization": f"Bearer {KEY}"}
    assert guarded.get("/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/logout", "/v1/jobs"])
def test_pages_of_other_sites_may_not_post(guarded: TestClient, path: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Authorization": f"Bearer {KEY}"}
    response = guarded.post(path, data={"key": KEY}, headers=headers)
    is_problem(response, 403, "not-permitted")


def test_other_kinds_of_connections_pass(guarded: TestClient) -> None:
    seen: list[str] = []

    async def app(scope: Scope, *_: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(Door(app, 1.0)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
