"""The parent process of one kind of worker: Celery's, with a shutdown that ends when it can."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
import warnings
from collections.abc import Callable
from typing import Any

from billiard import current_process
from celery.apps.worker import Worker as CeleryWorker
from celery.apps.worker import install_worker_term_hard_handler
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import setup_logging, worker_process_init
from celery.worker import state

from lungline.errors import LunglineError
from lungline.heartbeat import start_heartbeat
from lungline.queueing import Queue
from lungline.settings import Settings
from lungline.telemetry import configure_logging, get_logger
from storage.database import Database
from storage.repository import Repository
from workers import child
from workers.analyzers import Analyzers, Reader, bundle_loader
from workers.app import app
from workers.beginning import begin, useless
from workers.crew import Crew, Hold
from workers.parts import build_parts
from workers.ready import ReadyFile, clear_stale
from workers.watch import Overseer

log = get_logger(__name__)

BundleLoader = Callable[[Settings], Callable[[str], Reader]]

POLL_SECONDS = 0.05
HAND_BACK_SECONDS = 2.0
"""How long a child that is told to drop its batch has for handing it back."""


class Worker(CeleryWorker):
    """Celery's worker, whose soft shutdown ends as soon as no child holds work.

    Celery's own sleeps through `worker_soft_shutdown_timeout` whenever a task runs, even if it
    ends after a moment.
    """

    crew: Crew
    overseer: Overseer

    def wait_for_soft_shutdown(self) -> None:
        """Let the children finish what they hold; then make them drop it; then kill them."""
        self.crew.stop()
        log.info("told to stop; batches in work are finished first", busy=len(self.crew.busy()))
        if self._idle_within(self.app.conf.worker_soft_shutdown_timeout, unless=_signalled_again):
            return
        if not _signalled_again():  # else Celery has told them already; being told twice kills
            self._signal_busy(signal.SIGQUIT)
        if not self._idle_within(HAND_BACK_SECONDS):
            self._signal_busy(signal.SIGKILL)

    def install_platform_tweaks(self, worker: CeleryWorker) -> None:
        """Let Ctrl-C do what SIGTERM does; Celery's own first waits without limit."""
        super().install_platform_tweaks(worker)
        install_worker_term_hard_handler(worker, sig="SIGINT")

    def _idle_within(self, seconds: float, *, unless: Callable[[], bool] = lambda: False) -> bool:
        """Wait until no child holds work, for some seconds, or until `unless`."""
        end = time.monotonic() + seconds
        while self.crew.busy():
            if time.monotonic() > end or unless():
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _signal_busy(self, number: int) -> None:
        for slot in self.crew.busy():
            try:
                os.kill(self.crew.holder(slot), number)
            except ProcessLookupError:
                log.warning("a child died while the worker stopped", slot=slot)


def _signalled_again() -> bool:
    return state.should_terminate is not None


def run(queue: Queue, settings: Settings, load: BundleLoader = bundle_loader) -> int:
    """Work on a queue until told to stop.

    Args:
        queue: Which one.
        settings: Of this process and its children.
        load: Makes, in each child, what loads model bundles.

    Returns:
        The exit status of the process.
    """
    processes = {
        Queue.ANALYZE: settings.worker_processes,
        Queue.EXPAND: settings.expander_processes,
    }.get(queue, 1)
    run = settings.data_dir / "run"
    heartbeat = start_heartbeat(settings, queue)
    crew = Crew(processes, heartbeat.beat) if heartbeat else Crew(processes)
    _connect(queue, settings, crew, load)
    # Celery warns root of messages that run code; ours are JSON, and containers run as root.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # It also asks at every reconnect whether batches in work should go on; they should.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    clear_stale(run, socket.gethostname())
    worker = Worker(
        app=app,
        hostname=f"{queue}@{crew.name}",
        pool_cls="prefork",
        concurrency=processes,
        queues=[str(queue)],
        optimization="fair",
        loglevel=settings.log_level,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.crew = crew
    worker.overseer = Overseer(crew, settings)
    try:
        worker.start()
    finally:
        _leave(settings, crew)
        if heartbeat:
            heartbeat.close()
    return int(worker.exitcode or useless(crew))


def _connect(queue: Queue, settings: Settings, crew: Crew, load: BundleLoader) -> None:
    """Say what Celery calls in the parent and in each child; before the fork."""

    def configure(**_: Any) -> None:
        configure_logging(settings, part=str(queue))
        # Two lines a batch that say nothing which our own do not.
        for name in ("celery.app.trace", "celery.worker.strategy"):
            logging.getLogger(name).setLevel(logging.WARNING)

    def start_child(**_: Any) -> None:
        slot: int = current_process().index
        begin(crew, slot, ReadyFile(settings, crew.worker_id(slot)), lambda: start(slot))

    def start(slot: int) -> None:
        parts = build_parts(
            app,
            settings,
            crew.worker_id(slot),
            analyzers=Analyzers(load(settings), settings.bundles_loaded),
            role=queue,
            parent=crew.parent,
            stopping=lambda: crew.stopping,
            hold=Hold(crew, slot),
        )
        child.start(crew, slot, queue, parts)

    setup_logging.connect(configure, weak=False)
    worker_process_init.connect(start_child, weak=False)


def _leave(settings: Settings, crew: Crew) -> None:
    """Hand back what killed children still held; no child is left, so none is forked any more."""
    for slot in range(crew.slots):
        ReadyFile(settings, crew.worker_id(slot)).clear()
    busy = crew.busy()
    if not busy:
        return
    database = Database(settings.sqlalchemy_url)
    try:
        claims = Repository(database, max_attempts=settings.max_attempts).claims
        # Children that were killed because they did not stop in time are no fault of their films.
        died = not crew.stopping
        count = sum(claims.hand_back_worker(crew.worker_id(slot), died=died) for slot in busy)
    except LunglineError as error:
        log.warning("films not handed back; their leases will expire", code=error.code)
    else:
        log.info("stopped; films handed back", films=count)
    finally:
        database.dispose()
