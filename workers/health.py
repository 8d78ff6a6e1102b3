"""`python -m workers health`: whether the workers of this machine or container move."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from lungline.heartbeat import LONGEST_PAUSE_SECONDS, Beat, living, read_beat
from lungline.settings import Settings

AGAIN_SECONDS = LONGEST_PAUSE_SECONDS + 2.0
"""A part that was frozen and goes on has said so within this time."""
LOOK_SECONDS = 0.1


def check(settings: Settings, *, end: bool) -> int:
    """Look at all workers that share this process's data folder and machine.

    Args:
        settings: Of this process; their data folder counts.
        end: End those that stand still, so that what supervises them starts them again.

    Returns:
        The exit status: 0 if there are workers and all move, else 1; with what is wrong on
        standard error.
    """
    if not settings.stall_seconds:
        print("workers: LUNGLINE_STALL_SECONDS is 0: nobody is watched", file=sys.stderr)
        return 0
    run = settings.data_dir / "run"
    files = list(living(run))
    if not files:
        print(f"workers: none has begun to work in {run}", file=sys.stderr)
        return 1
    try:
        still = [beat for path in files if (beat := _standing_still(path))]
    except PermissionError as error:
        print(f"workers: {error.filename} is another user's: run this as that one", file=sys.stderr)
        return 1
    for beat in still:
        age = time.monotonic() - beat.at
        told = f"workers: {beat.role} (process {beat.pid}) has stood still for {age:.0f} s"
        print(f"{told}; it is ended" if end else told, file=sys.stderr)
        if end:
            with suppress(ProcessLookupError):  # something else was quicker
                os.kill(beat.pid, signal.SIGKILL)
    return 1 if still else 0


def _standing_still(path: Path) -> Beat | None:
    """What a part said last if it stands still.

    One that was frozen, and goes on, has an old beat for a moment: so it is looked at again.
    """
    seen = read_beat(path)
    if seen is None or time.monotonic() - seen.at <= seen.most_seconds:
        return None
    end = time.monotonic() + AGAIN_SECONDS
    while time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        if read_beat(path) != seen:
            return None
    return seen
