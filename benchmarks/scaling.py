"""From 1 to 32 workers whose analyzer sleeps 0.5 s over each batch of 16, on one PostgreSQL."""

from __future__ import annotations

from rich.console import Console

from benchmarks.crowd import Crowd
from benchmarks.queue import migrated, queue_servers, submit_many

MOST = 32
BATCH_SECONDS = 0.5
console = Console(stderr=True)


def measure(seconds: float, most: int = MOST) -> dict[str, float]:
    """Give `scaling_efficiency_32`: the rate of `most` workers, as a share of `most` times one's.

    Args:
        seconds: How long each number of workers reads.
        most: The largest number of workers.
    """
    with queue_servers() as servers, migrated(servers) as repository:
        settings = servers.model_copy(update={"batch_size": 16, "worker_processes": most})
        # Twice what all could read, so that none ever shares the last films out.
        submit_many(settings, repository, round(2 * 16 / BATCH_SECONDS * most * (seconds + 10)))
        one = Crowd(settings, 1, BATCH_SECONDS).films_per_second(seconds)
        many = Crowd(settings, most, BATCH_SECONDS).films_per_second(seconds)
    console.print(f"1 worker {one:.1f}, {most} workers {many:.1f} films/s", style="dim")
    return {"scaling_efficiency_32": round(many / (most * one), 3)}
