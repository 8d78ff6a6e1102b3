"""Writes what was read while the next batch is being read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import AbstractContextManager
from contextvars import copy_context

from lungline.errors import PartUnavailable
from workers.hopeless import end_if_it_fails


class Writer:
    """One thread, one batch behind at most.

    Flushing to disk and committing is waiting, most of it; a process that read nothing meanwhile
    would leave its core idle for a tenth of the time and more.
    """

    def __init__(self, hold: AbstractContextManager[object]) -> None:
        """Prepare the thread; it starts with the first write.

        Args:
            hold: Entered for as long as something is to be written; it may be entered many times.
        """
        self._hold = hold
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._pending: Future[None] | None = None
        self._failure: PartUnavailable | None = None

    def submit(self, write: Callable[[], PartUnavailable | None]) -> None:
        """Write in the background, as soon as what was submitted before is written.

        Args:
            write: Writes, and returns the part that failed, if one did. When it raises instead,
                nobody has given the batch back, and this process ends.
        """
        self.wait()
        self._hold.__enter__()  # until it is written, so in the caller already
        self._pending = self._thread.submit(copy_context().run, self._write, write)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until everything is written, or for so long.

        Raises:
            TimeoutError: It was not written in time.
        """
        if self._pending is None:
            return
        if not wait_for([self._pending], seconds).done:
            raise TimeoutError
        # Told once: an error that stayed would fail every batch from then on.
        pending, self._pending = self._pending, None
        pending.result()

    def take_failure(self) -> PartUnavailable | None:
        """The part that failed in the last write, if one did; told once."""
        failure, self._failure = self._failure, None
        return failure

    def close(self) -> None:
        """Write what is pending, and end the thread."""
        self._thread.shutdown()

    def _write(self, write: Callable[[], PartUnavailable | None]) -> None:
        try:
            with end_if_it_fails():
                self._failure = write()
        finally:
            self._hold.__exit__(None, None, None)
