"""A secret of the service in a file of its own, made when it is first needed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes

from lungline.domain import new_id

_KEY_BYTES = 32


class KeyCutShort(OSError):
    """The file holds less than a key: whoever knows so little can make what the key makes."""


def read_or_make_key(path: Path) -> bytes:
    """Read the key; of several processes that make it at once, the first wins.

    Raises:
        OSError: The file can neither be read nor made.
        KeyCutShort: It is empty, or cut short. It is not made anew: what was made with the key
            that was there would be nobody's.
    """
    with suppress(FileNotFoundError):
        return _read(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{new_id()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(draft, path)  # whole, or not at all
    finally:
        draft.unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) < _KEY_BYTES:
        raise KeyCutShort(f"{path.name} holds {len(key)} bytes of {_KEY_BYTES}")
    return key
