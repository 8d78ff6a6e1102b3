"""Free space: intake stops before the disk of the local store, of SQLite or of the spool is full.

Before a body is taken, and while it comes: nobody knows how long it will be, or what comes beside.

What is full cannot even write down that it is: a full disk stops readers too, in the middle of
their batches. Of S3 and PostgreSQL nobody here sees the disk: an operator can say how much of them
there may be (`storage.allotment`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import BinaryIO, cast

from sqlalchemy import make_url

from lungline.errors import StorageFull
from lungline.settings import Settings
from storage.allotment import Allotment
from storage.database import Database

LOOK_BYTES = 64 * 1024 * 1024
"""Room is looked at this often while something is written, which passes the bound by no more."""
_SPOOL_SHARE = 10
"""A spool may have a small disk for itself: of that no more than a tenth must stay free."""


class Space:
    """Looks at the disks that this service fills itself, and at what it is allotted elsewhere."""

    def __init__(self, settings: Settings, database: Callable[[], Database] | None = None) -> None:
        """Find the folders.

        Args:
            settings: Say where they are, and what must stay free.
            database: Knows what there is elsewhere; None: only disks are looked at.
        """
        self._allotment = database and Allotment(settings, database)
        self._least = settings.min_free_bytes
        self._spool = settings.spool_dir
        self._folders: dict[str, Path] = {}
        if settings.store == "local":
            self._folders["object store"] = settings.objects_dir
        url = make_url(settings.sqlalchemy_url)
        if url.get_backend_name() == "sqlite" and url.database:
            self._folders["database"] = Path(url.database).parent

    def check(self, coming_bytes: int = 0, unrecorded_bytes: int = 0) -> None:
        """Do nothing while there is room.

        Args:
            coming_bytes: What is about to be stored.
            unrecorded_bytes: What was stored before it, and no row tells of yet.

        Raises:
            StorageFull: Less than `LUNGLINE_MIN_FREE_BYTES` would be left on a disk, or more be
                stored than is allotted.
            DatabaseUnavailable: Only the database could tell, and does not answer.
        """
        self.check_disks(coming_bytes)
        if self._allotment is not None:
            self._allotment.check(coming_bytes + unrecorded_bytes)

    def check_disks(self, coming_bytes: int = 0, *, spooled: bool = False) -> None:
        """Do nothing while there is room on the disks, whatever is allotted elsewhere.

        Args:
            coming_bytes: What is about to be written.
            spooled: Whether to the spool, whose disk is looked at too.

        Raises:
            StorageFull: See `check`.
        """
        for what, free, least in self._disks(spooled) if self._least else ():
            if free - coming_bytes < least:
                raise StorageFull(
                    f"The disk of the {what} is nearly full: less than {least:,} bytes would "
                    "be left. Nothing is taken until its operator makes room."
                )

    def watch(self, stream: BinaryIO, *, spooled: bool = False) -> BinaryIO:
        """Wrap a stream that is being written, so that it ends in an error when no room is left.

        Args:
            stream: Only `read` is called.
            spooled: See `check_disks`.

        Returns:
            What can be read only. It raises `StorageFull`, too.
        """
        return cast(BinaryIO, _Watched(stream, lambda: self.check_disks(spooled=spooled)))

    def _disks(self, spooled: bool) -> Iterator[tuple[str, int, int]]:
        """Yield what lies on a disk, how many bytes are free there, and how many must be."""
        for what, free in self.free().items():
            yield what, free, self._least
        if spooled:
            disk = shutil.disk_usage(_existing(self._spool or Path(gettempdir())))
            yield "spool", disk.free, min(self._least, disk.total // _SPOOL_SHARE)

    def free(self) -> dict[str, int]:
        """Tell how many bytes are free on the disk of the object store, and of the database.

        Returns:
            By what lies there; nothing for S3 and PostgreSQL, of which nobody can know.
        """
        return {
            what: shutil.disk_usage(_existing(folder)).free
            for what, folder in self._folders.items()
        }


class _Watched:
    """A stream that looks for room now and then."""

    def __init__(self, stream: BinaryIO, look: Callable[[], None]) -> None:
        self._stream, self._look = stream, look
        self._unseen = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._unseen += len(data)
        if self._unseen >= LOOK_BYTES:
            self._unseen = 0
            self._look()
        return data


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there: both lie on one disk."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())
