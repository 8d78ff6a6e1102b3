"""Files that are there whole, or not at all, and survive a power cut.

A file is written beside its place and flushed, then renamed into it, then the folder is flushed.
"""

from __future__ import annotations

import os
from pathlib import Path

_MOVES = 3


def write_flushed(path: Path, data: bytes) -> None:
    """Write a new file, readable by its owner only, and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=0) as file:
        write_all(file.fileno(), data)
        os.fsync(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`: one call to the system may take only a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def move(source: Path, target: Path) -> None:
    """Rename a file, in place of an older one; folders are made as needed.

    The folder is not flushed: `flush_folder` does it, once for many files.
    """
    for left in reversed(range(_MOVES)):
        try:
            os.replace(source, target)
        except FileNotFoundError:
            # No folder yet, or a deletion took it away when it was empty.
            if not left or not source.exists():
                raise
            make_folders(target.parent)
        else:
            return


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, owner only, each flushed into the one above it."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
