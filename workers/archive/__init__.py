"""Archives that lie in the object store, unpacked entry by entry by ranged reads, trusting nothing.

Neither an archive nor its directory is ever held whole, in memory or on disk.
"""

from workers.archive.base import Archive, Named
from workers.archive.errors import ArchiveError, EntryError
from workers.archive.folder import FolderArchive
from workers.archive.limits import ArchiveLimits
from workers.archive.names import is_ignored, is_no_film
from workers.archive.source import RangeReader
from workers.archive.tar import TarArchive
from workers.archive.zip import ZipArchive

__all__ = [
    "Archive",
    "ArchiveError",
    "ArchiveLimits",
    "EntryError",
    "FolderArchive",
    "Named",
    "RangeReader",
    "TarArchive",
    "ZipArchive",
    "is_ignored",
    "is_no_film",
]
