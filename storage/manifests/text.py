"""The lines of a stored text, read by ranges: none is held that is longer than a line may be."""

from __future__ import annotations

from storage.manifests.encoding import UTF_8, Encoding, ReadRange

MOST_LINE = 64 * 1024
"""Bytes of a line that is taken; what is longer is skipped to its end."""
_CHUNK = 256 * 1024


class Lines:
    """Reads a text line by line.

    Attributes:
        offset: Where the next line begins.
        number: Of the line that was read last, from 1.
        encoding: Of the text.
    """

    def __init__(self, read_range: ReadRange, size: int, encoding: Encoding = UTF_8) -> None:
        """Begin at the first line of a text of `size` bytes."""
        self.encoding: Encoding = encoding
        self._read_range, self._size = read_range, size
        self._buffer, self._place = b"", 0
        self.offset, self.number = 0, 0

    def go_on(self, offset: int, number: int) -> None:
        """Go on behind a line that was read before, with its `offset` and `number` then."""
        self._buffer, self._place = b"", 0
        self.offset, self.number = offset, number

    def take(self) -> bytes | None:
        """Read the next line with its end.

        Returns:
            An empty line for one that is too long; None behind the last.
        """
        taken, length, ended = b"", 0, False
        while not ended:
            if self._place == len(self._buffer):
                start = self.offset + length
                self._buffer = self._read_range(start, min(_CHUNK, self._size - start))
                self._place = 0
                if not self._buffer:
                    break
            at = self._buffer.find(b"\n", self._place)
            ended = at >= 0
            end = at + 1 if ended else len(self._buffer)
            length += end - self._place
            if length <= MOST_LINE:
                taken += self._buffer[self._place : end]
            self._place = end
        if not length:
            return None
        self.offset += length
        self.number += 1
        return taken if length <= MOST_LINE else b""
