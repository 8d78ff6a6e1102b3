"""One temporary file for the parts of a multipart body: small bodies in memory, large on disk."""

from __future__ import annotations

import errno
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import BinaryIO, Self, cast

from lungline.errors import PartUnavailable

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of one request kept in memory before its spool moves to disk."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of spooled bytes.

    Attributes:
        offset: Where it begins.
        size: Bytes kept.
        sha256: Hexadecimal digest of all bytes that came, kept or not.
    """

    offset: int
    size: int
    sha256: str


class Spool:
    """Written once from front to back, then read slice by slice. One file for any number of parts.

    The file has no name, so nothing is left of it when the process dies.
    """

    def __init__(self, folder: Path | None) -> None:
        """Keep the file in `folder`; None: the system's temporary folder."""
        # Closed by __exit__.
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder) if folder else None)  # noqa: SIM115
        self._size = 0

    def __enter__(self) -> Self:
        """Return the spool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file."""
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            PartUnavailable: The disk is full.
        """
        try:
            self._file.write(data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise PartUnavailable("There is no room to take the body now.") from error
        self._size += len(data)

    def cut(self, size: int) -> None:
        """Drop what was written behind `size`."""
        self._file.seek(size)
        self._file.truncate()
        self._size = size

    def read(self, part: Slice) -> bytes:
        """Read a slice whole."""
        self._file.seek(part.offset)
        return self._file.read(part.size)

    def open(self, part: Slice) -> BinaryIO:
        """Open a slice as a stream; no other slice may be read until it is done with."""
        self._file.seek(part.offset)
        return cast(BinaryIO, io.BufferedReader(_Window(cast(BinaryIO, self._file), part.size)))


class SliceWriter:
    """Writes one part into a spool, up to a limit."""

    def __init__(self, spool: Spool) -> None:
        """Begin at the spool's end."""
        self._spool = spool
        self._offset = spool.size
        self._digest = hashlib.sha256()
        self.received = 0

    def write(self, data: bytes, most: int | None) -> None:
        """Take bytes of the part.

        Args:
            data: The next bytes.
            most: Keep nothing once the part has more bytes than this; None: no limit.

        Raises:
            PartUnavailable: The disk is full.
        """
        self._digest.update(data)
        self.received += len(data)
        if most is None or self.received <= most:
            self._spool.write(data)
        elif self._spool.size > self._offset:
            self._spool.cut(self._offset)

    def done(self) -> Slice:
        """Close the part."""
        return Slice(self._offset, self._spool.size - self._offset, self._digest.hexdigest())


class _Window(io.RawIOBase):
    """The next `size` bytes of a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._file.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)
