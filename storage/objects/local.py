"""Objects in a folder of this machine: the store of the embedded stack."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from lungline.errors import ObjectNotFound, StoreUnavailable
from storage.objects.base import CHUNK, LimitedReader, Listed, StoredStream
from storage.objects.durable import flush_folder, make_folders, move, write_all, write_flushed
from storage.objects.keys import LEAST_SEGMENTS, check_range
from storage.objects.layout import Layout
from storage.objects.local_parts import LocalParts
from storage.objects.marker import NAME, WORDS, Known, Marker, nothing_known
from storage.objects.parallel import for_all
from storage.objects.parted import PartedObjects

_INCOMING = ".incoming"
_STALE_SECONDS = 24 * 3600.0
_FLUSHES = 8
"""Flushes in flight together share a commit of the file system's journal: 64 films of 60 kB took
0.4 ms each this way on ext4, 1.5 ms one after the other."""
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})


class LocalStore:
    """An `ObjectStore` in a folder. Holds no open files, so it may be used across a fork."""

    def __init__(self, root: Path, known: Known = nothing_known) -> None:
        """Use the folder `root`, which is made when it is first written to.

        Args:
            root: The folder.
            known: What should be in it, asked where it has no marker.
        """
        self._root = root.resolve()
        self._incoming = self._root / _INCOMING
        self._layout = Layout(self._root)
        self._marker = Marker(self._is_marked, self._mark, self._has, known)
        self.parts: PartedObjects = LocalParts(
            self._root, self._layout.path, self._marker, self._reading, _writing
        )

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`."""
        self.put_many({key: data})

    def put_many(self, objects: Mapping[str, bytes]) -> None:
        """See `ObjectStore.put_many`."""
        targets = [self._layout.path(key) for key in objects]
        with _writing(), self._temporaries(len(targets)) as temporaries:
            for_all(write_flushed, list(zip(temporaries, objects.values(), strict=True)), _FLUSHES)
            for temporary, target in zip(temporaries, targets, strict=True):
                move(temporary, target)
            for_all(flush_folder, [(folder,) for folder in {t.parent for t in targets}], _FLUSHES)

    def put_stream(self, key: str, stream: BinaryIO, limit: int) -> StoredStream:
        """See `ObjectStore.put_stream`."""
        target = self._layout.path(key)
        with self._temporaries(1, _begin_of(key)) as (temporary,):
            stored = _copy(LimitedReader(stream, limit), temporary)
            with _writing():
                move(temporary, target)
                flush_folder(target.parent)
        return stored

    def get(self, key: str) -> bytes:
        """See `ObjectStore.get`."""
        path = self._layout.path(key)
        with self._reading():
            return path.read_bytes()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        check_range(start, length)
        path = self._layout.path(key)
        with self._reading(), path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def size(self, key: str) -> int:
        """See `ObjectStore.size`."""
        path = self._layout.path(key)
        with self._reading():
            return _size_of(path)

    def exists(self, key: str) -> bool:
        """See `ObjectStore.exists`."""
        try:
            self.size(key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        path = self._layout.path(key)
        with suppress(ObjectNotFound), self._reading():
            path.unlink()
            flush_folder(path.parent)
        if key.count("/") >= LEAST_SEGMENTS:
            # A folder of its own (a film's masks) goes with its last file.
            with suppress(OSError):
                path.parent.rmdir()

    def discard(self, key: str) -> None:
        """See `ObjectStore.discard`."""
        self.delete(key)
        with _writing():
            for path in self._incoming.glob(f"{_begin_of(key)}*"):
                path.unlink(missing_ok=True)

    def link(self, key: str, seconds: int, filename: str, media_type: str) -> str | None:
        """See `ObjectStore.link`: a folder has no address."""
        return None

    def keys(self, prefix: str) -> Iterator[str]:
        """See `ObjectStore.keys`."""
        self._marker.check()
        with self._reading():
            yield from (key for key, _ in self._layout.files(prefix))

    def listing(self, prefix: str) -> Iterator[Listed]:
        """See `ObjectStore.listing`."""
        self._marker.check()
        with self._reading():
            for key, path in self._layout.files(prefix):
                try:
                    status = path.stat()
                except FileNotFoundError:  # somebody deleted it meanwhile
                    continue
                yield Listed(key, status.st_size, status.st_mtime)

    def check(self) -> None:
        """See `ObjectStore.check`; also removes uploads that ended unfinished a day ago."""
        with _writing(), self._temporaries(1) as (temporary,):
            temporary.write_bytes(b"x")
            _remove_stale(self._incoming)

    @contextmanager
    def _temporaries(self, count: int, mark: str = "") -> Iterator[list[Path]]:
        """Names of files that are gone when the block is left; they are not made here."""
        self._marker.ready()
        with _writing():
            make_folders(self._incoming)
        paths = [self._incoming / f"{mark}{uuid4().hex}" for _ in range(count)]
        try:
            yield paths
        finally:
            for path in paths:
                # One that cannot be removed now is stale tomorrow.
                with suppress(OSError):
                    path.unlink()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with _reading():
                yield
        except ObjectNotFound:
            self._marker.check()
            raise

    def _is_marked(self) -> bool:
        return _is_file(self._root / NAME)

    def _mark(self) -> None:
        with _writing():
            make_folders(self._root)
            with suppress(FileExistsError):  # another process made it just now
                write_flushed(self._root / NAME, WORDS)
            flush_folder(self._root)

    def _has(self, key: str) -> bool:
        return _is_file(self._layout.path(key))


def _size_of(path: Path) -> int:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(errno.ENOENT, "not a file")
    return status.st_size


def _begin_of(key: str) -> str:
    """How the temporary file of a stream to `key` begins."""
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}-"


def _copy(reader: LimitedReader, path: Path) -> StoredStream:
    """Copy a stream to a new, flushed file; only the file's errors become the store's."""
    digest, size = hashlib.sha256(), 0
    with _writing():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while piece := reader.read(CHUNK):
            digest.update(piece)
            size += len(piece)
            with _writing():
                write_all(descriptor, piece)
        with _writing():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return StoredStream(size, digest.hexdigest())


def _remove_stale(folder: Path) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.stat().st_mtime < time.time() - _STALE_SECONDS:
                    os.unlink(entry)


def _is_file(path: Path) -> bool:
    try:
        with _reading():
            _size_of(path)
    except ObjectNotFound:
        return False
    return True


@contextmanager
def _reading() -> Iterator[None]:
    try:
        with _writing(_ABSENT):
            yield
    except OSError as error:
        raise ObjectNotFound("The object store has no such object.") from error


@contextmanager
def _writing(passed: frozenset[int] = frozenset()) -> Iterator[None]:
    """Turn what the file system raises into `StoreUnavailable`, but for the numbers `passed`."""
    try:
        yield
    except OSError as error:
        if error.errno in passed:
            raise
        reason = os.strerror(error.errno) if error.errno else "an unknown error"
        raise StoreUnavailable(
            f"The object store's folder cannot be used: {reason}. Check its disk and permissions."
        ) from error
