"""Ranged reads with a window read ahead: small neighbouring entries cost one request together."""

from __future__ import annotations

from collections.abc import Callable

WINDOW_BYTES = 4 * 1024 * 1024

RangeReader = Callable[[int, int], bytes]
"""Takes start and length; gives fewer bytes where the object ends first."""


class Source:
    """The bytes of an archive. Not to be shared between threads."""

    def __init__(self, read_range: RangeReader, size: int, window: int = WINDOW_BYTES) -> None:
        """Read an object of `size` bytes, at least `window` of them at a time."""
        self._read_range = read_range
        self._least = window
        self._start = 0
        self._window = b""
        self.size = size

    def read(self, start: int, length: int) -> bytes:
        """Read `length` bytes from `start`: fewer where the archive ends first."""
        end = min(start + length, self.size)
        if start >= end:
            return b""
        if start < self._start or end > self._start + len(self._window):
            self._window = b""  # so that two windows are never held
            self._window = self._read_range(start, max(end - start, self._least))
            self._start = start
        return self._window[start - self._start : end - self._start]
