"""Answers every error with RFC 9457 `application/problem+json` and a stable `type`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from autosample import errors
from autosample.core.config import HIDDEN, Config
from autosample.jobs.trouble import is_disk_full

_log = logging.getLogger(__name__)

MEDIA = "application/problem+json"
TYPE = "urn:autosample:problem:"

STATUS: Mapping[type[Exception], tuple[int, str]] = {  # HTTP status, end of `type`
    errors.DataError: (422, "data"),
    errors.SpecError: (422, "spec"),
    errors.UnknownDataset: (404, "unknown-dataset"),
    errors.UnknownJob: (404, "unknown-job"),
    errors.UnknownArtifact: (404, "unknown-artifact"),
    errors.IllegalMove: (409, "illegal-move"),
    errors.NotFinished: (409, "not-finished"),
    errors.InUse: (409, "in-use"),
    errors.KeyReused: (422, "idempotency-key-reused"),
    errors.TooLarge: (413, "too-large"),
    errors.SilentClient: (408, "request-timeout"),
    errors.NotAllowed: (401, "not-allowed"),
    errors.NotPermitted: (403, "not-permitted"),
    errors.LimitReached: (429, "limit-reached"),
    errors.DiskFull: (507, "disk-full"),
    errors.NotFound: (404, "not-found"),
    errors.AutoSampleError: (500, "internal"),
}


RETRY_AFTER: Mapping[type[Exception], str] = {
    errors.DiskFull: "60",
    errors.NotFinished: "5",
}
"""Seconds after which a client should ask again."""


class Problem(Config):
    """The answer to a request that failed, as in RFC 9457."""

    type: str
    """Kind of problem as a stable name, `urn:autosample:problem:...`."""
    title: str
    """Name of the HTTP status."""
    status: int
    """HTTP status of the answer."""
    detail: str
    """What was wrong with which value, as a sentence for people."""
    errors: tuple[dict[str, str], ...] = ()
    """One entry per wrong field, if there are any: `pointer` says which field (as in
    RFC 6901 in the body, else its place and name), `detail` what is wrong."""


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem",
        "content": {MEDIA: {"schema": Problem.model_json_schema()}},
    }
}
"""Describes problems in the schema; for the `responses` of every route."""


def problem(
    status: int,
    kind: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a response that describes a problem."""
    body: dict[str, Any] = {
        "type": TYPE + kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, media_type=MEDIA, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Make the app answer every error with a problem."""
    app.add_exception_handler(errors.AutoSampleError, answer_own_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(OperationalError, _answer_database_error)
    app.add_exception_handler(Exception, _answer_unexpected_error)


def answer_own_error(_: Request, error: Exception) -> JSONResponse:
    """Answer an error of the service's own with its sentence."""
    status, kind = next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
    headers: dict[str, str] = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.LimitReached):
        headers = {"Retry-After": str(ceil(error.after))}
    if isinstance(error, errors.DiskFull | errors.NotFinished):
        headers = {"Retry-After": RETRY_AFTER[type(error)]}
    return problem(status, kind, str(error), headers=headers)


def _answer_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        {"pointer": _pointer(field["loc"]), "detail": _message(field)}
        for field in error.errors()
    ]
    detail = "; ".join(f"{field['pointer']}: {field['detail']}" for field in fields)
    return problem(422, "validation", detail, errors=fields)


def _pointer(location: Sequence[str | int]) -> str:
    """Return where a wrong value stands: in the body as RFC 6901, else `place:name`."""
    place, *rest = (part for part in location if not str(part).startswith(HIDDEN))
    path = "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in rest)
    return f"#/{path}" if place == "body" else f"{place}:{path}"


def _message(field: Mapping[str, Any]) -> str:
    return str(field["msg"]).removeprefix("Value error, ")


def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(
        error.__cause__, errors.TooLarge | errors.SilentClient
    ):  # raised while the body was parsed
        return answer_own_error(request, error.__cause__)
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return problem(error.status_code, kind, str(error.detail), headers=error.headers)


def _answer_database_error(request: Request, error: Exception) -> JSONResponse:
    """Answer that the database is unavailable or locked; nothing was written."""
    if is_disk_full(error):
        return _answer_unexpected_error(request, error)
    _log.warning("the database is unavailable: %s", error)
    detail = "the database is unavailable at the moment; try again"
    return problem(503, "database", detail, headers={"Retry-After": "2"})


def _answer_unexpected_error(request: Request, error: Exception) -> JSONResponse:
    """Answer without the traceback, which the server logs and a client must not see."""
    if is_disk_full(error):
        full = errors.DiskFull("no room is left where the service keeps files")
        return answer_own_error(request, full)
    return problem(
        500, "internal", "an unexpected error occurred; the service has logged it"
    )
