"""What operators see: figures, logs, and what happens when the disk fills."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.main import create_app
from autosample.core.events import EpochEnded
from autosample.core.progress import Stage
from autosample.jobs.logs import Form, JsonLine, TextLine, configure, log_context
from autosample.jobs.scratch import clear_scratch, make_scratch
from autosample.jobs.settings import Settings
from autosample.jobs.state import Failure
from tests.unit.api.calls import (
    CSV,
    claimed,
    dataset,
    is_problem,
    publish,
    store,
    submit,
    upload,
)
from workers.attempt import failure_of


def sample(client: TestClient, name: str, **labels: str) -> float | None:
    text = client.get("/metrics").text
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            if each.name == name and labels.items() <= each.labels.items():
                return float(each.value)
    return None


def test_figures_are_of_the_queue_and_of_those_who_work_on_it(
    client: TestClient,
) -> None:
    assert sample(client, "autosample_jobs", state="queued") == 0
    assert sample(client, "autosample_workers") == 0
    for _ in range(3):
        submit(client)
    held = claimed(client)
    store(client).record_heartbeat("w1")
    epoch = EpochEnded(
        trial="dns", epoch=1, loss=0.5, metric=0.1, best=0.1, seconds=0.5, pairs=1000
    )
    happened = [(Stage.SEARCHING, epoch)] * 2
    store(client).record_progress(held, Stage.SEARCHING, 0.5, happened)
    assert sample(client, "autosample_jobs", state="queued") == 2
    assert sample(client, "autosample_jobs", state="running") == 1
    assert sample(client, "autosample_attempts", outcome="running") == 1
    assert sample(client, "autosample_workers") == 1
    assert sample(client, "autosample_training_pairs_per_second") == 2000
    wait = sample(client, "autosample_oldest_wait_seconds")
    assert wait is not None
    assert 0 <= wait < 60
    store(client).fail(held, Failure(reason="data", detail="bad"))
    assert sample(client, "autosample_attempts", outcome="failed") == 1
    assert (sample(client, "autosample_free_bytes") or 0) > 0


def test_requests_are_timed_by_route_and_not_by_path(client: TestClient) -> None:
    for _ in range(3):
        client.get("/v1/jobs/00000000-0000-7000-8000-000000000000")
    labels = {"method": "GET", "route": "/v1/jobs/{id}", "status": "404"}
    assert sample(client, "autosample_request_seconds_count", **labels) == 3
    client.get("/nothing/here")
    nowhere = {"method": "GET", "route": "none", "status": "404"}
    assert sample(client, "autosample_request_seconds_count", **nowhere) == 1


@pytest.fixture
def full(tmp_path: Path) -> Iterator[TestClient]:
    """A service that wants more room than there is."""
    settings = Settings(home=tmp_path / "home", low_water=1 << 62)
    with TestClient(create_app(settings)) as client:
        yield client


def test_little_room_refuses_new_work_and_lets_the_rest_go_on(
    full: TestClient, client: TestClient
) -> None:
    refused = full.post("/v1/datasets", files={"file": ("a.csv", CSV.encode())})
    is_problem(refused, 507, "disk-full")
    is_problem(full.post("/v1/jobs", json={"dataset": "x"}), 507, "disk-full")
    assert full.get("/v1/jobs").status_code == 200
    ready = full.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["disk"] is False
    id = dataset(client)
    assert client.get(f"/v1/datasets/{id}").status_code == 200


def test_a_full_disk_fails_one_attempt_and_says_so() -> None:
    failure = failure_of(OSError(errno.ENOSPC, "No space left on device"))
    assert failure.reason == "disk"
    assert "no room" in failure.detail
    assert failure_of(OSError(errno.EIO, "broken")).reason == "internal"


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield capsys
    for each in list(root.handlers):
        root.removeHandler(each)
    for each in handlers:
        root.addHandler(each)
    root.setLevel(level)


def test_a_line_of_the_log_says_which_job_and_attempt_it_is_about(
    logs: pytest.CaptureFixture[str],
) -> None:
    configure(Form.JSON)
    with log_context(job="j1", attempt=2):
        try:
            raise ValueError("of no use")
        except ValueError:
            logging.getLogger("here").exception("it broke at %d", 7)
    logging.getLogger("here").info("elsewhere")
    first, second = (json.loads(line) for line in logs.readouterr().err.splitlines())
    assert (first["job"], first["attempt"], first["level"]) == ("j1", 2, "error")
    assert first["message"] == "it broke at 7"
    assert "ValueError: of no use" in first["traceback"]
    assert "job" not in second
    configure(Form.TEXT)
    with log_context(job="j1"):
        logging.getLogger("here").info("claimed")
    assert logs.readouterr().err == "INFO here: claimed [job=j1]\n"


def test_both_forms_of_a_line_are_one_line() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "x %s", ("y",), None)
    for line in (TextLine(), JsonLine()):
        assert "\n" not in line.format(record)


def test_files_over_their_quota_refuse_new_work(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", quota=2000, low_water=0)
    with TestClient(create_app(settings)) as client:
        files = Path(tmp_path / "home" / "files")
        files.mkdir(parents=True)
        sent = {"file": ("a.csv", CSV.encode())}
        assert client.post("/v1/datasets", files=sent).status_code == 201
        (files / "big").write_bytes(bytes(3000))
        client.app.state.disk_space._counted = -1e9  # type: ignore[attr-defined]
        refused = client.post("/v1/datasets", files=sent)
        is_problem(refused, 507, "disk-full")
        assert refused.headers["Retry-After"] == "60"
        assert "quota" in refused.json()["detail"]
        assert client.get("/readyz").json()["disk"] is False


def test_folders_of_dead_processes_are_deleted_and_of_living_ones_not() -> None:
    prefix = f"autosample-test-{os.getpid()}-"
    mine = make_scratch(prefix)
    child = subprocess.Popen(["true"])
    child.wait()
    left = mine.parent / f"{prefix}{child.pid}-x"
    left.mkdir()
    assert clear_scratch(prefix) == 1
    assert mine.exists()
    assert not left.exists()
    mine.rmdir()


@pytest.mark.parametrize("harm", ["deleted", "cut off", "changed"])
def test_a_file_of_a_bundle_that_was_harmed_is_never_sent(
    client: TestClient, tmp_path: Path, harm: str
) -> None:
    id, raw = publish(client, tmp_path)
    url = f"/v1/jobs/{id}/artifacts/model.safetensors"
    assert client.get(url).content == raw
    files = client.app.state.files  # type: ignore[attr-defined]
    path = Path(f"{files.root}/jobs/{id}/1/model.safetensors")
    if harm == "deleted":
        path.unlink()
    else:
        path.write_bytes(raw[:-1] if harm == "cut off" else raw[:-1] + b"?")
    body = is_problem(client.get(url), 410, "gone")
    assert "run the search again" in body["detail"]


def test_a_disk_that_fills_up_while_an_upload_is_stored_is_507(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    files = client.app.state.files  # type: ignore[attr-defined]
    monkeypatch.setattr(files, "_sync", full)
    is_problem(upload(client), 507, "disk-full")
    assert client.get("/v1/datasets").json() == {"datasets": []}
    assert not list(Path(f"{files.root}/datasets").iterdir())
