"""How fast a job is read: films per second over the last minute, from counters, never by a scan.

A job's row keeps the films read so far, and how many they were at two marks. While it is read the
marks move on, at least 30 s apart, so that one of them is 30 to 60 s old.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from sqlalchemy import ColumnElement, and_, case, func, null, or_

from storage.models import JobRow

MARK_SECONDS = 30.0
STALE_SECONDS = 60.0
"""A job of which no film was read for so long stands still: its rate is 0."""


Time: TypeAlias = float | ColumnElement[float]


class Paced(Protocol):
    """A job, as far as its pace is told of."""

    @property
    def films_read(self) -> int:
        """Films that readers have brought to an end."""
        ...

    @property
    def last_read_at(self) -> float | None:
        """When the last of them was."""
        ...

    @property
    def pace_at(self) -> float | None:
        """Time of the later mark."""
        ...

    @property
    def pace_read(self) -> int | None:
        """Films read then."""
        ...

    @property
    def pace_before_at(self) -> float | None:
        """Time of the earlier mark."""
        ...

    @property
    def pace_before_read(self) -> int | None:
        """Films read then."""
        ...

    @property
    def read_at(self) -> float:
        """The server's time when all this was so."""
        ...


def begun(at: Time) -> dict[str, Any]:
    """Values for a job of which films are claimed: where it stood still, the pace begins anew."""
    since = func.coalesce(JobRow.last_read_at, JobRow.pace_at)
    anew = and_(JobRow.running == 0, or_(JobRow.pace_at.is_(None), since < at - STALE_SECONDS))
    return {
        "pace_at": case((anew, at), else_=JobRow.pace_at),
        "pace_read": case((anew, JobRow.films_read), else_=JobRow.pace_read),
        "pace_before_at": case((anew, null()), else_=JobRow.pace_before_at),
        "pace_before_read": case((anew, null()), else_=JobRow.pace_before_read),
    }


def moved(at: Time, films: int | ColumnElement[int]) -> dict[str, Any]:
    """Values for a job of which `films` films were read; `films_read` itself is a counter."""
    due = JobRow.pace_at <= at - MARK_SECONDS
    return {
        "last_read_at": at,
        "pace_before_at": case((due, JobRow.pace_at), else_=JobRow.pace_before_at),
        "pace_before_read": case((due, JobRow.pace_read), else_=JobRow.pace_before_read),
        "pace_at": case((due, at), else_=func.coalesce(JobRow.pace_at, at)),
        "pace_read": case(
            (due, JobRow.films_read + films),
            else_=func.coalesce(JobRow.pace_read, JobRow.films_read + films),
        ),
    }


NO_PACE = {
    "last_read_at": None,
    "pace_at": None,
    "pace_read": None,
    "pace_before_at": None,
    "pace_before_read": None,
}
"""Values for a job of which nothing has been read yet, or nothing since its retry."""


def films_per_second(job: Paced) -> float | None:
    """The rate over the last 30 to 60 s, or since the first claim where that is less.

    Returns:
        0 where the job stands still; None where nothing was read yet.
    """
    if job.last_read_at is None or job.pace_at is None or job.pace_read is None:
        return None
    if job.read_at - job.last_read_at > STALE_SECONDS:
        return 0.0
    since, read = job.pace_at, job.pace_read
    young = job.read_at - since < MARK_SECONDS
    if young and job.pace_before_at is not None and job.pace_before_read is not None:
        since, read = job.pace_before_at, job.pace_before_read
    return round((job.films_read - read) / max(job.read_at - since, 0.001), 3)
