"""Metrics for Prometheus: of the queue in the database, and of this API process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autosample.jobs.figures import figures

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """Collects what `/metrics` returns."""

    def __init__(self, engine: Engine, free: Callable[[], int | None]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_QueueCollector(engine, free))
        self.latency = Histogram(
            "autosample_request_seconds",
            "Seconds to answer a request, by method, route and status.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _QueueCollector(Collector):
    """Reads the database each time metrics are collected."""

    def __init__(self, engine: Engine, free: Callable[[], int | None]) -> None:
        self.engine, self.free = engine, free

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []  # without it, registering would read the database

    def collect(self) -> Iterable[GaugeMetricFamily]:
        now = figures(self.engine)
        yield _by_label("autosample_jobs", "Jobs by state.", "state", now.jobs)
        yield _by_label(
            "autosample_attempts", "Attempts by outcome.", "outcome", now.attempts
        )
        for name, help, value in (
            (
                "oldest_wait_seconds",
                "Seconds that the oldest queued job has waited.",
                now.oldest_wait,
            ),
            ("workers", "Workers with a recent heartbeat.", now.workers),
            (
                "training_pairs_per_second",
                "Training pairs per second of one trial, over the latest epochs.",
                now.pairs_per_second,
            ),
            ("free_bytes", "Free bytes on the disk with the files.", self.free()),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"autosample_{name}", help, value=float(value))


def _by_label(
    name: str, help: str, label: str, counts: Mapping[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


class RequestTimer:
    """Middleware that measures each request under its route, not under its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_timed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._observe(scope, status, time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, send_timed)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        # A label takes memory for ever, and strangers may invent methods.
        method = scope["method"] if scope["method"] in METHODS else "other"
        labels = self.metrics.latency.labels(method, route, str(status))
        labels.observe(seconds)
