"""Objects from one store into another, a piece at a time."""

from __future__ import annotations

import hashlib
import io

from lungline.errors import ObjectNotFound
from storage.objects.base import ObjectStore, StoredStream

PIECE = 8 * 1024 * 1024


class ObjectStream(io.RawIOBase):
    """An object as a stream, read by ranges."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        """Read from the object's begin."""
        self._store, self._key = store, key
        self._at, self._piece = 0, b""

    def read(self, size: int = -1) -> bytes:
        """Read some bytes; none at the end."""
        if not self._piece:
            self._piece = self._store.get_range(self._key, self._at, PIECE)
            self._at += len(self._piece)
        taken, self._piece = self._piece[:size], self._piece[size:]
        return taken


def copy_object(source: ObjectStore, target: ObjectStore, key: str) -> StoredStream:
    """Copy one object in bounded memory.

    Raises:
        ObjectNotFound: The source has none under the key.
    """
    size = source.size(key)
    return target.put_stream(key, ObjectStream(source, key), size)  # type: ignore[arg-type]  # it only reads


def digest_of(store: ObjectStore, key: str) -> StoredStream | None:
    """Read an object for its size and checksum; None where there is none."""
    digest, size = hashlib.sha256(), 0
    stream = ObjectStream(store, key)
    try:
        while piece := stream.read(PIECE):
            digest.update(piece)
            size += len(piece)
    except ObjectNotFound:
        return None
    return StoredStream(size, digest.hexdigest())
