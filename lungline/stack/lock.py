"""One stack per data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from lungline.stack.errors import DataFolderBusy


class DataLock:
    """Holds a data folder for this process; the kernel lets go when the process ends.

    The lock is advisory (`flock`), and no child inherits it. The file names the holder's process
    id for people; an id in a file that nobody locks means nothing.
    """

    def __init__(self, data: Path) -> None:
        """Name the lock of the folder `data`, which exists."""
        self._path = data / "lungline.lock"
        self._descriptor: int | None = None
        #: Whether the holder before did not let go in good order: it was killed.
        self.left_over = False

    def __enter__(self) -> Self:
        """Take the folder.

        Raises:
            DataFolderBusy: Another process holds it; the message names the process.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(descriptor) or "unknown"
            os.close(descriptor)
            raise DataFolderBusy(
                f"another lungline (process {holder}) already runs on the data folder "
                f"{self._path.parent}: stop it, or name another folder with --data"
            ) from None
        self.left_over = bool(_read(descriptor))
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the folder go."""
        if self._descriptor is not None:
            os.truncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _read(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
