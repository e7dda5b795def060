"""The service as a whole: real processes, real Ray, real kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pyarrow as pa
import pyarrow.csv as pv
import pytest

import autosample
from autosample.client import Job
from autosample.data.synthetic import Synthetic
from autosample.errors import ServiceError
from tests.acceptance.service import Service, wait_for

pytestmark = pytest.mark.slow

SPEC: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}, {"kind": "mixgcf"}],
    "training": {"epochs": 6},
    "strategy": {"kind": "race", "warmup": 2, "rungs": [{"epochs": 2, "keep": 1}]},
}
LONG: dict[str, Any] = {"training": {"epochs": 5000, "patience": 5000}}
STAGES = ("preparing", "searching", "retraining", "evaluating", "publishing")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = Synthetic(users=150, items=100, pairs_per_user=12).build().dataset
    path = tmp_path_factory.mktemp("made") / "made.csv"
    columns = {"user": dataset.train.users_E, "item": dataset.train.items_E}
    pv.write_csv(pa.table(columns), path)
    return path


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    # One trial at a time: the demo's test and that of a cluster run two.
    service = Service(tmp_path / "home", trials=1)
    yield service
    service.stop()


def test_one_command_serves_jobs_from_upload_to_bundle(
    service: Service, made: Path, tmp_path: Path
) -> None:
    """Then a failing job, a cancelled one, one that is tuned, one that is cancelled as
    it is tuned, one that succeeds, and nothing is left behind at the end."""
    server = service.serve()
    dataset = service.client.upload(made)["id"]
    _succeeds(service, dataset, tmp_path)
    wild = service.client.submit(
        dataset, **SPEC | {"training": {"learning_rate": 1e30}}
    )
    with pytest.raises(ServiceError, match="lower it, or raise l2"):
        wild.wait()
    _cancels(service, dataset)
    _tunes(service, dataset)
    after = service.client.submit(dataset, **SPEC)
    taken = after.wait(progress=True).bundle()
    assert taken.sampler.model_dump(mode="json") == after.result()["chosen"]
    _shows(service, after, wild)
    server.send_signal(signal.SIGINT)
    server.wait(90)
    wait_for(lambda: not service.processes(), "all processes to end", 30)


def _succeeds(service: Service, dataset: str, tmp_path: Path) -> None:
    job = service.client.submit(dataset, **SPEC, verify=True, seeds=[0])
    events = [*_streamed(service, job.id)]
    assert events[-1]["data"]["state"] == "succeeded"
    ids = [event["id"] for event in events]
    assert ids == sorted(set(ids))
    stages = [e["data"]["stage"] for e in events if e["kind"] == "stage"]
    assert tuple(dict.fromkeys(stages)) == STAGES
    report = job.result()
    assert report["verdict"]["text"]
    model = autosample.load(job.download(tmp_path / "b.zip"))
    assert model.sampler.model_dump(mode="json") == report["chosen"]
    assert len(model.recommend(0, 5)) == 5
    sampler = job.download(tmp_path / "sampler.json", "sampler.json")
    assert json.loads(sampler.read_text()) == report["chosen"]


def _shows(service: Service, done: Job, failed: Job) -> None:
    """Notebooks a table, terminals what happened."""
    assert done.report().verdict.text in done._repr_html_()
    assert "curves" in done.charts()
    assert "is failed" in failed._repr_html_()
    command = [sys.executable, "-m", "autosample", "jobs"]
    env = os.environ | {"AUTOSAMPLE_URL": service.url}
    run = partial(subprocess.run, env=env, capture_output=True, text=True, check=False)
    logged = run([*command, "logs", done.id]).stdout.splitlines()
    assert logged[0].endswith("queued")
    assert logged[-1].endswith("succeeded")
    assert "raise l2" in run([*command, "logs", failed.id]).stdout.splitlines()[-1]
    watched = run([*command, "watch", done.id, "--json"])
    assert json.loads(watched.stdout) == done.result()
    assert run([*command, "watch", failed.id, "--quiet"]).returncode == 1


def _cancels(service: Service, dataset: str) -> None:
    endless = service.client.submit(dataset, **SPEC | LONG)
    wait_for(lambda: endless.status()["stage"] == "retraining", "retraining")
    began = time.monotonic()
    endless.cancel()
    wait_for(lambda: endless.status()["state"] == "cancelled", "the cancel", 90)
    assert time.monotonic() - began < 15


def _tunes(service: Service, dataset: str) -> None:
    """A job of Ray Tune ends, another is cancelled in its study."""
    fields = SPEC | {"strategy": {"kind": "asha", "grace": 2}}
    job = service.client.submit(dataset, **fields, tune={"samples": 2}).wait()
    assert job.result()["tuning"]["tried"] == 2 + 2
    trace = job.result()["trace"]
    assert [event["kind"] for event in trace] == ["rung", "tuned"]
    endless = service.client.submit(dataset, **fields | LONG)
    wait_for(lambda: endless.status()["progress"] > 0.02, "the study")
    endless.cancel()
    wait_for(lambda: endless.status()["state"] == "cancelled", "the cancel", 90)


def _streamed(service: Service, id: str) -> Iterator[dict[str, Any]]:
    url = f"{service.url}/v1/jobs/{id}/events"
    with httpx2.stream("GET", url, timeout=120) as response:
        for line in response.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line[6:])


def test_workers_that_are_killed_or_stopped_cost_nothing_but_time(
    tmp_path: Path, made: Path, postgres_url: str
) -> None:
    """One job loses a worker in each stage, to SIGTERM as it retrains and to SIGKILL
    otherwise; it ends as if nothing had been."""
    home = tmp_path / "home"
    service = Service(home, database_url=postgres_url, trials=1)
    try:
        assert service.start("migrations").wait(180) == 0, service.log()
        service.serve("--no-worker")
        client = service.client
        dataset = client.upload(made)["id"]
        job = client.submit(dataset, **SPEC)
        _kill_in(service, job, "preparing")
        _kill_in(service, job, "searching")
        _stop_in(service, job, "retraining")
        _kill_in(service, job, "evaluating")
        _kill_in(service, job, "publishing")
        service.worker()
        job.wait()
        states = [e["data"]["state"] for e in _all_events(job) if e["kind"] == "state"]
        assert states.count("succeeded") == 1
        assert states.count("running") == len(STAGES) + 1
        folders = list((home / "files" / "jobs" / job.id).iterdir())
        assert len(folders) == 1  # one published result, nothing left of the others
        _equals(job, client.submit(dataset, **SPEC).wait())
        model = autosample.load(job.download(tmp_path / "b.zip"))
        assert len(model.recommend(0, 5)) == 5
    finally:
        service.stop()


def _kill_in(service: Service, job: Job, stage: str) -> None:
    """Kill a new worker in a stage; the job is queued again after its lease."""
    worker = service.worker(drill_pause=600, drill_stage=stage)
    wait_for(lambda: job.status()["stage"] == stage, stage)
    worker.kill()
    worker.wait()
    wait_for(lambda: job.status()["state"] == "queued", "the reaper", 45)
    wait_for(lambda: len(service.processes()) == 1, "orphans to end", 30)


def _stop_in(service: Service, job: Job, stage: str) -> None:
    """Stop a new worker in a stage; the job is queued at once, and no attempt lost."""
    attempts = job.status()["attempts"]
    worker = service.worker(drill_pause=600, drill_stage=stage)
    wait_for(lambda: job.status()["stage"] == stage, stage)
    worker.terminate()
    assert worker.wait(60) == 0
    left = job.status()
    assert (left["state"], left["attempts"]) == ("queued", attempts)


def test_a_job_is_queued_again_within_seconds_where_its_ray_is_lost(
    service: Service, made: Path
) -> None:
    """Ray itself would notice after minutes, and the worker's heart would go on."""
    service.env["AUTOSAMPLE_LEASE"] = "60"
    service.serve("--no-worker")
    job = service.client.submit(service.client.upload(made)["id"], **SPEC | LONG)
    worker = service.worker()
    wait_for(lambda: job.status()["stage"] == "retraining", "retraining")
    children = psutil.Process(worker.pid).children(recursive=True)
    [head] = [each for each in children if each.name() == "gcs_server"]
    head.kill()
    wait_for(lambda: job.status()["state"] == "queued", "the queue", 20)
    assert job.status()["attempts"] == 1
    assert worker.wait(60) != 0
    job.cancel()


def _equals(job: Job, control: Job) -> None:
    ours, theirs = (
        {file["name"]: file["sha256"] for file in ended.artifacts()}
        for ended in (job, control)
    )
    for name in ("model.safetensors", "sampler.json", "metrics.json"):
        assert ours[name] == theirs[name]


def _all_events(job: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while new := job.events(after=events[-1]["id"] if events else 0):
        events += new
    return events
