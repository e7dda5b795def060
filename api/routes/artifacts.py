"""/v1/jobs/{id}/artifacts: download the files of a bundle, with ETag and ranges."""

from __future__ import annotations

import mimetypes
import re
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from api.deps import FoundJob, Jobs, StoredFiles
from api.errors import problem
from autosample.core.config import Config
from autosample.errors import UnknownArtifact
from autosample.jobs.state import Artifact

router = APIRouter(prefix="/v1/jobs", tags=["artifacts"])


class ArtifactList(Config):
    """The files of a job's bundle."""

    artifacts: list[Artifact]
    """The files, sorted by name."""


@router.get("/{id}/artifacts")
def all_artifacts(job: FoundJob, jobs: Jobs) -> ArtifactList:
    """List the files of a succeeded job; 409 if the job has not succeeded."""
    return ArtifactList(artifacts=jobs.artifacts(job.id)[1])


@router.get("/{id}/artifacts/{name}", response_class=Response)
def download(
    job: FoundJob,
    name: str,
    jobs: Jobs,
    files: StoredFiles,
    if_none_match: Annotated[str | None, Header()] = None,
    range: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a file, or the range of bytes that `Range` names."""
    folder, artifacts = jobs.artifacts(job.id)
    artifact = next((file for file in artifacts if file.name == name), None)
    if artifact is None:
        known = ", ".join(file.name for file in artifacts)
        raise UnknownArtifact(f"job {job.id} has no file {name!r}, only {known}")
    headers = _headers(artifact)
    if if_none_match is not None and _matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    wanted = range if if_range in (None, headers["ETag"]) else None
    span = _span(wanted, artifact.size)
    if span is None:
        size = {"Content-Range": f"bytes */{artifact.size}"}
        detail = f"{range!r} is outside the {artifact.size} bytes of {name}"
        return problem(416, "range", detail, headers=size)
    if not files.holds(f"{folder}/{name}", artifact):
        detail = (
            f"{name} of job {job.id} was changed or deleted where the service keeps it;"
            " run the search again"
        )
        return problem(410, "gone", detail)
    start, end = span
    headers["Content-Length"] = str(end - start)
    partial = (start, end) != (0, artifact.size)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{artifact.size}"
    return StreamingResponse(
        files.read(f"{folder}/{name}", start, end),
        status_code=206 if partial else 200,
        headers=headers,
        media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
    )


def _headers(artifact: Artifact) -> dict[str, str]:
    return {
        "ETag": f'"{artifact.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, immutable, max-age=31536000",
        "Content-Disposition": f'attachment; filename="{artifact.name}"',
        "X-Content-Type-Options": "nosniff",
    }


def _matches(sent: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in sent.split(",")]
    return "*" in tags or etag in tags


def _span(sent: str | None, size: int) -> tuple[int, int] | None:
    """Return the start and end of a requested range; None if it is outside the file.

    Any header but one plain range of bytes means the whole file, as RFC 9110 allows.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", sent or "")
    if match is None or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        start, end = max(size - int(match[2]), 0), size
    else:
        start = int(match[1])
        end = min(int(match[2]) + 1, size) if match[2] else size
    return (start, end) if start < end else None
