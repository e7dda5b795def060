"""Refuses request bodies that are too large, whatever their headers say."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from autosample.errors import TooLarge

UPLOADS = "/v1/datasets"
OTHER = 1 << 20
"""Largest body in bytes of any other request: a spec has a few KiB."""


class BodyLimit:
    """Middleware that refuses a body by its declared length, or while it is read."""

    def __init__(self, app: ASGIApp, max_upload: int) -> None:
        self.app, self.max_upload = app, max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.max_upload if scope["path"].startswith(UPLOADS) else OTHER
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            detail = f"a body of {int(declared)} bytes is over the limit of {limit}"
            await problem(413, "too-large", detail)(scope, receive, send)
            return
        await self.app(scope, _limit(receive, limit), send)


def _limit(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that raises TooLarge once it has read more than the limit."""
    read = 0

    async def receive_counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise TooLarge(f"the body is over the limit of {limit} bytes")
        return message

    return receive_counted
