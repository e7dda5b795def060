"""Problems: RFC 9457 `application/problem+json` with a stable `type`."""

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
from autosample.core.config import Config

_log = logging.getLogger(__name__)

MEDIA = "application/problem+json"
TYPE = "urn:autosample:problem:"

STATUS: Mapping[type[Exception], tuple[int, str]] = {
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
    errors.NotAllowed: (401, "not-allowed"),
    errors.NotPermitted: (403, "not-permitted"),
    errors.LimitReached: (429, "limit-reached"),
    errors.DiskFull: (507, "disk-full"),
    errors.NotFound: (404, "not-found"),
    errors.AutoSampleError: (500, "internal"),
}


AGAIN: Mapping[type[Exception], str] = {errors.DiskFull: "60", errors.NotFinished: "5"}
"""Seconds after which it is worth asking again."""


class Problem(Config):
    """What every error is answered with, RFC 9457."""

    type: str
    """A stable name, `urn:autosample:problem:...`."""
    title: str
    status: int
    detail: str
    """A sentence for people: what was wrong with which value."""
    errors: tuple[dict[str, str], ...] = ()
    """Each field that was wrong: `pointer` (RFC 6901, or a place and a name) and
    `detail`."""


ANY: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem",
        "content": {MEDIA: {"schema": Problem.model_json_schema()}},
    }
}
"""How the schema tells of problems, on every route."""


def problem(
    status: int,
    kind: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem as a response."""
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
    """Make every error of the app a problem."""
    app.add_exception_handler(errors.AutoSampleError, _own)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OperationalError, _busy)
    app.add_exception_handler(Exception, _unforeseen)


def _own(_: Request, error: Exception) -> JSONResponse:
    status, kind = next(STATUS[each] for each in type(error).__mro__ if each in STATUS)
    headers: dict[str, str] = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.LimitReached):
        headers = {"Retry-After": str(ceil(error.after))}
    if isinstance(error, errors.DiskFull | errors.NotFinished):
        headers = {"Retry-After": AGAIN[type(error)]}
    return problem(status, kind, str(error), headers=headers)


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [
        {"pointer": _pointer(each["loc"]), "detail": _message(each)}
        for each in error.errors()
    ]
    told = "; ".join(f"{each['pointer']}: {each['detail']}" for each in found)
    return problem(422, "validation", told, errors=found)


def _pointer(where: Sequence[str | int]) -> str:
    """RFC 6901 for the body, the place and name for anything else."""
    place, *rest = where
    path = "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in rest)
    return f"#/{path}" if place == "body" else f"{place}:{path}"


def _message(each: Mapping[str, Any]) -> str:
    return str(each["msg"]).removeprefix("Value error, ")


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.TooLarge):  # met while a body was parsed
        return _own(request, error.__cause__)
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return problem(error.status_code, kind, str(error.detail), headers=error.headers)


def _busy(_: Request, error: Exception) -> JSONResponse:
    """The database is away, or somebody holds it: nothing was written."""
    _log.warning("the database could not be asked: %s", error)
    told = "the database cannot be asked at the moment; try again"
    return problem(503, "database", told, headers={"Retry-After": "2"})


def _unforeseen(_: Request, error: Exception) -> JSONResponse:
    """The server logs the traceback; a client learns nothing from it."""
    return problem(500, "internal", "something went wrong here, and has been logged")
