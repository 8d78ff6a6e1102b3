"""Whether a part that beats (`lungline.heartbeat`) still does."""

from __future__ import annotations

import time
from pathlib import Path

from lungline.heartbeat import SUFFIX, Beat, read_beat

LOOK_SECONDS = 1.0


class Pulse:
    """Notices that a part has stopped to beat.

    Time is counted in looks, not by a clock: while the machine sleeps, or this process is stopped
    together with the part, nobody looks and nobody is blamed.
    """

    def __init__(self, run: Path) -> None:
        """Look into the folder `run`."""
        self._run = run
        self._looked_at = -LOOK_SECONDS
        self._seen: Beat | None = None
        self._looks = 0

    def lost(self, pid: int) -> bool:
        """Whether the part has said nothing for as long as it may; False if it never beat."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        beat = self._read(pid)
        self._looks = self._looks + 1 if beat is not None and beat == self._seen else 0
        self._seen = beat
        return beat is not None and self._looks * LOOK_SECONDS >= beat.most_seconds

    def _read(self, pid: int) -> Beat | None:
        return next((read_beat(path) for path in self._run.glob(f"*-{pid}{SUFFIX}")), None)
