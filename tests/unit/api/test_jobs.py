"""Jobs and their events, and every way to ask for them wrongly."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from autosample.core.events import Note
from autosample.core.progress import Stage
from autosample.jobs.state import Failure
from tests.unit.api.calls import (
    claimed,
    dataset,
    is_problem,
    publish,
    store,
    submit,
)


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
    """By the counts alone: the data are loaded by the worker, not by the API."""
    for split in ("leave_last_out", "global_time", "given"):
        is_problem(submit(client, split={"kind": split}), 422, "data")


def test_a_training_that_would_not_fit_is_refused_at_once(client: TestClient) -> None:
    app: Any = client.app
    small = app.state.settings.model_copy(update={"training_memory": 1 << 20})
    app.state.settings = small
    body = is_problem(submit(client, model={"kind": "mf", "width": 4096}), 422, "spec")
    assert "and 1 MiB is the limit" in body["detail"]
    wide = submit(client, model={"kind": "mf", "width": 2_000_000})
    is_problem(wide, 422, "validation")


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


NOTE = (Stage.SEARCHING, Note(text="on"))


def test_events_are_polled_by_id(client: TestClient) -> None:
    id = submit(client).json()["id"]
    held = claimed(client)
    store(client).record_progress(held, Stage.SEARCHING, 0.5, [NOTE])
    events = client.get(f"/v1/jobs/{id}/events", params={"after": 0}).json()["events"]
    assert [e["kind"] for e in events] == ["state", "state", "note"]
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
        store(client).record_progress(held, Stage.SEARCHING, 0.5, [NOTE])
        store(client).publish(held, {}, "jobs/1", [])
        response = reading.result(timeout=20)
    assert response.headers["content-type"].startswith("text/event-stream")
    kinds = [event["kind"] for event in streamed(response)]
    assert kinds == ["state", "state", "note", "state"]
    assert "id: " in response.text
    assert "event: note" in response.text


def test_a_stream_resumes_after_the_last_event_id(client: TestClient) -> None:
    id = submit(client).json()["id"]
    client.post(f"/v1/jobs/{id}/cancel")
    everything = streamed(client.get(f"/v1/jobs/{id}/events"))
    last = {"Last-Event-ID": str(everything[0]["id"])}
    rest = streamed(client.get(f"/v1/jobs/{id}/events", headers=last))
    assert rest == everything[1:]
