"""The object store as every room sees it: bytes under keys, whatever the backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from lungline.errors import TooLarge
from storage.objects.parted import PartedObjects

CHUNK = 1024 * 1024
"""Bytes read at once from a stream that is being stored."""


@dataclass(frozen=True, slots=True)
class StoredStream:
    """What `put_stream` stored.

    Attributes:
        size: Bytes.
        sha256: Hexadecimal digest of those bytes.
    """

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing.

    Attributes:
        key: Where it is.
        size: Bytes.
        modified_at: When it was put, in seconds since the epoch, by the store's clock.
    """

    key: str
    size: int
    modified_at: float


class ObjectStore(Protocol):
    """Bytes under keys of the shape `<tenant>/<kind>/<name>...` (see `storage.objects.keys`).

    An object is there whole or not at all, and once a `put` has returned it survives a crash.
    A key must not continue another key (`a/b/c` and `a/b/c/d`). Every method may be called by
    several threads and, after a fork, in the child.

    Every method raises `StoreUnavailable` when the backend fails or does not answer in time, and
    `ValueError` for a key that is none, which is a mistake of the caller.
    """

    @property
    def parts(self) -> PartedObjects:
        """Objects that come in parts."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store an object, in place of an earlier one under the key."""
        ...

    def put_many(self, objects: Mapping[str, bytes]) -> None:
        """Store several objects in less time than one after the other.

        Each object is whole or not at all, but after an error some may be stored.
        """
        ...

    def put_stream(self, key: str, stream: BinaryIO, limit: int) -> StoredStream:
        """Store what a stream holds, in bounded memory; an error leaves nothing behind.

        Args:
            key: Where to.
            stream: Read to its end; what it raises passes through.
            limit: Most bytes taken.

        Raises:
            TooLarge: The stream holds more than `limit` bytes.
        """
        ...

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            ObjectNotFound: There is none under the key.
        """
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read part of an object: fewer bytes where it ends first, none behind its end.

        Raises:
            ObjectNotFound: There is none under the key.
        """
        ...

    def size(self, key: str) -> int:
        """Count the bytes of an object.

        Raises:
            ObjectNotFound: There is none under the key.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under the key."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...

    def discard(self, key: str) -> None:
        """Remove an object, and what a `put_stream` to the key that died has left behind."""
        ...

    def link(self, key: str, seconds: int, filename: str, media_type: str) -> str | None:
        """An address from which a client may GET an object, without any other right.

        Returns:
            None when the store is not to be reached by clients: then the API gives it out.
        """
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix` (any string), in no order, a page at a time."""
        ...

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Yield what begins with `prefix`, with size and time, as `keys` does."""
        ...

    def check(self) -> None:
        """Do nothing if the store can be used, for readiness."""
        ...


class LimitedReader:
    """Reads a stream in pieces and refuses to read past a limit."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        """Wrap `stream`, of which at most `limit` bytes are given out."""
        self._stream = stream
        self._limit = limit
        self._size = 0

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes, or fewer at the end of the stream.

        Raises:
            TooLarge: The stream holds more than the limit.
        """
        pieces = []
        missing = size
        while missing and (piece := self._stream.read(min(missing, CHUNK))):
            pieces.append(piece)
            missing -= len(piece)
            self._size += len(piece)
            if self._size > self._limit:
                raise TooLarge(f"The body has more than {self._limit:,} bytes, the limit.")
        return b"".join(pieces)
