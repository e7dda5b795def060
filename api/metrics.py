"""Figures for Prometheus: of the queue from the database, of requests from here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autosample.jobs.figures import figures

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """What `/metrics` tells."""

    def __init__(self, engine: Engine, free: Callable[[], int | None]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Queue(engine, free))
        self.latency = Histogram(
            "autosample_request_seconds",
            "Time to answer, by route and status.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Queue(Collector):
    """Asks the database whenever it is asked."""

    def __init__(self, engine: Engine, free: Callable[[], int | None]) -> None:
        self.engine, self.free = engine, free

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []  # nothing is asked of the database before somebody looks

    def collect(self) -> Iterable[GaugeMetricFamily]:
        found = figures(self.engine)
        yield _by("autosample_jobs", "Jobs.", "state", found.jobs)
        yield _by("autosample_attempts", "Attempts.", "outcome", found.attempts)
        for name, help, value in (
            (
                "oldest_wait_seconds",
                "Wait of the oldest queued job.",
                found.oldest_wait,
            ),
            ("workers", "Workers that showed themselves of late.", found.workers),
            (
                "training_pairs_per_second",
                "Training pairs a second of one trial, over the last passes.",
                found.pairs_per_second,
            ),
            ("free_bytes", "Room where files are kept.", self.free()),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"autosample_{name}", help, value=float(value))


def _by(
    name: str, help: str, label: str, counts: Mapping[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


class Timed:
    """Measures every request, by its route's pattern and not by its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._observe(scope, status, time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, noted)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        labels = self.metrics.latency.labels(scope["method"], route, str(status))
        labels.observe(seconds)
