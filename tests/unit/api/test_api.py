"""Every route, and every way to use it wrongly."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr

from api.main import create_app
from api.openapi import schema
from api.security import check_bind
from autosample.errors import SpecError
from autosample.jobs.keys import Scope, SqlKeyStore
from autosample.jobs.settings import Settings
from autosample.jobs.sql import SqlJobStore
from autosample.jobs.state import Claim, Failure
from autosample.progress import Stage

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
    store(client).succeed(held, {"version": "x"}, f"jobs/{id}/1", files)
    return id, raw


# Data sets


@pytest.mark.apart
def test_an_upload_tells_what_is_in_it(client: TestClient) -> None:
    response = upload(client)
    assert response.status_code == 201
    body = response.json()
    assert response.headers["Location"] == f"/v1/datasets/{body['id']}"
    assert (body["name"], body["stats"]["users"]) == ("a.csv", 30)
    assert client.get(response.headers["Location"]).json() == body
    assert client.get("/v1/datasets").json() == {"datasets": [body]}


def test_the_same_bytes_and_options_give_the_same_data_set(client: TestClient) -> None:
    first, again = upload(client).json(), upload(client).json()
    assert first == again
    assert upload(client, k_core=2).json()["id"] != first["id"]


@pytest.mark.apart
def test_a_test_file_comes_along(client: TestClient) -> None:
    files = {
        "file": ("train.txt", b"1 10 11\n2 12 10\n"),
        "test_file": ("test.txt", b"1 12\n"),
    }
    stats = client.post("/v1/datasets", files=files).json()["stats"]
    assert (stats["pairs"], stats["test_pairs"]) == (4, 1)


def test_gzip_is_read_as_what_it_holds(client: TestClient) -> None:
    response = upload(client, gzip.compress(CSV.encode()), name="a.csv.gz")
    assert response.json()["stats"]["pairs"] == upload(client).json()["stats"]["pairs"]


def test_a_deleted_data_set_is_gone(client: TestClient) -> None:
    id = dataset(client)
    assert client.delete(f"/v1/datasets/{id}").status_code == 204
    is_problem(client.get(f"/v1/datasets/{id}"), 404, "unknown-dataset")
    is_problem(client.delete(f"/v1/datasets/{id}"), 404, "unknown-dataset")


def test_a_data_set_in_use_stays(client: TestClient) -> None:
    id = submit(client).json()["spec"]["dataset"]
    is_problem(client.delete(f"/v1/datasets/{id}"), 409, "in-use")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "a.csv", "is empty"),
        ("a,b\n1,2\n", "a.csv", "no user column"),
        (b"user,item\n1,\xff\n", "a.csv", "not UTF-8"),
        ("nope", "a.parquet", "not a readable Parquet"),
        ("user,item\n1,\n", "a.csv", "'item' is missing in row 1"),
        ("user,item\n-1,2\n", "a.csv", "negative"),
        ("user,item\n1,1\n1,2\n2,1\n", "a.csv", "every one of the 2 items"),
        ("user,item\n1,1\n", "a.csv", "at least two"),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_kept(
    client: TestClient, content: str | bytes, name: str, message: str
) -> None:
    body = is_problem(upload(client, content, name), 422, "data")
    assert message in body["detail"]
    assert client.get("/v1/datasets").json() == {"datasets": []}


@pytest.mark.parametrize("options", ["{", '{"k_kore": 2}', '{"k_core": -1}', "[]"])
def test_bad_options_are_named(client: TestClient, options: str) -> None:
    files = {"file": ("a.csv", CSV.encode())}
    response = client.post("/v1/datasets", files=files, data={"options": options})
    assert "options" in is_problem(response, 422, "spec")["detail"]


def test_an_upload_without_a_file_is_a_problem(client: TestClient) -> None:
    body = is_problem(client.post("/v1/datasets"), 422, "validation")
    assert body["errors"][0]["pointer"] == "#/file"


def test_a_body_over_the_limit_is_refused_by_its_length(client: TestClient) -> None:
    is_problem(upload(client, "x" * 300_000), 413, "too-large")


def test_a_body_over_the_limit_is_refused_while_it_is_read(client: TestClient) -> None:
    def chunks() -> Any:
        head = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        yield head
        for _ in range(40):
            yield b"x" * 10_000

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post("/v1/datasets", content=chunks(), headers=kind)
    is_problem(response, 413, "too-large")


def test_a_spec_is_not_megabytes(client: TestClient) -> None:
    response = client.post("/v1/jobs", json={"dataset": "x" * 1_100_000})
    is_problem(response, 413, "too-large")


# Jobs


def test_a_job_is_queued_found_and_cancelled_once(client: TestClient) -> None:
    response = submit(client, metric="recall@10")
    assert response.status_code == 202
    where = response.headers["Location"]
    job = client.get(where).json()
    assert job == response.json()
    assert (job["state"], job["spec"]["metric"]) == ("queued", "recall@10")
    assert client.post(f"{where}/cancel").json()["state"] == "cancelled"
    is_problem(client.post(f"{where}/cancel"), 409, "illegal-move")
    assert client.post(f"{where}/retry").json()["state"] == "queued"


def test_validating_queues_nothing(client: TestClient) -> None:
    body = {"dataset": dataset(client)}
    response = client.post("/v1/jobs", params={"validate_only": True}, json=body)
    assert response.status_code == 200
    found = response.json()
    assert found["spec"]["model"]["kind"] == "mf"
    assert found["forecast"]["likely"]["seconds"] > 0
    assert found["forecast"]["most"]["pair_updates"] > 0
    assert client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"epoch": 3}, "#/epoch"),
        ({"model": {"kind": "nope"}}, "#/model"),
        ({"candidates": [{"kind": "uniform"}, {"kind": "nope"}]}, "#/candidates/1"),
        ({"candidates": [{"kind": "uniform"}, {"kind": "uniform"}]}, "#/"),
        ({"metric": "ndcg@0"}, "#/metric"),
        ({"training": {"epochs": "many"}}, "#/training/epochs"),
    ],
)
def test_a_bad_spec_points_to_its_field(
    client: TestClient, spec: dict[str, Any], pointer: str
) -> None:
    body = is_problem(submit(client, **spec), 422, "validation")
    assert pointer in [error["pointer"] for error in body["errors"]]
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_body_that_is_no_json_is_a_problem(client: TestClient) -> None:
    response = client.post("/v1/jobs", content=b"{")
    is_problem(response, 422, "validation")


def test_what_data_and_spec_cannot_do_together_is_refused_at_once(
    client: TestClient,
) -> None:
    is_problem(submit(client, metric="ndcg@100"), 422, "spec")
    is_problem(submit(client, split={"kind": "leave_last_out"}), 422, "data")
    tiny = {"kind": "random", "valid": 1e-9, "test": 0.5}
    body = is_problem(submit(client, split=tiny), 422, "data")
    assert "no validation pairs" in body["detail"]


def test_an_unknown_data_set_or_job_is_404(client: TestClient) -> None:
    response = client.post("/v1/jobs", json={"dataset": "nowhere"})
    is_problem(response, 404, "unknown-dataset")
    for path in ("", "/events?after=0", "/result", "/artifacts", "/artifacts/x"):
        is_problem(client.get(f"/v1/jobs/{uuid4()}{path}"), 404, "unknown-job")
    for verb in ("cancel", "retry"):
        is_problem(client.post(f"/v1/jobs/{uuid4()}/{verb}"), 404, "unknown-job")
    is_problem(client.get("/v1/jobs/not-an-id"), 422, "validation")
    is_problem(client.get("/v1/nothing/here"), 404, "not-found")
    is_problem(client.put("/v1/jobs"), 405, "method-not-allowed")


def test_a_key_replays_the_same_job_and_refuses_another(client: TestClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = submit(client, headers=key).json()
    assert submit(client, headers=key).json()["id"] == first["id"]
    other = submit(client, headers=key, metric="mrr@5")
    is_problem(other, 422, "idempotency-key-reused")
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


def test_jobs_are_paged_and_filtered(client: TestClient) -> None:
    ids = [submit(client).json()["id"] for _ in range(5)]
    client.post(f"/v1/jobs/{ids[0]}/cancel")
    first = client.get("/v1/jobs", params={"limit": 3}).json()
    rest = client.get(
        "/v1/jobs", params={"limit": 3, "page_token": first["next_page_token"]}
    ).json()
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == ids[::-1]
    assert rest["next_page_token"] is None
    gone = client.get("/v1/jobs", params={"state": "cancelled"}).json()["jobs"]
    assert [job["id"] for job in gone] == ids[:1]
    is_problem(client.get("/v1/jobs", params={"page_token": "x"}), 422, "spec")
    is_problem(client.get("/v1/jobs", params={"limit": 1000}), 422, "validation")


def test_an_unfinished_job_has_no_result_yet(client: TestClient) -> None:
    id = submit(client).json()["id"]
    for path in ("result", "artifacts", "artifacts/bundle.zip"):
        body = is_problem(client.get(f"/v1/jobs/{id}/{path}"), 409, "not-finished")
        assert "queued" in body["detail"]


def test_a_failed_job_tells_its_reason(client: TestClient) -> None:
    id = submit(client).json()["id"]
    store(client).fail(claimed(client), Failure(reason="search", detail="all diverged"))
    job = client.get(f"/v1/jobs/{id}").json()
    assert job["state"] == "failed"
    assert job["failure"] == {"reason": "search", "detail": "all diverged"}


def test_a_deleted_job_takes_its_files_along(
    client: TestClient, tmp_path: Path
) -> None:
    queued = submit(client).json()["id"]
    is_problem(client.delete(f"/v1/jobs/{queued}"), 409, "illegal-move")
    client.post(f"/v1/jobs/{queued}/cancel")
    id, _ = publish(client, tmp_path)
    assert client.delete(f"/v1/jobs/{id}").status_code == 204
    is_problem(client.get(f"/v1/jobs/{id}"), 404, "unknown-job")
    assert client.app.state.files.names(f"jobs/{id}") == []  # type: ignore[attr-defined]


# Events


def test_events_are_polled_by_id(client: TestClient) -> None:
    id = submit(client).json()["id"]
    held = claimed(client)
    store(client).tell(held, Stage.SEARCHING, 0.5, [("epoch", {"n": 1})])
    events = client.get(f"/v1/jobs/{id}/events", params={"after": 0}).json()["events"]
    assert [e["kind"] for e in events] == ["state", "state", "epoch"]
    later = {"after": events[1]["id"]}
    rest = client.get(f"/v1/jobs/{id}/events", params=later).json()["events"]
    assert rest == events[2:]


def streamed(response: Response) -> list[dict[str, Any]]:
    lines = response.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def test_a_stream_sends_all_events_and_ends_with_the_job(client: TestClient) -> None:
    id = submit(client).json()["id"]
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(client.get, f"/v1/jobs/{id}/events")
        held = claimed(client)
        store(client).tell(held, Stage.SEARCHING, 0.5, [("epoch", {"n": 1})])
        store(client).succeed(held, {}, "jobs/1", [])
        response = reading.result(timeout=20)
    assert response.headers["content-type"].startswith("text/event-stream")
    kinds = [event["kind"] for event in streamed(response)]
    assert kinds == ["state", "state", "epoch", "state"]
    assert "id: " in response.text
    assert "event: epoch" in response.text


def test_a_stream_resumes_after_the_last_event_id(client: TestClient) -> None:
    id = submit(client).json()["id"]
    client.post(f"/v1/jobs/{id}/cancel")
    everything = streamed(client.get(f"/v1/jobs/{id}/events"))
    last = {"Last-Event-ID": str(everything[0]["id"])}
    rest = streamed(client.get(f"/v1/jobs/{id}/events", headers=last))
    assert rest == everything[1:]


# Artifacts


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


# Catalogue, health, access


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
    store(client).seen("w1")
    assert client.get("/readyz").json()["ready"] is True


def test_the_root_leads_to_the_docs(client: TestClient) -> None:
    assert client.get("/").status_code == 200


def test_with_a_key_nothing_works_without_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, admin_key=SecretStr("s3cret"))
    with TestClient(create_app(settings)) as client:
        for path in ("/v1/jobs", "/v1/datasets", "/v1/samplers", f"/v1/jobs/{uuid4()}"):
            response = client.get(path)
            is_problem(response, 401, "not-allowed")
            assert response.headers["WWW-Authenticate"] == "Bearer"
            wrong = client.get(path, headers={"Authorization": "Bearer s3cre"})
            is_problem(wrong, 401, "not-allowed")
        right = {"Authorization": "Bearer s3cret"}
        assert client.get("/v1/jobs", headers=right).status_code == 200
        assert client.get("/healthz").status_code == 200


def test_without_a_key_only_this_machine_is_served(client: TestClient) -> None:
    settings: Settings = client.app.state.settings  # type: ignore[attr-defined]
    keys: SqlKeyStore = client.app.state.keys  # type: ignore[attr-defined]
    for host in ("127.0.0.1", "::1", "localhost"):
        check_bind(host, settings, keys)
    others = ("0.0.0.0", "::", "10.0.0.1", "example")
    admin = settings.model_copy(update={"admin_key": SecretStr("s")})
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
