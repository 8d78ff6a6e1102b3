"""What Prometheus may scrape: requests by route, and the state of the queue of record."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from flask import Flask, Response, g
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.context import EXTENSION
from api.parts import Parts
from api.trace import method, route
from lungline.errors import LunglineError
from lungline.queueing import Queue

DEAD_LETTER = "attempts_exhausted"
"""The code of films that ended their reader until they were given up."""
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class RequestMetrics:
    """Counts requests and their time. Labels never hold what a client sent."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the two metrics."""
        labels = ("method", "route")
        self._count = Counter(
            "lungline_api_requests",
            "Requests answered.",
            (*labels, "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "lungline_api_request_seconds",
            "Time until the answer began.",
            labels,
            buckets=_SECONDS,
            registry=registry,
        )

    def record(self, response: Response) -> Response:
        """Count one answer."""
        self._count.labels(method(), route(), str(response.status_code)).inc()
        self._seconds.labels(method(), route()).observe(time.monotonic() - g.began)
        return response


class QueueCollector(Collector):
    """Reads the queue of record when it is scraped. A part that is down is told, not raised."""

    def __init__(self, parts: Parts) -> None:
        """Read from `parts`."""
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges, and what retention has removed."""
        up = GaugeMetricFamily("lungline_part_up", "Whether a part answers.", labels=["part"])
        for part, metrics in (
            ("database", self._database),
            ("broker", self._broker),
            ("store", self._store),
        ):
            try:
                yield from metrics()
                up.add_metric([part], 1)
            except LunglineError:
                up.add_metric([part], 0)
        yield up
        yield self._disks()

    def describe(self) -> Iterator[Metric]:
        """Name nothing: registering must not touch the parts."""
        return iter(())

    def _database(self) -> list[Metric]:
        overview = self._parts.overview.read()
        jobs = GaugeMetricFamily("lungline_jobs", "Jobs by status.", labels=["status"])
        items = GaugeMetricFamily("lungline_items", "Films by status.", labels=["status"])
        oldest = GaugeMetricFamily(
            "lungline_oldest_queued_seconds", "Age of the oldest job with films that wait."
        )
        idle = GaugeMetricFamily(
            "lungline_reading_idle_seconds", "For how long films have waited and nobody has read."
        )
        leases = GaugeMetricFamily(
            "lungline_leases_expired", "Films whose worker is gone, not yet taken from it."
        )
        failed = GaugeMetricFamily(
            "lungline_items_failed", "Failed films by code.", labels=["code"]
        )
        for code, count in ({DEAD_LETTER: 0} | overview.failures).items():
            failed.add_metric([code], count)
        idle.add_metric([], overview.idle_seconds)
        leases.add_metric([], overview.expired_leases)
        for status, count in overview.jobs.items():
            jobs.add_metric([status], count)
        for status, count in overview.items.items():
            items.add_metric([status], count)
        oldest.add_metric([], overview.oldest_queued_seconds)
        removed = CounterMetricFamily(
            "lungline_retention_removed", "What went by its age, by kind.", labels=["kind"]
        )
        for kind, count in self._parts.repository.retention.removed().items():
            removed.add_metric([kind], count)
        return [
            *(jobs, items, failed, oldest, idle, leases, removed),
            *self._failures(),
            *self._sweeps(),
        ]

    def _sweeps(self) -> list[Metric]:
        swept = GaugeMetricFamily(
            "lungline_sweep_age_seconds", "For how long nothing was repaired, expired or deleted."
        )
        if (age := self._parts.repository.sweeps.age_seconds()) is not None:
            swept.add_metric([], age)
        return [swept]

    def _failures(self) -> list[Metric]:
        failures = CounterMetricFamily(
            "lungline_part_failures",
            "How often a part did not answer, by who asked and the error's code.",
            labels=["role", "code"],
        )
        self._parts.failures.write()  # here, where a database that is down has been noticed
        for (role, code), count in self._parts.failures.read().items():
            failures.add_metric([role, code], count)
        return [failures]

    def _store(self) -> list[Metric]:
        self._parts.store.check()
        return []

    def _disks(self) -> GaugeMetricFamily:
        free = GaugeMetricFamily(
            "lungline_disk_free_bytes",
            "Free on the disks of the local store and of SQLite, in bytes.",
            labels=["disk"],
        )
        for disk, count in self._parts.space.free().items():
            free.add_metric([disk], count)
        return free

    def _broker(self) -> list[Metric]:
        ready = GaugeMetricFamily(
            "lungline_permits_ready", "Permits that wait in the broker.", labels=["queue"]
        )
        for queue in Queue:
            ready.add_metric([queue], self._parts.permits.ready(queue))
        return [ready]


def register_metrics(app: Flask) -> None:
    """Count the application's requests, in a registry of its own."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(QueueCollector(app.extensions[EXTENSION]))
    app.extensions["lungline_metrics"] = registry
    own = registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # see api/gunicorn.py
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        own = CollectorRegistry()  # of this process alone: nobody is shown it
    app.after_request(RequestMetrics(own).record)
