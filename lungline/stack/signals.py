"""Signals that stop a stack: the first in good order, the second at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

from lungline.stack.supervisor import Supervisor


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to stop.

    Attributes:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.number = number


class StopSignals:
    """Ties a supervisor to this process's signals; its end is the end of the stack."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, supervisor: Supervisor) -> None:
        """Prepare for `supervisor`, which is about to start."""
        self._supervisor = supervisor
        self._stopping = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Listen to signals."""
        self._before = {number: signal.signal(number, self._handle) for number in self.SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the stack and wait until its last process has ended."""
        self._stopping = True
        self._supervisor.stop()
        self._supervisor.join()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        hard, self._stopping = self._stopping, True
        # The supervisor's thread stops the parts whatever becomes of the exception below.
        self._supervisor.stop(hard=hard)
        if not hard:
            raise Interrupted(number)
