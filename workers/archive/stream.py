"""An archive's bytes front to back, unpacked on the way, with what that may cost counted."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Protocol

import zstandard

from lungline.archives import ArchiveFormat
from workers.archive.errors import ArchiveError, unreadable
from workers.archive.limits import ArchiveLimits
from workers.archive.source import Source

_PIECE = 1 << 20
_MOST_WINDOW = 1 << 27
"""Bytes back that packed data may refer to: as many as `zstd -d` allows, and never held twice."""
_SMALL = 64 << 20
"""A stream up to this many bytes may have any ratio."""
_EMPTY = 4 << 20
_EMPTY_SHARE = 16
"""Packed data may be larger than what they hold by a sixteenth and `_EMPTY` bytes. Without an end
they could go on for hours, all headers and frames with nothing in them."""


class Stream(Protocol):
    """Bytes that are read once, front to back.

    Attributes:
        position: Bytes that have been read or skipped.
    """

    position: int

    def read(self, length: int) -> bytes:
        """Read `length` bytes: fewer at the end only."""
        ...

    def skip_to(self, position: int) -> None:
        """Go on at a later position; one behind the end is noticed by the next `read`."""
        ...

    def finish(self) -> None:
        """Check what is behind the archive's end."""
        ...


def open_stream(kind: ArchiveFormat, source: Source, limits: ArchiveLimits) -> Stream:
    """Open a tar archive's bytes."""
    if kind is ArchiveFormat.TAR:
        return PlainStream(source, limits)
    return PackedStream(kind, source, limits)


class PlainStream:
    """Bytes as they are stored; what is skipped is not read."""

    def __init__(self, source: Source, limits: ArchiveLimits) -> None:
        """Begin at the first byte."""
        self._source, self._limits = source, limits
        self.position = 0

    def read(self, length: int) -> bytes:
        """Read, see `Stream`.

        Raises:
            ArchiveError: `archive_too_large`.
        """
        data = self._source.read(self.position, length)
        self.position += len(data)
        _check_total(self.position, self._limits)
        return data

    def skip_to(self, position: int) -> None:
        """Go on, see `Stream`."""
        self.position = position

    def finish(self) -> None:
        """Nothing to check."""


class PackedStream:
    """Bytes unpacked by gzip or Zstandard; what is skipped is unpacked and forgotten."""

    def __init__(self, kind: ArchiveFormat, source: Source, limits: ArchiveLimits) -> None:
        """Begin at the first byte."""
        self._packed = _File(source)
        self._limits = limits
        self.position = 0
        self._file: gzip.GzipFile | zstandard.ZstdDecompressionReader
        if kind is ArchiveFormat.TAR_GZIP:
            self._file = gzip.GzipFile(fileobj=self._packed, mode="rb")
        else:
            unpacker = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
            self._file = unpacker.stream_reader(
                self._packed,  # type: ignore[arg-type]  # all it does is read
                read_across_frames=True,
            )

    def read(self, length: int) -> bytes:
        """Read, see `Stream`.

        Raises:
            ArchiveError: `archive_unreadable`, `archive_too_large`, `suspicious_ratio`.
        """
        pieces = []
        while length > 0 and (piece := self._piece(min(length, _PIECE))):
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def skip_to(self, position: int) -> None:
        """Go on, see `Stream`; raises what `read` does."""
        while self.position < position and self._piece(min(position - self.position, _PIECE)):
            pass

    def finish(self) -> None:
        """Unpack what follows, mostly padding, so that the checksum at the end is compared."""
        while self._piece(_PIECE):
            pass

    def _piece(self, length: int) -> bytes:
        try:
            piece = self._file.read(length)
        except EOFError:
            raise unreadable("it was cut off") from None
        except (OSError, zlib.error, zstandard.ZstdError):
            raise unreadable("its packed data are damaged") from None
        self.position += len(piece)
        self._packed.unpacked = self.position
        _check_total(self.position, self._limits)
        if self.position > max(_SMALL, self._limits.max_ratio * self._packed.position):
            raise ArchiveError(
                "suspicious_ratio",
                f"The archive unpacks to more than {self._limits.max_ratio} times its size, as "
                "films never do.",
            )
        return piece


class _File(io.RawIOBase):
    """What the unpackers read from, for as long as something comes out."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.position = 0
        self.unpacked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self.position > self.unpacked + self.unpacked // _EMPTY_SHARE + _EMPTY:
            raise unreadable("its packed data hold next to nothing")
        data = self._source.read(self.position, len(buffer))
        self.position += len(data)
        buffer[: len(data)] = data
        return len(data)


def _check_total(position: int, limits: ArchiveLimits) -> None:
    if position > limits.max_total_bytes:
        raise ArchiveError(
            "archive_too_large",
            f"The archive unpacks to more than {limits.max_total_bytes:,} bytes, the limit.",
        )
