"""The clock: asks for a sweep every few seconds, but never for two at once."""

from __future__ import annotations

import logging
import math
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

from celery.beat import Scheduler, Service
from celery.schedules import schedule

from lungline.errors import BrokerUnavailable
from lungline.heartbeat import Heartbeat, start_heartbeat
from lungline.queueing import Permits, Queue, Task, make_celery
from lungline.settings import Settings
from lungline.telemetry import configure_logging, get_logger
from workers.watch import look_seconds

log = get_logger(__name__)


class SweepScheduler(Scheduler):
    """Celery's scheduler in memory, sending a sweep only when none waits.

    Nothing is kept on disk: the schedule is one entry, and a sweep too early is harmless.
    """

    producer = None  # Celery's would block in a reconnect of up to 30 s; permits have their own
    permits: Permits
    heartbeat: Heartbeat | None = None

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do what is due; return the seconds until the next look."""
        if self.heartbeat:
            self.heartbeat.beat()
        return float(super().tick(*args, **kwargs))

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send the sweep unless one waits; a broker that is down is asked again next time."""
        try:
            sent = self.permits.top_up(Queue.CONTROL, 1)
        except BrokerUnavailable as error:
            log.warning("sweep not sent", code=error.code)
        else:
            log.debug("sweep due", sent=sent)


def run(settings: Settings) -> int:
    """Ask for sweeps until told to stop; return the exit status of the process."""
    configure_logging(settings, part="beat")
    logging.getLogger("celery.beat").setLevel(logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _exit)
    heartbeat = start_heartbeat(settings, "beat")
    try:
        make_service(settings, heartbeat).start()
    finally:
        if heartbeat:
            heartbeat.close()
    return 0


def make_service(settings: Settings, heartbeat: Heartbeat | None = None) -> Service:
    """Make Celery's beat service with the one entry of the schedule.

    Args:
        settings: Of this process.
        heartbeat: Beaten at each look at the schedule.
    """
    app, stall = make_celery(settings), settings.stall_seconds
    app.conf.beat_schedule = {
        "sweep": {
            "task": str(Task.SWEEP),
            "schedule": schedule(settings.sweep_interval_seconds, app=app),
        }
    }
    own = {"permits": Permits(app, settings), "heartbeat": heartbeat}
    scheduler = type("Scheduler", (SweepScheduler,), own)
    return Service(
        app,
        max_interval=min(settings.sweep_interval_seconds, look_seconds(stall) or math.inf),
        scheduler_cls=scheduler,
    )


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)
