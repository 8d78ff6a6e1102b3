"""Progress of an upload and of a job, for people: bars on a terminal, a few lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from lungline.cli.console import amount, duration, messages, size, tell
from lungline.client import Job
from lungline.client.client import Sent
from lungline.domain import JobStatus

LINE_EVERY_SECONDS = 15.0


@contextmanager
def sending(what: str, total: int) -> Iterator[Sent]:
    """Show how many of `total` bytes are sent; yields what is told of them."""
    console = messages()
    if not console.is_terminal:
        yield _SendingLines(what, total).sent
        return
    # Columns do not follow their console: the name of an archive is no markup here either.
    name = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), name, BarColumn())
    speed = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, *speed, console=console, transient=True) as progress:
        task = progress.add_task(f"Sending {what}", total=total)
        yield lambda sent: progress.update(task, completed=sent)


class _SendingLines:
    """Tells of a long upload where there is no terminal; its rate counts from the first bytes."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._began: tuple[float, int] | None = None
        self._told_at = time.monotonic()

    def sent(self, count: int) -> None:
        now = time.monotonic()
        began_at, first = self._began = self._began or (now, count)
        if now - self._told_at < LINE_EVERY_SECONDS:
            return
        self._told_at = now
        rate = max(count - first, 0) / max(now - began_at, 0.001)
        left = f", {duration((self._total - count) / rate)} left" if rate else ""
        done = f"{size(count)} of {size(self._total)}"
        tell(f"Sending {self._what}: {done}, {size(rate)}/s{left}")


def show_reading(states: Iterable[Job]) -> Job:
    """Show a job's progress until it has ended.

    Args:
        states: The job again and again, at least once; see `LunglineClient.watch`.

    Returns:
        Its last state.
    """
    console = messages()
    if not console.is_terminal:
        return _lines(states)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    counts = TextColumn("{task.completed:.0f} of {task.total:.0f} films  {task.fields[pace]}")
    with Progress(*columns, counts, console=console, transient=True) as progress:
        task = progress.add_task("Reading", total=1, pace="")
        for job in states:
            _update(progress, task, job)
    return job


def _update(progress: Progress, task: TaskID, job: Job) -> None:
    progress.update(
        task,
        description=_stage(job),
        completed=job.counts.done,
        total=max(expected(job), 1),
        pace=pace(job),
    )


def _lines(states: Iterable[Job]) -> Job:
    told_at = time.monotonic()
    for job in states:
        if time.monotonic() - told_at >= LINE_EVERY_SECONDS:
            tell(", ".join(filter(None, (_stage(job), _counted(job), pace(job)))))
            told_at = time.monotonic()
    return job


def _stage(job: Job) -> str:
    return "Unpacking and reading" if job.status is JobStatus.EXPANDING else "Reading"


def _counted(job: Job) -> str:
    return f"{job.counts.done:,} of {expected(job):,} films" if expected(job) else ""


def expected(job: Job) -> int:
    """Films that the job has, or will have once its archive is unpacked."""
    return max(job.counts.total, job.entries_total or 0)


def pace(job: Job) -> str:
    """`2 jobs before it, 12.3 films/s, 8 s left`; of an ended job nothing."""
    if job.status.terminal:
        return ""
    parts = []
    if job.queue_position:
        parts.append(f"{amount(job.queue_position, 'job')} before it")
    if job.films_per_second is not None:
        parts.append(f"{job.films_per_second:.1f} films/s")
    left = job.eta_seconds
    parts.append("time left unknown" if left is None else f"{duration(left)} left")
    return ", ".join(parts)
