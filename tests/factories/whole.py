"""The whole service as processes: API under gunicorn, workers, broker; spoken to by HTTP only."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lungline.domain import JobStatus
from tests.factories.bundle import tiny_bundle
from tests.factories.servers import Server, running_server
from tests.factories.services import form
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Whole:
    """A running service and its client."""

    server: Server
    processes: WorkerProcesses

    def send_form(self, films: Mapping[str, bytes], **fields: str) -> Json:
        """Submit files in a form; return the job."""
        body = form(*films.items(), **fields)
        return self.send(body["data"], body["content_type"])

    def send(self, body: bytes, content_type: str) -> Json:
        """Submit a body; return the job."""
        answer = self.server.http.post(
            "/v1/jobs", content=body, headers={"Content-Type": content_type}
        )
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def job(self, job: Json) -> Json:
        """The job as it stands now."""
        return dict(self.server.http.get(job["links"]["self"]).raise_for_status().json())

    def finished(self, job: Json) -> Json:
        """Wait for the end of a job; asking all the time would keep the service from its work."""
        at, wait = job["links"]["self"], {"wait": 1}

        def ended() -> bool:
            told = self.server.http.get(at, params=wait).raise_for_status().json()
            return JobStatus(told["status"]).terminal

        wait_for(ended)
        return self.job(job)

    def items(self, job: Json) -> dict[str, Json]:
        """A job's items by their names."""
        page = self.server.http.get(job["links"]["items"], params={"limit": 1000}).json()
        assert page["next"] is None
        return {item["name"]: item for item in page["items"]}

    def codes(self, job: Json) -> dict[str, str]:
        """Why films failed, by name, from the results; empty for those that were read."""
        answer = self.server.http.get(job["links"]["results"], params={"format": "csv"})
        return {row["name"]: row["error_code"] for row in csv.DictReader(answer.iter_lines())}


@contextmanager
def whole_service(
    folder: Path, valkey: ValkeyServer, *, bundles: Path | None = None, **more: Any
) -> Iterator[Whole]:
    """Run all parts on an empty database and store, with the tiny bundle or those of a folder.

    Args:
        folder: For all that is kept.
        valkey: The broker.
        bundles: The folder; None: the tiny bundle.
        more: Further settings.
    """
    chosen: dict[str, Any] = {"bundles_dir": bundles}
    if bundles is None:
        chosen = {"bundles_dir": folder / "tiny-bundles", "bundle": "tiny"}
        tiny_bundle(folder / "tiny-bundles" / "tiny")
    changes = {
        **chosen,
        "broker_url": valkey.url,
        "worker_processes": 1,
        "batch_size": 4,
        "max_film_bytes": 64 << 20,
        "sweep_interval_seconds": 0.5,
        **more,
    }
    with running_server(folder, **changes) as server, WorkerProcesses(server.settings) as processes:
        processes.start("analyze", "expand", "control", "beat")
        processes.await_ready()
        yield Whole(server, processes)
