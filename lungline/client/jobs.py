"""Jobs and items as the service tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from lungline.domain import JobStatus


@dataclass(frozen=True, slots=True)
class Counts:
    """How many films of a job stand where."""

    total: int = 0
    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    reused: int = 0

    @property
    def done(self) -> int:
        """Films that have reached their last status."""
        return self.succeeded + self.failed + self.cancelled


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        id: 32 hexadecimal digits.
        name: What the client called it.
        status: Where it stands.
        bundle: `name@version` that reads its films.
        priority: `interactive`, `normal` or `bulk`.
        paused: Whether nothing new of it is read until it is resumed.
        counts: Of its films; while an archive is expanded, of those found so far.
        entries_total: Entries of the archive; None when there is none, or it is not known yet.
        queue_position: Open jobs that are served before it; 0 while it is served; None when it
            waits for nothing, is paused, or the service does not tell.
        films_per_second: Rate over the last minute; None when unknown.
        eta_seconds: Expected seconds to its end; None when unknown.
        error: Code and reason when the job failed as a whole.
        wire: All that the service told, as it told it.
    """

    id: str
    name: str
    status: JobStatus
    bundle: str
    priority: str
    paused: bool
    counts: Counts
    entries_total: int | None
    queue_position: int | None
    films_per_second: float | None
    eta_seconds: float | None
    error: tuple[str, str] | None
    wire: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a job's JSON; unknown fields of a newer service are left alone."""
        counts = wire.get("counts") or {}
        error = wire.get("error")
        return cls(
            id=str(wire["id"]),
            name=str(wire.get("name") or ""),
            status=JobStatus(wire["status"]),
            bundle=str(wire.get("bundle") or ""),
            priority=str(wire.get("priority") or ""),
            paused=bool(wire.get("paused")),
            counts=Counts(**{name: int(counts.get(name) or 0) for name in Counts.__slots__}),
            entries_total=(wire.get("expansion") or {}).get("entries_total"),
            queue_position=wire.get("queue_position"),
            films_per_second=wire.get("rate_films_per_second"),
            eta_seconds=wire.get("eta_seconds"),
            error=(str(error["code"]), str(error.get("reason") or "")) if error else None,
            wire=wire,
        )


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of the failed films of a job.

    Attributes:
        job: The job, running again, or expanding where its archive had been given up.
        retried: Films that are read again.
        refused: Films that stay failed: the service refused them when they came.
    """

    job: Job
    retried: int
    refused: int

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read the answer's JSON."""
        return cls(Job.from_wire(wire["job"]), int(wire["retried"]), int(wire["refused"]))
