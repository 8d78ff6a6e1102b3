"""The processes that draw, as many as may be; whoever needs a picture waits for a free one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from queue import Empty, LifoQueue

from lungline.errors import PicturesBusy
from lungline.settings import Settings
from storage.results.drawing.process import DrawingProcess
from storage.results.render.order import Order

COMMAND = (sys.executable, "-m", "storage.results.drawing")


class Drawers:
    """Draws pictures in other processes. Safe to share between threads; not across a fork.

    Processes are started when first needed. One that takes too long, or dies, costs its own
    picture only: the next gets a new one.
    """

    def __init__(
        self, settings: Settings, *, most: int | None = None, command: Sequence[str] = COMMAND
    ) -> None:
        """Start nothing yet.

        Args:
            settings: How many processes, how much time and memory for each picture.
            most: Other than the settings' number of them.
            command: What such a process runs; time and memory are added to it.
        """
        self._seconds = settings.picture_seconds
        self._all = [
            DrawingProcess(settings, command) for _ in range(most or settings.picture_processes)
        ]
        # The last one used is taken next, so no more are started than are needed at a time.
        self._free: LifoQueue[DrawingProcess] = LifoQueue()
        for process in self._all:
            self._free.put(process)

    def draw(self, order: Order, *blobs: bytes) -> bytes:
        """Draw one picture, as PNG.

        Args:
            order: Which.
            blobs: The film, and the lung mask where it is drawn.

        Raises:
            FilmRejected: The film cannot be decoded.
            PictureFailed: It took too much time or memory, or ended the process.
            PicturesBusy: All processes are drawing, and none got free in time.
            PartUnavailable: No such process can be started.
        """
        try:
            process = self._free.get(timeout=self._seconds)
        except Empty:
            raise PicturesBusy(
                f"As many pictures are being drawn as may be ({len(self._all)}). Ask again."
            ) from None
        try:
            return process.draw(order, *blobs)
        finally:
            self._free.put(process)

    def close(self) -> None:
        """End the processes; they start anew when used again."""
        for process in self._all:
            process.end()
