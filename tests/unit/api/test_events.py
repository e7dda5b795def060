"""What the events API serves is what its schema says, for every kind."""

from __future__ import annotations

from typing import get_args

from fastapi.testclient import TestClient

from api.routes.events import EventList
from autosample.core.events import (
    EpochEnded,
    FinalsEnded,
    MetricMean,
    Note,
    RungEnded,
    StageBegan,
    StoredEvent,
    SupernetTrained,
    Tuned,
    TunedSampler,
    WinnerRefined,
)
from autosample.core.progress import Stage
from autosample.jobs.events import JobEvent, StateChanged, WebhookCalled
from autosample.jobs.rows import log_events
from autosample.jobs.state import Failure, JobState
from tests.unit.api.calls import claimed, store, submit

MEAN = MetricMean(mean=0.2, low=0.1, high=0.3, users=9)
BEST = TunedSampler(
    sampler={"kind": "dns", "pool": 4}, learning_rate=0.1, l2=0.0, valid=MEAN, epochs=7
)
SEARCH: list[StoredEvent] = [
    StageBegan(),
    StageBegan(candidates=("uniform", "dns")),
    StageBegan(chosen="dns"),
    EpochEnded(trial="dns", epoch=1, loss=0.7, metric=0.1, best=0.1),
    EpochEnded(
        trial="supernet", epoch=2, loss=0.7, metric=0.1, best=0.1, seconds=0.5,
        pairs=9, weights={"uniform": 0.5, "dns": 0.5},
    ),
    RungEnded(rung=1, kept=("dns",), metrics={"dns": 0.1}, tried=3, stopped=1),
    RungEnded(
        rung=2, kept=("dns",), metrics={"dns": 0.1}, intervals={"dns": (0.05, 0.15)},
        weights={"dns": 1.0}, errors={"uniform": "diverged"},
    ),
    FinalsEnded(metrics={"dns": 0.1}, intervals={"dns": (0.05, 0.15)}),
    WinnerRefined(tried={"dns(pool=4)": 0.1}, kept="dns"),
    SupernetTrained(metric=MEAN),
    Tuned(chosen=BEST, uniform=BEST),
    Note(text="warm-up dropped"),
]  # fmt: skip
OWN: list[JobEvent] = [
    StateChanged(state=JobState.RUNNING, attempt=2),
    StateChanged(state=JobState.QUEUED, reason="lost"),
    StateChanged(state=JobState.FAILED, failure=Failure(reason="data", detail="few")),
    WebhookCalled(delivered=False, answer="no answer", call=1),
]


def test_there_is_one_of_each_kind() -> None:
    assert {type(event) for event in [*SEARCH, *OWN]} == set(get_args(JobEvent))


def test_every_kind_is_served_as_the_schema_says(client: TestClient) -> None:
    id = submit(client).json()["id"]
    held = claimed(client)
    staged = [(Stage.SEARCHING, event) for event in SEARCH]
    store(client).record_progress(held, Stage.SEARCHING, 0.5, staged)
    with store(client).engine.begin() as db:
        log_events(db, held.job.id, 1, [(None, event) for event in OWN])
    answer = client.get(f"/v1/jobs/{id}/events", params={"after": 0})
    rows = EventList.model_validate_json(answer.content).events
    assert [row.kind for row in rows][2:] == [e.kind for e in [*SEARCH, *OWN]]
    stored = store(client).events(held.job.id)
    assert [row.event for row in stored][2:] == [*SEARCH, *OWN]
    assert [row.stage for row in stored][2:] == [
        *[Stage.SEARCHING] * len(SEARCH),
        *[None] * len(OWN),
    ]


def test_the_schema_tells_the_kinds_apart(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    items = schemas["EventList"]["properties"]["events"]["items"]
    assert items["discriminator"]["propertyName"] == "kind"
    for kind, reference in items["discriminator"]["mapping"].items():
        row = schemas[reference.rsplit("/", 1)[1]]
        assert row["properties"]["kind"]["const"] == kind
        data = schemas[row["properties"]["data"]["$ref"].rsplit("/", 1)[1]]
        assert all("description" in field for field in data["properties"].values())
    assert len(items["discriminator"]["mapping"]) == len(get_args(JobEvent))
