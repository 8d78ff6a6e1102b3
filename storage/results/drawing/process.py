"""One process that draws, as the service sees it: started, asked, and killed when it fails."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from socket import socket, socketpair
from threading import Lock
from typing import Any

from lungline.errors import (
    FILM_CODES,
    FilmRejected,
    LunglineError,
    PartUnavailable,
    PictureFailed,
)
from lungline.settings import MIB, Settings
from lungline.telemetry import get_logger
from storage.results.drawing.messages import receive, send
from storage.results.render.order import Order

START_SECONDS = 60.0
"""A process that has not loaded its libraries by then never will."""
MOST_PICTURE_BYTES = 256 * MIB
"""More than the largest picture, 4,096 pixels a side, can have."""
_ROOT = Path(__file__).resolve().parents[3]
_INHERITED = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TMPDIR")

log = get_logger(__name__)


class DrawingProcess:
    """Draws one picture at a time."""

    def __init__(self, settings: Settings, command: Sequence[str]) -> None:
        """Start nothing yet."""
        self._seconds, self._memory = settings.picture_seconds, settings.picture_memory_bytes
        self._command = (*command, str(self._seconds), str(self._memory))
        self._environment = _environment(settings.max_film_pixels)
        self._lock = Lock()
        self._running: tuple[subprocess.Popen[bytes], socket] | None = None

    def draw(self, order: Order, *blobs: bytes) -> bytes:
        """Draw one picture; see `Drawers.draw`."""
        connection = self._connection()
        until = time.monotonic() + self._seconds
        try:
            send(connection, asdict(order), blobs, until=until)
            answer, pictures = receive(connection, MOST_PICTURE_BYTES, until=until)
            if pictures:
                return pictures[0]
            error = self._told(answer)
        except TimeoutError:
            error = self._failed(order, f"took longer than {self._seconds:g} s")
        except (OSError, EOFError, ValueError):
            error = self._failed(order, "ended the process that draws")
        raise error

    def end(self) -> None:
        """Kill it, if it runs; it holds nothing that could be lost."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            process, connection = running
            process.kill()
            process.wait()
            connection.close()

    def _connection(self) -> socket:
        """Of the process, which is started if there is none, or no more."""
        running = self._running
        if running is not None and running[0].poll() is None:
            return running[1]
        self.end()
        return self._start()

    def _start(self) -> socket:
        ours, theirs = socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603  # a command of our own
                self._command,
                cwd=_ROOT,
                env=self._environment,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
            )
        with self._lock:
            self._running = process, ours
        try:
            receive(ours, 0, until=time.monotonic() + START_SECONDS)
        except (OSError, EOFError, ValueError) as error:
            self.end()
            log.error("drawing_not_started", status=process.returncode)
            raise PartUnavailable("The process that draws pictures does not start.") from error
        return ours

    def _told(self, answer: dict[str, Any]) -> LunglineError:
        """What the process says is wrong; no word of it is taken that is not expected."""
        if answer.get("code") in FILM_CODES:
            return FilmRejected(answer["code"], FILM_CODES[answer["code"]])
        if answer.get("memory"):
            return PictureFailed(
                f"The picture needs more memory than {self._memory // MIB:,} MiB. Ask for a "
                "smaller `size`, or send a smaller film."
            )
        log.error("drawing_crashed", crash=str(answer.get("crash"))[-2000:])
        return LunglineError("Something failed inside the service. It was logged.")

    def _failed(self, order: Order, why: str) -> PictureFailed:
        running = self._running
        self.end()
        status = running[0].returncode if running is not None else None
        log.warning("drawing_failed", kind=order.kind, why=why, status=status)
        return PictureFailed(
            f"Drawing the picture {why}. Ask for a smaller `size`; if that fails too the film "
            "cannot be shown."
        )


def _environment(most_pixels: int) -> dict[str, str]:
    """No setting and no secret; OpenCV refuses larger pictures by their header."""
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED}
    limits = {"OPENCV_IO_MAX_IMAGE_PIXELS": str(most_pixels), "OPENBLAS_NUM_THREADS": "1"}
    return inherited | limits
