"""/v1/jobs/{id}/events: server-sent, or polled by id."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field, NonNegativeInt
from starlette.concurrency import run_in_threadpool

from api.deps import AppSettings, FoundJob, Jobs
from api.notifier import Notifier
from api.security import Reader, admit, key_of
from autosample.core.config import Config
from autosample.errors import AutoSampleError
from autosample.jobs.events import AnyRow, EventRow
from autosample.jobs.store import SqlJobStore

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

QUIET = 15.0
"""Seconds without an event before a comment keeps the connection open."""
RECHECK = 5.0
"""Seconds after which a stream looks again by itself, and asks whether its key still
holds."""

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
    request: Request,
    caller: Reader,
    after: Annotated[NonNegativeInt, Field(lt=2**63)] | None = None,
    last_event_id: Last = None,
) -> StreamingResponse | JSONResponse:
    """Stream what happens until the job ends; with `after`, return what there is."""
    if after is not None:
        found = await run_in_threadpool(jobs.events, job.id, after=after)
        return JSONResponse({"events": [row.model_dump(mode="json") for row in found]})
    key, streams = key_of(request), request.app.state.streams
    stream = Stream(jobs, job.id, settings.poll, request.app.state.notifier)
    rows = stream.rows(last_event_id or 0, lambda: admit(request, key))
    # Taken here, so that one too many is answered 429 and not cut off.
    streams.take(caller.key)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        streams.release_after(caller.key, rows),
        media_type="text/event-stream",
        headers=headers,
    )


class Stream:
    """The events of one job, as they come."""

    def __init__(
        self, jobs: SqlJobStore, id: UUID, poll: float, notifier: Notifier
    ) -> None:
        self.jobs, self.id, self.poll, self.notifier = jobs, id, poll, notifier

    async def rows(self, after: int, admit: Callable[[], object]) -> AsyncIterator[str]:
        """Yield events until the job has ended, or its reader is not admitted any
        more."""
        yield f"retry: {int(self.poll * 1000)}\n\n"
        spoken = asked = time.monotonic()
        while True:
            seen = self.notifier.changes
            # Asked for first: an event written in between shows up one round later.
            ended = (await run_in_threadpool(self.jobs.get, self.id)).state.is_final
            found = await run_in_threadpool(self.jobs.events, self.id, after=after)
            for row in found:
                after, spoken = row.id, time.monotonic()
                yield _render(row)
            if ended and not found:
                return
            if time.monotonic() - asked > RECHECK:
                asked = time.monotonic()
                try:
                    await run_in_threadpool(admit)
                except AutoSampleError:  # the key was revoked, or has expired
                    return
            if not found:
                await self.notifier.wait(seen, RECHECK)
            if time.monotonic() - spoken >= QUIET:
                spoken = time.monotonic()
                yield ": still here\n\n"


def _render(row: EventRow) -> str:
    return f"id: {row.id}\nevent: {row.kind}\ndata: {row.model_dump_json()}\n\n"
