"""How a job ended, for people and for scripts."""

from __future__ import annotations

from datetime import datetime

from lungline.cli.console import amount, duration, tell
from lungline.cli.exits import ExitCode
from lungline.client import Job
from lungline.domain import JobStatus


def exit_code_of_job(job: Job) -> ExitCode:
    """Return `DONE` when every film of an ended job was read."""
    return ExitCode.DONE if job.status is JobStatus.SUCCEEDED else ExitCode.NOT_ALL_READ


def tell_end(job: Job) -> None:
    """Tell how an ended job went."""
    style = "green" if job.status is JobStatus.SUCCEEDED else "yellow"
    tell(f"Job {job.id} {describe(job)}", style=style)


def describe(job: Job) -> str:
    """Say where a job stands: `succeeded: 24 films, 24 read in 3 s`."""
    counts = job.counts
    parts = [f"{counts.succeeded:,} read"]
    if counts.reused:
        parts.append(f"{counts.reused:,} of them answered from earlier readings")
    parts += [
        f"{count:,} {word}"
        for word, count in (
            ("failed", counts.failed),
            ("cancelled", counts.cancelled),
            ("being read", counts.running),
            ("waiting", counts.queued),
        )
        if count
    ]
    status = "paused" if job.paused else job.status.replace("_", " ")
    words = f"{status}: {amount(counts.total, 'film')}, {', '.join(parts)}"
    if seconds := seconds_taken(job):
        words += f", in {duration(seconds) if seconds >= 10 else f'{seconds:.1f} s'}"
    if job.error:
        words += f"; {job.error[1] or job.error[0]}"
    return words


def seconds_taken(job: Job) -> float | None:
    """Seconds from the job's submission to its end; None before it."""
    begun, ended = job.wire.get("created_at"), job.wire.get("finished_at")
    if not begun or not ended:
        return None
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()
