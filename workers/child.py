"""A child of a worker: what it does once, after the fork, and how it runs a task."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from lungline.bundles import find_bundle
from lungline.errors import BundleNotFound, ConfigurationError, LunglineError, PartUnavailable
from lungline.queueing import Queue
from lungline.telemetry import get_logger
from storage.bundles import Bundles
from workers.analyzers import BundleAbsent, BundleUnusable
from workers.crew import Crew
from workers.fetching import fetch_bundle
from workers.parts import Parts
from workers.ready import ReadyFile
from workers.watch import Watch

log = get_logger(__name__)


class Child:
    """One process of the pool, with its parts."""

    def __init__(self, crew: Crew, slot: int, parts: Parts) -> None:
        """Join a crew in a slot."""
        self._crew, self._slot, self._hold = crew, slot, parts.hold
        self.parts = parts

    def run(self, work: Callable[[Parts], object]) -> None:
        """Run a task, unless the worker was told to stop.

        The mark that this child holds work is set before it looks whether to stop, and the parent
        says "stop" before it looks who holds work: none can miss the other.
        """
        self._crew.take(self._slot)
        with self._hold:
            if not self._crew.stopping:
                work(self.parts)
                self.parts.failures.write()

    def take_over(self) -> None:
        """Hand back at once what the dead predecessor in this slot held."""
        if not self._crew.holder(self._slot):
            return
        try:
            count = self.parts.repository.claims.hand_back_worker(self.parts.worker_id)
        except LunglineError as error:
            log.warning("predecessor's films not handed back", code=error.code)
        else:
            log.warning("a child died; its films are handed back", films=count)
        self._crew.clear(self._slot)

    def load(self) -> None:
        """Load the default bundle, so that the first film does not wait for it."""
        settings = self.parts.settings
        ready = ReadyFile(settings, self.parts.worker_id)
        ready.clear()
        started = time.monotonic()
        try:
            bundle = self._load_default()
        except (BundleNotFound, BundleUnusable, ConfigurationError) as error:
            # Not fatal: jobs may pin other bundles, and those of this one fail with the reason.
            log.error("default bundle unusable", reason=error.message)
            ready.refuse(error.message)
            return
        ready.set()
        log.info("ready", bundle=bundle, seconds=round(time.monotonic() - started, 3))

    def _load_default(self) -> str:
        """Load what jobs get that name none; return its key."""
        parts = self.parts
        settings, analyzers = parts.settings, parts.analyzers
        try:
            bundle = Bundles(parts.repository.database, settings).resolve(None).key
            try:
                analyzers.get(bundle)
            except BundleAbsent:
                fetch_bundle(parts, bundle)
                analyzers.get(bundle)
        except PartUnavailable as error:
            log.warning("default bundle of the settings is loaded", code=error.code)
            bundle = find_bundle(settings.bundles_dir, settings.bundle).key
            analyzers.get(bundle)
        return bundle


_current: Child | None = None


def start(crew: Crew, slot: int, queue: Queue, parts: Parts) -> None:
    """Become the child in `slot` that works on `queue`; called once, right after the fork."""
    global _current
    crew.arrive(slot)
    _current = Child(crew, slot, parts)
    _current.take_over()
    if queue is Queue.EXPAND or (
        # TensorFlow on a GPU maps more memory than it uses, so it has no limit.
        queue is Queue.ANALYZE and parts.settings.runtime == "openvino"
    ):
        _limit_memory(parts.settings.worker_memory_bytes)
    if queue is Queue.ANALYZE:
        _current.load()
    if parts.settings.stall_seconds:
        Watch(crew, slot, lambda: parts.permits.ready(queue), parts.settings.stall_seconds).start()


def _limit_memory(most: int) -> None:
    """Let a film, or an archive, that needs too much fail, before the system ends a process for it.

    Args:
        most: Bytes; 0: there is no limit.
    """
    if most:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def current() -> Child:
    """The child that this process is.

    Raises:
        RuntimeError: The process was not started by `python -m workers`.
    """
    if _current is None:
        raise RuntimeError("start workers with `python -m workers analyze|expand|control`")
    return _current
