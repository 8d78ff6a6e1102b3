"""Whether the parts that requests need answer, found out at most once a second.

Anybody may ask (`/readyz`), so a crowd must cost no more than one who asks: all get what was found
within the last second, or wait for the same look. Each part is looked at in a thread of its own.
One that hangs is `down` once it has hung for `PATIENCE_SECONDS`: who asks then waits no longer, and
it is not looked at again before that look has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread
from typing import Any

from lungline.errors import LunglineError
from lungline.telemetry import get_logger

KEPT_SECONDS = 1.0
PATIENCE_SECONDS = 5.0

OK, DOWN = "ok", "down"

log = get_logger(__name__)


class Readiness:
    """What the parts of a process answered last."""

    def __init__(self, checks: Mapping[str, Callable[[], Any]]) -> None:
        """Look at nothing yet.

        Args:
            checks: By the name of each part what raises an error unless it answers.
        """
        self._checks = checks
        self._lock = Lock()
        self._looks: dict[str, _Look] = {}

    def states(self) -> dict[str, str]:
        """Say of each part whether it answers: `ok` or `down`."""
        with self._lock:
            for name, check in self._checks.items():
                look = self._looks.get(name)
                if look is None or look.old:
                    self._looks[name] = _Look(name, check)
            looks = dict(self._looks)
        return {name: look.state() for name, look in looks.items()}


class _Look:
    """One look at one part."""

    def __init__(self, name: str, check: Callable[[], Any]) -> None:
        self._name = name
        self._check = check
        self._found = DOWN
        self._began = self._ended = time.monotonic()
        self._done = Event()
        # A look that hangs does not keep the process from its end.
        Thread(target=self._run, name=f"look-{name}", daemon=True).start()

    @property
    def old(self) -> bool:
        """Whether it has ended too long ago to be told."""
        return self._done.is_set() and time.monotonic() - self._ended >= KEPT_SECONDS

    def state(self) -> str:
        """What was found, or is within the time that a part has."""
        left = self._began + PATIENCE_SECONDS - time.monotonic()
        return self._found if self._done.wait(max(0.0, left)) else DOWN

    def _run(self) -> None:
        try:
            self._check()
            self._found = OK
        except LunglineError:
            self._found = DOWN
        except Exception as error:
            log.error("check_crashed", part=self._name, exc_info=error)
        finally:
            self._ended = time.monotonic()
            self._done.set()
