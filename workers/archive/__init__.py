"""Zip archives that lie in the object store: listed and unpacked by ranged reads, trusting nothing.

Neither the archive nor its directory is ever held whole, in memory or on disk.
"""

from workers.archive.errors import ArchiveError, EntryError
from workers.archive.limits import ArchiveLimits
from workers.archive.names import is_ignored, is_no_film
from workers.archive.records import Entry
from workers.archive.zip import ZipArchive

__all__ = [
    "ArchiveError",
    "ArchiveLimits",
    "Entry",
    "EntryError",
    "ZipArchive",
    "is_ignored",
    "is_no_film",
]
