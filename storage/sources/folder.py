"""A folder of this machine. No symbolic link is followed below it, whoever puts one there when."""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from lungline.errors import FilmRejected, SourceUnavailable
from storage.sources.base import (
    Found,
    SourceUnreadable,
    missing,
    refused,
    too_large,
)

NAMES = 20_000
"""Names of one folder that are held; a larger one is looked through again for the next ones."""
_DEEPEST = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe is opened without waiting for its other end, and then seen to be none of ours.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
"""Nothing is there; under a name that is too long nothing can be."""
_DENIED = frozenset({errno.EACCES, errno.EPERM})


class FolderSource:
    """A `Source` in a folder."""

    def __init__(self, root: Path, below: Sequence[str]) -> None:
        """Read what lies under `root`, which may be a link, in folders below, which may not."""
        self._root, self._below = root, [os.fsencode(name) for name in below]

    def files(self, after: str | None) -> Iterator[Found]:
        """See `Source.files`; by name, byte by byte, a folder at the place of its name."""
        start = unquote_to_bytes(after).split(b"/") if after else []
        try:
            with self._opened(self._below) as folder:
                yield from self._walk(folder, b"", start, 0)
        except OSError as error:
            if error.errno in _GONE or error.errno == errno.ELOOP:
                raise SourceUnreadable("There is no such folder.") from None
            if error.errno in _DENIED:
                raise SourceUnreadable("The service may not read a folder there.") from None
            raise _failed(error) from error

    def named(self, name: str) -> Found:
        """See `Source.named`."""
        return Found(name, 0, quote_from_bytes(os.fsencode(name)))

    def read(self, file: Found, most: int) -> bytes:
        """See `Source.read`."""
        parts = unquote_to_bytes(file.place).split(b"/")
        if any(part in (b"", b".", b"..") or b"\0" in part for part in parts):
            raise FilmRejected("unsafe_name", "The name leads out of the folder, or is none.")
        try:
            with self._opened([*self._below, *parts[:-1]]) as folder:
                return _read(folder, parts[-1], most)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise _special() from None
            if error.errno in _GONE:
                raise missing() from None
            if error.errno in _DENIED:
                raise refused() from None
            raise _failed(error) from error

    @contextmanager
    def _opened(self, names: Sequence[bytes]) -> Iterator[int]:
        """Open a folder, name by name, so that no link on the way is followed."""
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                inner = os.open(name, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def _walk(
        self, folder: int, path: bytes, start: Sequence[bytes], depth: int
    ) -> Iterator[Found]:
        """Yield the files of a folder that come behind `start`."""
        if depth > _DEEPEST:
            raise SourceUnreadable(f"Folders lie more than {_DEEPEST} deep in each other.")
        first = start[0] if start else b""
        for name in _names(folder, first):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    inner = os.open(name, _FOLDER, dir_fd=folder)
                else:
                    inner = None
            except FileNotFoundError:
                continue
            if inner is not None:
                try:
                    rest = start[1:] if name == first else ()
                    yield from self._walk(inner, path + name + b"/", rest, depth + 1)
                finally:
                    os.close(inner)
            elif name != first or len(start) > 1:
                whole = path + name
                yield Found(_readable(whole), status.st_size, quote_from_bytes(whole))


def _names(folder: int, first: bytes) -> Iterator[bytes]:
    """Yield the names in a folder from `first` on, in order, some at a time."""
    last: bytes | None = None
    while True:
        with os.scandir(folder) as entries:
            names = heapq.nsmallest(
                NAMES,
                (
                    name
                    for entry in entries
                    if (name := os.fsencode(entry.name)) >= first and (last is None or name > last)
                ),
            )
        yield from names
        if len(names) < NAMES:
            return
        last = names[-1]


def _read(folder: int, name: bytes, most: int) -> bytes:
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _special()
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(most + 1) if status.st_size <= most else b""
    finally:
        os.close(descriptor)
    if status.st_size > most or len(data) > most:
        raise too_large(most)
    return data


def _readable(name: bytes) -> str:
    """A name as text: UTF-8, or what older Korean systems wrote."""
    for encoding in ("utf-8", "cp949"):
        try:
            return name.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name.decode("utf-8", "replace")


def _special() -> FilmRejected:
    return FilmRejected("special_entry", "It is a link, a device or a folder, not a plain file.")


def _failed(error: OSError) -> SourceUnavailable:
    reason = os.strerror(error.errno) if error.errno else "an unknown error"
    return SourceUnavailable(f"A folder of films cannot be read now: {reason}.")
