"""The Celery application's settings, and permits: messages that only say that there is work.

The queue of record is the database. A permit lets one worker take one batch, so losing or repeating
a permit loses or repeats nothing else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from celery import Celery
from kombu import Connection
from kombu.exceptions import ChannelError, OperationalError
from kombu.pools import ProducerPool

from lungline.errors import BrokerUnavailable
from lungline.settings import Settings


class Queue(StrEnum):
    """The three queues; each has a task of the same name."""

    ANALYZE = "analyze"
    EXPAND = "expand"
    CONTROL = "control"  # a process of its own, so that long work never blocks the repair


class Task(StrEnum):
    """Task names, by which the API and beat enqueue without importing `workers`."""

    ANALYZE = "lungline.analyze"
    EXPAND = "lungline.expand"
    SWEEP = "lungline.sweep"


TASK_OF_QUEUE = {Queue.ANALYZE: Task.ANALYZE, Queue.EXPAND: Task.EXPAND, Queue.CONTROL: Task.SWEEP}


def make_celery(settings: Settings) -> Celery:
    """Make the Celery application that every part shares."""
    app = Celery("lungline", broker=settings.broker_url)
    app.conf.update(
        # JSON only: a message can never run code by being read.
        accept_content=["json"],
        task_serializer="json",
        # Results live in the database.
        task_ignore_result=True,
        # A permit is acknowledged when its batch is done, and handed out again if its process dies.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # A worker that reserves permits ahead would keep them from idle workers: it takes as many
        # as it has free children (disable_prefetch), and kombu itself does not count (0). kombu's
        # count keeps permits whose acknowledgement failed because the broker went away, so that a
        # worker with all children busy at that moment would never ask for a permit again.
        worker_prefetch_multiplier=0,
        worker_disable_prefetch=True,
        # The default of 4 s kills a child that is still loading its model, for ever.
        worker_proc_alive_timeout=120,
        # The default waits 10 s before it says that a child died; its permit would hold a place.
        worker_lost_wait=1.0,
        # On shutdown a batch in work gets this long; then the parent hands its films back.
        worker_soft_shutdown_timeout=10.0,
        # A broker that goes away takes permits with it, not work: batches in work go on.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": settings.visibility_timeout_seconds,
            # Unacknowledged permits of a killed worker return within seconds, not after 100 s.
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
        },
        task_time_limit=settings.batch_hard_limit_seconds,
        task_default_queue=Queue.CONTROL,
        task_routes={task: {"queue": queue} for queue, task in TASK_OF_QUEUE.items()},
        timezone="UTC",
    )
    return app


CONNECTIONS = 4
"""Connections that the threads of one process share for sending permits."""


class Permits:
    """Sends permits, and counts those that wait in the broker. Safe to share between threads."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        """Prepare a connection of its own, with short timeouts; it opens when first used."""
        self._app = app
        self._most = settings.permits_ready
        timeout = settings.publish_timeout_seconds
        connection = Connection(
            settings.broker_url,
            connect_timeout=timeout,
            transport_options={
                **app.conf.broker_transport_options,
                "socket_timeout": timeout,
                "socket_connect_timeout": timeout,
                # One try: the sweep is the retry.
                "max_retries": 1,
                "interval_start": 0,
                "interval_step": 0,
                "interval_max": 0,
            },
        )
        # Not kombu's global pools, which every `Permits` of a process would share and close.
        self._connections = connection.Pool(CONNECTIONS)
        self._producers = ProducerPool(self._connections, CONNECTIONS)

    def close(self) -> None:
        """Close the connections."""
        self._producers.force_close_all()
        self._connections.force_close_all()

    def ready(self, queue: Queue) -> int:
        """Count the permits that wait in `queue`; those being worked on do not count.

        Raises:
            BrokerUnavailable: The broker did not answer in time.
        """
        with _broker_errors(), self._producers.acquire(block=True) as producer:
            return _count(producer, queue)

    def top_up(self, queue: Queue, wanted: int, at_most: int | None = None) -> int:
        """Send permits until `wanted` (capped by `permits_ready`) wait in `queue`.

        Args:
            queue: Where to.
            wanted: How many permits should wait, for instance the number of queued batches.
            at_most: Send no more than this many now.

        Returns:
            The number of permits sent.

        Raises:
            BrokerUnavailable: The broker did not answer in time. Callers at intake ignore it:
                the sweep sends what is missing.
        """
        target = min(wanted, self._most)
        if target <= 0:
            return 0
        with _broker_errors(), self._producers.acquire(block=True) as producer:
            missing = max(0, target - _count(producer, queue))
            count = missing if at_most is None else min(missing, at_most)
            for _ in range(count):
                self._app.send_task(
                    TASK_OF_QUEUE[queue], queue=queue, producer=producer, retry=False
                )
            return count


def batches(films: int, batch_size: int) -> int:
    """Number of batches that hold `films` films."""
    return -(-films // batch_size)


def _count(producer: Any, queue: Queue) -> int:
    try:
        return int(producer.channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # an empty Redis list does not exist
        return 0


_TRANSPORT_ERRORS = Connection("redis://").connection_errors


class _broker_errors:
    """Turn whatever the transport raises into `BrokerUnavailable`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (OperationalError, OSError, *_TRANSPORT_ERRORS)):
            raise BrokerUnavailable("The broker does not answer.") from error
