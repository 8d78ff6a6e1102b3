"""The log file of one part, fed from its pipe and rotated by size.

The supervisor writes the file, not the part: so it can be rotated while the part and all its
children print, and what a dying process says last is not lost.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Lock, Thread
from typing import BinaryIO

MAX_BYTES = 10 * 1024 * 1024
OLD_FILES = 3
LAST_LINES = 15
LONGEST_LINE = 64 * 1024


class PartLog:
    """A log file and the last lines that went into it."""

    def __init__(self, path: Path) -> None:
        """Append to the file at `path`, whose folder exists."""
        self.path = path
        self._file = _QuietFile(path, maxBytes=MAX_BYTES, backupCount=OLD_FILES, encoding="utf-8")
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._pump: Thread | None = None
        self._lock = Lock()
        self._copying = 0  # threads: one a life of the part
        self._closing = False

    @property
    def last_lines(self) -> list[str]:
        """What was said last, oldest first."""
        return list(self._last)

    def follow(self, pipe: BinaryIO) -> None:
        """Copy `pipe` into the file until it ends, in a thread."""
        self._last.clear()
        with self._lock:
            self._copying += 1
        self._pump = Thread(target=self._copy, args=(pipe,), name=f"log-{self.path.stem}")
        self._pump.daemon = True
        self._pump.start()

    def drain(self, seconds: float = 2.0) -> None:
        """Wait until all that the ended process printed is in the file."""
        if self._pump is not None:
            self._pump.join(seconds)

    def close(self) -> None:
        """Close the file, or let the thread that still writes into it close it at its end."""
        self.drain()
        with self._lock:
            self._closing = True
            if not self._copying:
                self._close_file()

    def _copy(self, pipe: BinaryIO) -> None:
        with pipe:
            while line := pipe.readline(LONGEST_LINE):
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                self._last.append(text)
                self._file.handle(logging.makeLogRecord({"msg": text}))
        with self._lock:
            self._copying -= 1
            if self._closing and not self._copying:
                self._close_file()

    def _close_file(self) -> None:
        with suppress(OSError):  # the disk is full: what is lost is lost
            self._file.close()


class _QuietFile(RotatingFileHandler):
    """Goes on when the disk is full: a part must never block on a pipe that nobody reads."""

    def handleError(self, record: logging.LogRecord) -> None:
        return None
