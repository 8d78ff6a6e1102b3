"""How many messages the broker ever holds: with 100,000 films queued and no worker, and then with.

An hour without a worker has 1,800 sweeps, one each two seconds; here they follow each other at
once, each with the clock's own message, and jobs keep coming meanwhile, each with its permits.
"""

from __future__ import annotations

from redis import Redis
from rich.console import Console

from api.doorbell import Doorbell
from benchmarks.crowd import Crowd
from benchmarks.null_parts import null_parts
from benchmarks.queue import migrated, queue_servers, submit_many
from lungline.queueing import Queue
from lungline.telemetry import configure_logging
from workers.sweep import sweep

SUBMISSIONS = 100
console = Console(stderr=True)


def measure(films: int, sweeps: int, seconds: float = 10.0) -> dict[str, float]:
    """Give `max_broker_messages`: the most messages seen, waiting or in work.

    Args:
        films: Queued from the beginning.
        sweeps: That find no worker.
        seconds: How long two workers read afterwards.
    """
    with queue_servers() as servers, migrated(servers) as repository:
        settings = servers.model_copy(update={"log_level": "WARNING"})
        configure_logging(settings, "benchmark")
        parts = null_parts(settings, "control")
        doorbell = Doorbell(parts.permits, settings.batch_size)
        submit_many(settings, repository, films)
        most = 0
        with Redis.from_url(settings.broker_url) as broker:
            for number in range(sweeps):
                if number % max(1, sweeps // SUBMISSIONS) == 0:
                    submit_many(settings, repository, 100)
                    doorbell.films_wait(100)
                    doorbell.archive_waits()
                parts.permits.top_up(Queue.CONTROL, 1)  # the clock's
                sweep(parts)
                most = max(most, _messages(broker))
            console.print(f"{most} messages after {sweeps} sweeps without a worker", style="dim")
            Crowd(settings, 2).films_per_second(seconds)
            most = max(most, _messages(broker))
        parts.close()
    return {"max_broker_messages": most}


def _messages(broker: Redis) -> int:
    lists = [key for key in broker.scan_iter() if broker.type(key) == b"list"]
    waiting = sum(int(str(broker.llen(key))) for key in lists)
    return waiting + int(str(broker.hlen("unacked")))
