"""A file that changes for as long as a part moves, for who watches the part from outside.

The parent of a worker and its children watch each other. When all of them stand still at once
(stopped together, a frozen container) only somebody else can notice: the supervisor of the embedded
stack, or a container's health check.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lungline.settings import Settings
from lungline.telemetry import get_logger

log = get_logger(__name__)

SUFFIX = ".alive"
LONGEST_PAUSE_SECONDS = 5.0
"""Most time between two beats of a part that moves."""
PATIENCE = 1.25
"""A worker's own watch comes first: it ends in better order."""
_LINE_BYTES = 96


@dataclass(frozen=True, slots=True)
class Beat:
    """What a part said last.

    Attributes:
        role: Which part it is.
        pid: Its process, the parent of its children.
        most_seconds: How long it may say nothing before it counts as standing still.
        at: When it said this, by `time.monotonic`, which all processes of a machine share and which
            stands still while the machine sleeps.
    """

    role: str
    pid: int
    most_seconds: float
    at: float


class Heartbeat:
    """The file `run/<role>@<host>-<pid>.alive` of this process, which its children may beat too.

    The process holds a lock on it, which no child inherits and which ends with it: so a file of
    the dead is known, whoever has its process id by now. This process must not open the file again:
    closing it would end the lock.
    """

    def __init__(self, run: Path, role: str, stall_seconds: float) -> None:
        """Begin to beat; before the fork.

        Args:
            run: The folder of what is true only while the service runs.
            role: Which part this is.
            stall_seconds: How long a part may stand still.
        """
        run.mkdir(parents=True, exist_ok=True)
        host = socket.gethostname()
        for left in run.glob(f"*@{host}-*{SUFFIX}"):
            if not _held(left):
                left.unlink(missing_ok=True)
        self._path = run / f"{role}@{host}-{os.getpid()}{SUFFIX}"
        self._head = f"{role} {os.getpid()} {PATIENCE * stall_seconds:.3f}"
        # Nobody shall see it before it is locked.
        unlocked = self._path.with_suffix(".new")
        self._file = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        self.beat()
        unlocked.rename(self._path)

    def beat(self) -> None:
        """Say that this process moves."""
        line = f"{self._head} {time.monotonic():.6f}".ljust(_LINE_BYTES - 1) + "\n"
        with suppress(OSError):  # the disk is full: what was written at the start can be rewritten
            os.pwrite(self._file, line.encode("ascii"), 0)

    def close(self) -> None:
        """Say that this process ends in good order."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def start_heartbeat(settings: Settings, role: str) -> Heartbeat | None:
    """Begin to beat, as far as the settings and the data folder let this process; before the fork.

    Returns:
        None when nobody watches, or when nothing can be written: then nobody outside is told.
    """
    if not settings.stall_seconds:
        return None
    try:
        return Heartbeat(settings.data_dir / "run", role, settings.stall_seconds)
    except OSError as error:
        log.warning("no heartbeat: the data folder cannot be written", reason=error.strerror)
        return None


def living(run: Path) -> Iterator[Path]:
    """Yield the files of the parts of this machine whose process lives."""
    for path in sorted(run.glob(f"*@{socket.gethostname()}-*{SUFFIX}")):
        if _held(path):
            yield path


def read_beat(path: Path) -> Beat | None:
    """Read what a part said last; None when it has ended.

    Raises:
        PermissionError: The part runs as another user.
    """
    try:
        role, pid, most, at = path.read_text(encoding="ascii").split()
    except (FileNotFoundError, ValueError):
        return None
    return Beat(role, int(pid), float(most), float(at))


def _held(path: Path) -> bool:
    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (BlockingIOError, PermissionError):
        return True
    return False
