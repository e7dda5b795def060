"""A client of the REST service."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
from pydantic import ValidationError

from autosample.core.events import KINDS, Tick, read_event
from autosample.core.progress import Listener, Progress, Stage, silent
from autosample.errors import DataError, ServiceError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from autosample.bundle.recommender import Recommender
    from autosample.experiment.report import Report

POLL = 0.5  # seconds between looks at a job
TRIES = 5  # of a request that did not reach the service
LATER = (429, 503)
"""Statuses of requests that were not begun, and may be sent again."""
LONGEST = 10.0  # seconds to wait because the service asks for it

Json = dict[str, Any]


def _is_here(url: str) -> bool:
    """Tell whether a URL is on this machine, which no proxy can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Client:
    """Talks to a service; every method raises ServiceError with its problem."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._http = httpx2.Client(
                base_url=url,
                headers=headers,
                timeout=600.0,
                transport=transport,
                trust_env=not _is_here(url),
            )
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
            raise ServiceError(
                f"{url} cannot be reached: {error}; it is a URL of the service or one"
                f" of a proxy ({', '.join(proxies) or 'none'}) that cannot be used"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def url(self) -> str:
        """Where the service is; its page is there, too."""
        return str(self._http.base_url).rstrip("/")

    def upload(
        self,
        path: Path | str,
        *,
        test: Path | str | None = None,
        valid: Path | str | None = None,
        **options: Any,
    ) -> Json:
        """Upload interactions, perhaps with a test file and a validation file beside
        it; options are ReadOptions."""
        given = {"file": path, "test_file": test, "valid_file": valid}
        paths = {name: Path(each) for name, each in given.items() if each}
        try:
            files = {
                name: (each.name, each.read_bytes()) for name, each in paths.items()
            }
        except OSError as error:
            raise DataError(
                f"cannot read {error.filename}: {error.strerror}"
            ) from error
        data = {"options": json.dumps(options)}
        return self._ask("POST", "/v1/datasets", files=files, data=data)

    def datasets(self) -> list[Json]:
        found: list[Json] = self._ask("GET", "/v1/datasets")["datasets"]
        return found

    def delete_dataset(self, id: str) -> None:
        self._ask("DELETE", f"/v1/datasets/{id}")

    def validate(self, dataset: str, **spec: Any) -> Json:
        """Check a spec; returns it written out as `spec`, and its likely cost as
        `forecast`."""
        body = {"dataset": dataset} | spec
        return self._ask("POST", "/v1/jobs", params={"validate_only": True}, json=body)

    def submit(
        self,
        dataset: str,
        *,
        key: str | None = None,
        webhook: str | None = None,
        **spec: Any,
    ) -> Job:
        """Queue a search; sent again after a broken connection, it is queued once.

        `webhook` is an address that the service calls when the job has ended.
        """
        headers = {"Idempotency-Key": key or uuid4().hex}
        params = {} if webhook is None else {"webhook": webhook}
        body = {"dataset": dataset} | spec
        made = self._ask("POST", "/v1/jobs", json=body, headers=headers, params=params)
        return Job(self, made["id"])

    def job(self, id: str) -> Job:
        return Job(self, id)

    def jobs(self, *, state: str | None = None) -> Iterator[Json]:
        """Yield all jobs, newest first."""
        wanted: Json = {"state": state} if state else {}
        while True:
            page = self._ask("GET", "/v1/jobs", params=wanted)
            yield from page["jobs"]
            if page["next_page_token"] is None:
                return
            wanted["page_token"] = page["next_page_token"]

    def catalogue(self, part: str) -> list[Json]:
        """Return the samplers, models, losses or strategies."""
        entries: list[Json] = self._ask("GET", f"/v1/{part}")["entries"]
        return entries

    def _ask(self, method: str, path: str, **request: Any) -> Json:
        response = self._send(method, path, **request)
        body: Json = response.json() if response.content else {}
        return body

    def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Send, again if it did not arrive; a job's key makes that safe."""
        for left in reversed(range(TRIES)):
            try:
                response = self._http.request(method, path, **request)
                if response.status_code not in LATER or not left:
                    break
                time.sleep(_wait(response))
            except httpx2.TransportError as error:
                if not left:
                    where = self._http.base_url
                    raise ServiceError(f"no answer from {where}: {error}") from error
                time.sleep(2.0 ** (TRIES - left) / 8)
        if response.is_error:
            raise _problem(response)
        return response


class Job:
    """A submitted search."""

    def __init__(self, client: Client, id: str) -> None:
        self._client, self.id = client, id

    def status(self) -> Json:
        return self._client._ask("GET", self._path())

    def cancel(self) -> Json:
        return self._client._ask("POST", self._path("/cancel"))

    def retry(self) -> Json:
        return self._client._ask("POST", self._path("/retry"))

    def delete(self) -> None:
        self._client._ask("DELETE", self._path())

    def events(self, after: int = 0) -> list[Json]:
        """Return what happened after an event."""
        wanted = {"after": after}
        found: list[Json] = self._client._ask(
            "GET", self._path("/events"), params=wanted
        )["events"]
        return found

    def history(self) -> Iterator[Json]:
        """Yield all that has happened, oldest first."""
        last = 0
        while found := self.events(after=last):
            yield from found
            last = found[-1]["id"]

    def wait(self, progress: bool | Listener = False) -> Self:
        """Wait for the end; raises ServiceError unless the job succeeded.

        `progress` true shows a live bar; a listener, such as one that logs to
        TensorBoard, is called with each event of the search.
        """
        if progress is True:
            # What is shown needs rich, which a client that only asks does not.
            from rich.console import Console  # noqa: PLC0415

            from autosample.views.live import LiveProgress  # noqa: PLC0415

            with LiveProgress(Console()) as live:
                return self.wait(live.tell)
        job = self._follow(progress or silent)
        if job["state"] != "succeeded":
            why = (job["failure"] or {}).get("detail", "no reason given")
            raise ServiceError(f"job {self.id} {job['state']}: {why}", job)
        return self

    def _follow(self, listener: Listener) -> Json:
        """Report events until the job has ended; returns the job."""
        last = 0
        while True:
            job = self.status()
            rows = self.events(after=last)
            last = rows[-1]["id"] if rows else last
            for progress in _progress(job, rows):
                listener(progress)
            if job["finished"] is not None:
                return job
            time.sleep(POLL)

    def result(self) -> Json:
        """Return the report of a finished job."""
        return self._client._ask("GET", self._path("/result"))

    def report(self) -> Report:
        """Return the report of a finished job as an object.

        Raises ServiceError if this version of AutoSample cannot read it.
        """
        # It loads torch, which a client that only asks does not need.
        from autosample.experiment.report import Report  # noqa: PLC0415

        result = self.result()
        try:
            return Report.model_validate(result)
        except ValidationError as error:
            version = result.get("version", "an unknown version")
            raise ServiceError(
                f"cannot read the report of AutoSample {version}: install that version"
            ) from error

    def charts(self) -> dict[str, Figure]:
        """Return the charts of a finished job as Plotly figures, by name."""
        from autosample.views.notebook import figures  # noqa: PLC0415

        return figures(self.report())

    def bundle(self) -> Recommender:
        """Download the bundle of a finished job and load it, all digests verified."""
        from autosample.bundle.recommender import load  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as folder:
            return load(self.download(Path(folder) / "bundle.zip"))

    def _repr_html_(self) -> str:
        """Show a notebook the result, or how far the job is."""
        job = self.status()
        if job["state"] == "succeeded":
            from autosample.views.notebook import table  # noqa: PLC0415

            return table(self.report())
        return f"<p>job {self.id} is {job['state']}, {job['progress']:.0%}</p>"

    def artifacts(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self._client._ask(
            "GET", self._path("/artifacts")
        )["artifacts"]
        return found

    def download(self, path: Path | str, name: str = "bundle.zip") -> Path:
        """Save a file of the bundle; the whole of it by default."""
        target = Path(path)
        response = self._client._send("GET", self._path(f"/artifacts/{name}"))
        target.write_bytes(response.content)
        return target

    def _path(self, rest: str = "") -> str:
        return f"/v1/jobs/{self.id}{rest}"


def _progress(job: Json, rows: list[Json]) -> Iterator[Progress]:
    """Yield a report per event of the search, or a tick if there is none."""
    if job["stage"] is None:
        return
    events = [
        Progress(Stage(row["data"]["stage"]), job["progress"], event)
        for row in rows
        if (event := read_event(row["kind"], row["data"], KINDS)) is not None
    ]
    yield from events or [Progress(Stage(job["stage"]), job["progress"], Tick())]


def _wait(response: httpx2.Response) -> float:
    """Return the seconds that the service asks us to wait, within reason."""
    seconds = response.headers.get("Retry-After", "")
    return min(float(seconds), LONGEST) if seconds.isdigit() else 1.0


def _problem(response: httpx2.Response) -> ServiceError:
    try:
        body = response.json()
        detail = str(body["detail"])
    except (ValueError, KeyError, TypeError):
        body, detail = {}, response.text[:200]
    return ServiceError(f"{response.status_code}: {detail}", body)
