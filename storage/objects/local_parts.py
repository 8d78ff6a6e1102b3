"""Parts of objects in a folder of this machine.

All parts of an object are written into one file, each at its place, so that completing an object
of any size is a rename. Beside it each part has a small file that says whether the part is there;
its lock keeps two requests from writing one part at once, also those of other processes, and a
lock on the whole keeps all of them out once the object is being completed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from lungline.errors import UploadBusy, UploadIncomplete
from storage.objects.base import CHUNK
from storage.objects.durable import flush_folder, make_folders, move, write_flushed
from storage.objects.keys import check_key
from storage.objects.marker import Marker
from storage.objects.parted import Part, Parted, Unfinished, check_md5, wrong_size

FOLDER = ".parts"
_DATA, _LOCK, _KEY = "data", "lock", "key"

Guard = Callable[[], AbstractContextManager[Any]]


class LocalParts:
    """`PartedObjects` in a folder."""

    def __init__(
        self,
        root: Path,
        path: Callable[[str], Path],
        marker: Marker,
        reading: Guard,
        writing: Guard,
    ) -> None:
        """Keep parts below `root`.

        Args:
            root: Of the store.
            path: Where an object is.
            marker: Of the store.
            reading: Turns the file system's errors into the store's, absence among them.
            writing: The same, but absence is a failure.
        """
        self._folder = root / FOLDER
        self._path = path
        self._marker = marker
        self._reading = reading
        self._writing = writing

    def begin(self, key: str) -> str:
        """See `PartedObjects.begin`."""
        self._marker.ready()
        token = uuid4().hex
        folder = self._folder / f"{_digest(key)}-{token}"
        with self._writing():
            make_folders(folder)
            for name, content in ((_KEY, key.encode()), (_DATA, b""), (_LOCK, b"")):
                write_flushed(folder / name, content)
            flush_folder(folder)
        return token

    def put(self, whole: Parted, number: int, stream: BinaryIO, md5: bytes | None = None) -> Part:
        """See `PartedObjects.put`."""
        size = whole.size_of(number)
        folder = self._of(whole)
        with (
            self._locked(folder / _LOCK, fcntl.LOCK_SH),
            self._locked(folder / f"{number:05}", fcntl.LOCK_EX, os.O_CREAT) as mark,
        ):
            with self._writing():
                _forget(mark)
            digest = self._copy(folder / _DATA, whole.offset(number), stream, size)
            if digest is None:
                raise wrong_size(number, size)
            check_md5(number, md5, digest)
            with self._writing():
                os.pwrite(mark, f"{size} {digest.hex()}\n".encode(), 0)
                os.fsync(mark)
                flush_folder(folder)
        return Part(number, size, digest.hex())

    def link(self, whole: Parted, number: int, seconds: int) -> str | None:
        """See `PartedObjects.link`: a folder has no address."""
        whole.size_of(number)
        return None

    def arrived(self, whole: Parted) -> list[Part]:
        """See `PartedObjects.arrived`."""
        with self._reading():
            marks = sorted(self._of(whole).iterdir())
            parts = [_part(mark) for mark in marks if mark.name.isdigit()]
        return [part for part in parts if part is not None]

    def complete(self, whole: Parted, parts: Sequence[Part]) -> None:
        """See `PartedObjects.complete`."""
        target, folder = self._path(whole.key), self._of(whole)
        with self._locked(folder / _LOCK, fcntl.LOCK_EX):
            arrived = self.arrived(whole)
            if list(parts) != arrived or whole.missing(arrived):
                raise UploadIncomplete("The parts are not those that have arrived.")
            with self._reading():
                os.truncate(folder / _DATA, whole.size)
            with self._writing():
                move(folder / _DATA, target)
                flush_folder(target.parent)
            # Before anybody else holds the lock: who came second finds nothing, not a part of it.
            self.abort(whole.key)

    def abort(self, key: str, token: str | None = None) -> None:
        """See `PartedObjects.abort`."""
        self._marker.check()
        with self._writing():
            for folder in self._folder.glob(f"{_digest(key)}-{token or '*'}"):
                with suppress(FileNotFoundError):
                    shutil.rmtree(folder)

    def unfinished(self) -> Iterator[Unfinished]:
        """See `PartedObjects.unfinished`."""
        self._marker.check()
        with self._writing():
            for note in self._folder.glob(f"*/{_KEY}"):
                with suppress(FileNotFoundError):  # completed or aborted meanwhile
                    token = note.parent.name.rpartition("-")[2]
                    yield Unfinished(note.read_text(), token, note.stat().st_mtime)

    def _of(self, whole: Parted) -> Path:
        return self._folder / f"{_digest(whole.key)}-{whole.token}"

    def _copy(self, path: Path, offset: int, stream: BinaryIO, size: int) -> bytes | None:
        """Write what the stream holds into its place and flush it; None if it ends too early."""
        digest, left = hashlib.md5(usedforsecurity=False), size
        with self._reading():
            data = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            while left and (piece := stream.read(min(left, CHUNK))):
                digest.update(piece)
                with self._writing():
                    _write_at(data, piece, offset + size - left)
                left -= len(piece)
            with self._writing():
                os.fsync(data)
        finally:
            os.close(data)
        return None if left else digest.digest()

    @contextmanager
    def _locked(self, path: Path, kind: int, flags: int = 0) -> Iterator[int]:
        """Hold a lock on a file; it goes with the process, however that ends."""
        with self._reading():
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
        try:
            with self._writing():
                free = _try_lock(descriptor, kind)
            if not free:
                raise UploadBusy("Another request is sending this part, or completes the upload.")
            with self._reading():
                # Completed or aborted between opening and locking it.
                os.stat(path)
            yield descriptor
        finally:
            os.close(descriptor)


def _digest(key: str) -> str:
    check_key(key)
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget(mark: int) -> None:
    """A part that is sent again is not there until it is whole, whatever happens meanwhile."""
    if os.fstat(mark).st_size:
        os.ftruncate(mark, 0)
        os.fsync(mark)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _part(mark: Path) -> Part | None:
    """What a part's file says; None while the part is not whole."""
    line = mark.read_text()
    if not line.endswith("\n"):
        return None
    size, etag = line.split()
    return Part(int(mark.name), int(size), etag)
