"""Where the local store keeps an object, and which object a file is."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from storage.objects.keys import LEAST_SEGMENTS, check_key

_FAN_AT = LEAST_SEGMENTS - 1


class Layout:
    """Keys as paths below a folder.

    The object `t/films/abc` is the file `t/films/<f>/abc`, where `f` is the last digit of a
    checksum of `abc`: one folder of a million entries would be slow to list and to back up, but
    each folder that a batch of objects touches costs a flush.
    """

    def __init__(self, root: Path) -> None:
        """Keep objects below `root`."""
        self._root = root

    def path(self, key: str) -> Path:
        """The file of an object.

        Raises:
            ValueError: It is no key.
        """
        segments = check_key(key)
        fan = f"{zlib.crc32(segments[_FAN_AT].encode()) & 0xF:x}"
        return self._root.joinpath(*segments[:_FAN_AT], fan, *segments[_FAN_AT:])

    def files(self, prefix: str) -> Iterator[tuple[str, Path]]:
        """Yield the files below the root whose keys begin with `prefix`, with these.

        Raises:
            OSError: A folder cannot be read.
        """
        folders = prefix.split("/")[:-1][:_FAN_AT]
        if any(name in ("", ".", "..") for name in folders):
            return
        for folder, _, names in os.walk(self._root.joinpath(*folders), onerror=_unless_gone):
            segments = Path(folder).relative_to(self._root).parts
            if len(segments) <= _FAN_AT:
                continue
            begin = "/".join((*segments[:_FAN_AT], *segments[_FAN_AT + 1 :]))
            for name in names:
                if (key := f"{begin}/{name}").startswith(prefix):
                    yield key, Path(folder, name)


def _unless_gone(error: OSError) -> None:
    """A folder that another process removed meanwhile holds no keys."""
    if not isinstance(error, FileNotFoundError):
        raise error
