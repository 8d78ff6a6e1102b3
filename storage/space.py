"""Free space: intake stops before the disk of the local store, or of SQLite, is full.

What is full cannot even write down that it is: a full disk stops readers too, in the middle of
their batches. Of S3 and PostgreSQL nobody here sees the disk: an operator can say how much of them
there may be (`storage.allotment`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url

from lungline.errors import StorageFull
from lungline.settings import Settings
from storage.allotment import Allotment
from storage.database import Database


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
        for what, free in self.free().items() if self._least else ():
            if free - coming_bytes < self._least:
                raise StorageFull(
                    f"The disk of the {what} is nearly full: less than {self._least:,} bytes would "
                    "be left. Nothing is taken until its operator makes room."
                )
        if self._allotment is not None:
            self._allotment.check(coming_bytes + unrecorded_bytes)

    def free(self) -> dict[str, int]:
        """Tell how many bytes are free on the disk of the object store, and of the database.

        Returns:
            By what lies there; nothing for S3 and PostgreSQL, of which nobody can know.
        """
        return {
            what: shutil.disk_usage(_existing(folder)).free
            for what, folder in self._folders.items()
        }


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there: both lie on one disk."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())
