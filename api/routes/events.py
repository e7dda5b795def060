"""/v1/jobs/{id}/events: server-sent, or polled by id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field, NonNegativeInt
from starlette.concurrency import run_in_threadpool

from api.deps import AppSettings, FoundJob, Jobs
from autosample.core.config import Config
from autosample.jobs.events import AnyRow, EventRow
from autosample.jobs.store import SqlJobStore

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

QUIET = 15.0  # seconds without an event before a comment keeps the connection open

Last = Annotated[
    Annotated[NonNegativeInt, Field(lt=2**63)] | None, Header(alias="Last-Event-ID")
]


class EventList(Config):
    """Events of a job, oldest first."""

    events: list[AnyRow]


SENT = {
    "description": "Each message is a row of `events`, named after its `kind`.",
    "content": {
        "text/event-stream": {
            "schema": {"$ref": "#/components/schemas/EventList/properties/events/items"}
        }
    },
}


@router.get(
    "/{id}/events",
    response_model=EventList,
    responses={200: SENT},
)
async def events(
    job: FoundJob,
    jobs: Jobs,
    settings: AppSettings,
    after: Annotated[NonNegativeInt, Field(lt=2**63)] | None = None,
    last_event_id: Last = None,
) -> StreamingResponse | JSONResponse:
    """Stream what happens until the job ends; with `after`, return what there is."""
    if after is not None:
        found = await run_in_threadpool(jobs.events, job.id, after=after)
        return JSONResponse({"events": [row.model_dump(mode="json") for row in found]})
    stream = _stream(jobs, job.id, last_event_id or 0, settings.poll)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(
    jobs: SqlJobStore, id: UUID, after: int, poll: float
) -> AsyncIterator[str]:
    yield f"retry: {int(poll * 1000)}\n\n"
    quiet = 0.0
    while True:
        # Asked for first: an event written in between shows up one round later.
        ended = (await run_in_threadpool(jobs.get, id)).state.is_final
        found = await run_in_threadpool(jobs.events, id, after=after)
        for row in found:
            after = row.id
            yield _render(row)
        if ended and not found:
            return
        if found:
            quiet = 0.0
            continue
        await asyncio.sleep(poll)
        quiet += poll
        if quiet >= QUIET:
            quiet = 0.0
            yield ": still here\n\n"


def _render(row: EventRow) -> str:
    return f"id: {row.id}\nevent: {row.kind}\ndata: {row.model_dump_json()}\n\n"
