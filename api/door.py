"""What a request must pass before any route sees it, and before its body is stored.

A body is read only from callers who may send one. JSON is read whole and checked; an
upload streams on, and may not fall silent.
"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_plus

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer_own_error
from api.security import admit, check_site, key_of
from api.strict import check_json, check_text
from autosample.errors import AutoSampleError, SilentClient

OPEN = frozenset({"/login", "/logout"})
"""Paths to which those without a key may post."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Door:
    """Middleware that refuses strangers, and what no route could store."""

    def __init__(self, app: ASGIApp, body_seconds: float) -> None:
        self.app, self.body_seconds = app, body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        receive = self._patient(receive)
        try:
            _check_address(scope)
            if request.method not in READING:
                check_site(request)
                await self._check_caller(request)
                if _is_json(request):
                    receive = await _checked_body(receive)
        except AutoSampleError as error:
            await answer_own_error(request, error)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _check_caller(self, request: Request) -> None:
        """Raise NotAllowed without a valid key, where one is needed."""
        if request.url.path in OPEN:
            return
        await run_in_threadpool(admit, request, key_of(request))

    def _patient(self, receive: Receive) -> Receive:
        """Return a `receive` that gives up on a client which falls silent."""
        complete = False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:  # what follows is a disconnect, which may take hours
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self.body_seconds)
            except TimeoutError:
                raise SilentClient(
                    f"nothing came for {self.body_seconds:g} s; send the request again"
                ) from None
            complete = not message.get("more_body", False)
            return message

        return receive_in_time


def _check_address(scope: Scope) -> None:
    """Raise SpecError where the path, the query or a header is no text."""
    check_text(scope["path"], "the path")
    check_text(unquote_plus(scope["query_string"].decode("latin-1")), "the query")
    for name, value in scope["headers"]:
        check_text(value.decode("latin-1"), f"the header {name.decode('latin-1')}")


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "")
    return "multipart" not in kind and "x-www-form-urlencoded" not in kind


async def _checked_body(receive: Receive) -> Receive:
    """Read a body, check it as JSON, and return a `receive` that gives it again."""
    chunks, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(chunks)
    if body:
        check_json(body, "the body")
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
