"""Streams of events wait on one watcher, end with their key, and are counted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from api.notifier import Notifier
from api.routes import events
from api.routes import jobs as job_routes
from api.routes.events import Stream
from api.streams import Streams
from autosample.core.events import EpochEnded
from autosample.core.progress import Stage
from autosample.errors import LimitReached, NotAllowed
from tests.unit.api.calls import claimed, store, submit


def stream_of(client: TestClient, id: str) -> Stream:
    app: Any = client.app
    return Stream(store(client), UUID(id), 0.05, app.state.notifier)


async def read(rows: AsyncIterator[str]) -> list[str]:
    return [row async for row in rows]


def test_a_stream_is_woken_by_what_is_written(client: TestClient) -> None:
    id = submit(client).json()["id"]
    told: list[float] = []

    def cancel() -> None:
        time.sleep(0.5)
        told.append(time.monotonic())
        store(client).cancel(UUID(id))

    thread = threading.Thread(target=cancel)
    thread.start()
    rows = asyncio.run(read(stream_of(client, id).rows(0, lambda: None)))
    # Long before the stream would have looked again by itself.
    assert time.monotonic() - told[0] < events.RECHECK / 2
    thread.join()
    assert '"cancelled"' in rows[-1]


def test_many_streams_cost_as_many_queries_as_one() -> None:
    asked = 0

    def newest() -> int:
        nonlocal asked
        asked += 1
        return 7

    notifier, stop = Notifier(newest, 0.05), threading.Event()
    thread = threading.Thread(target=notifier.watch, args=(stop,))
    thread.start()

    async def wait() -> None:
        await notifier.wait(notifier.changes, 5.0)  # the first look is a change
        await asyncio.gather(*(notifier.wait(notifier.changes, 0.5) for _ in range(99)))

    asyncio.run(wait())
    stop.set()
    thread.join()
    assert 2 <= asked <= 20
    quiet = asked
    time.sleep(0.2)
    assert asked == quiet


def test_a_stream_ends_when_its_key_does(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECHECK", 0.1)
    id = submit(client).json()["id"]
    claimed(client)
    until = time.monotonic() + 0.3

    def admit() -> None:
        if time.monotonic() > until:
            raise NotAllowed("revoked")

    rows = asyncio.run(read(stream_of(client, id).rows(0, admit)))
    assert time.monotonic() >= until
    assert len(rows) == 3  # the hint to retry, queued, running


def test_a_key_has_so_many_streams_and_no_more() -> None:
    streams = Streams(2)

    async def row() -> AsyncIterator[str]:
        yield "x"

    streams.take("a")
    streams.take("a")
    with pytest.raises(LimitReached, match="2 streams of events open"):
        streams.take("a")
    streams.take("b")
    assert asyncio.run(read(streams.release_after("a", row()))) == ["x"]
    streams.take("a")


def test_the_api_is_described_without_any_other_host(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("application/problem+json", "")
    for known in ("POST /v1/jobs", "ReadOptions", "leave_last_out", "page_token"):
        assert known in page.text
    assert client.get("/redoc").status_code == 404


def test_charts_of_very_many_epochs_are_thinned_out(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_routes, "MOST_DRAWN", 1000)
    id = submit(client).json()["id"]
    held = claimed(client)
    epoch = EpochEnded(trial="x", epoch=1, loss=0.5, metric=0.1, best=0.1)
    rows = [
        (Stage.SEARCHING, epoch.model_copy(update={"trial": name, "epoch": number}))
        for number in range(1, 1001)
        for name in "abcd"
    ]
    for at in range(0, len(rows), 2000):
        store(client).record_progress(held, Stage.SEARCHING, 0.5, rows[at : at + 2000])
    read = store(client).sampled_events(UUID(id), 1000)
    epochs = [row for row in read if row.kind == "epoch"]
    assert 950 <= len(epochs) <= 1050
    assert {row.kind for row in read} >= {"state", "epoch"}
    assert {row.data["trial"] for row in epochs} == set("abcd")
    [chart, *_] = client.get(f"/v1/jobs/{id}/charts").json()["charts"]
    assert all(200 < len(line["x"]) < 300 for line in chart["data"])
    assert all(line["x"][-1] > 990 for line in chart["data"])
